local gateway <const> = require "gateway"

gateway.route("GET /", function()
  return 200, { message = "API Gateway", version = gateway.version }
end)
