-- GET /demo/requests: the last requests this backend was sent, oldest first, for tests that ask
-- what the gateway did.
local gateway <const> = require "gateway"

local KEPT <const> = 200

local seen <const> = gateway.json.array {}

gateway.before(function(req)
  if req.path:find("/demo/", 1, true) == 1 then return end
  if #seen == KEPT then table.remove(seen, 1) end
  seen[#seen + 1] = { method = req.method, path = req.path, correlation_id = req.correlation_id }
end)

gateway.route("GET /demo/requests", function()
  return 200, { requests = seen }
end)
