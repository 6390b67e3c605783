-- A gateway of two workers in front of backends that misbehave (support.rough_backend).
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"

local front <const> = {}

-- Each worker has a Lua state of its own, so `state_of` is an id per worker. HEAD comes with GET.
local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local rough <const> = gateway.backend("rough", { %s })
local worker <const> = tostring {}

local function route(target, options, path)
  local method <const> = target:match "%%u+"
  gateway.route(target, { deadline = 20 }, function()
    return 200, gateway.call(rough:request(method, path or "/thing", options)).json
  end)
end

for _, method in ipairs { "GET", "POST", "PUT", "DELETE", "PATCH" } do
  route(method .. " /call")
end
route("POST /repeatable", { idempotent = true })
route("GET /once", { idempotent = false })
route("GET /attempts-2", { attempts = 2 })
route("GET /hedged", { hedge = 0.3 })
route("GET /fallback", { fallback = function(failure) return { kind = failure.kind } end })
gateway.route("GET /state", function()
  return 200, { state = rough:state(), worker = worker }
end)
]]

-- `options` are those of gateway.backend(), as they stand in a script.
function front.start(options, settings)
  local given <const> = { WORKERS = 2 }
  for name, value in pairs(settings or {}) do
    given[name] = value
  end
  return gateways.start_with(SCRIPT:format(options), given)
end

-- What the workers say of the breaker, each asked in turn on a new connection; the last one is the
-- latest. Both have been heard.
function front.states(gateway)
  local states <const>, workers <const>, heard = {}, {}, 0
  poll("both workers", function()
    local seen <const> = gateway:get("/state").json
    states[#states + 1] = seen.state
    if not workers[seen.worker] then heard = heard + 1 end
    workers[seen.worker] = true
    return heard == 2
  end)
  return states
end

-- All workers say so, one after the other.
function front.is_in(gateway, state)
  for _, seen in ipairs(front.states(gateway)) do
    if seen ~= state then return false end
  end
  return true
end

function front.await_state(gateway, state)
  poll("a breaker that is " .. state, function()
    return gateway:get("/state").json.state == state
  end)
end

-- Sends so many requests at once, each on a connection of its own; the connections.
function front.begin(gateway, n, method, path)
  local connections <const> = {}
  for i = 1, n do
    connections[i] = gateway:begin(method, path)
  end
  return connections
end

-- The responses on these connections, and how many there are of each status.
function front.finish(connections)
  local responses <const>, count <const> = {}, {}
  for i, connection in ipairs(connections) do
    responses[i] = connection:finish()
    count[responses[i].status] = (count[responses[i].status] or 0) + 1
  end
  return responses, count
end

-- What the breaker said: { from, to, reason, last_failure, ... }; that of a host if it is named.
function front.changes(gateway, host)
  local changes <const> = {}
  for _, line in ipairs(gateway:log_until(gateway:get "/nowhere", "breaker")) do
    if line.host == host then changes[#changes + 1] = line end
  end
  return changes
end

-- For a script: a list of addresses.
function front.urls(...)
  local words <const> = {}
  for i, backend in ipairs { ... } do
    words[i] = ("%q"):format(backend.url)
  end
  return ("urls = { %s }"):format(table.concat(words, ", "))
end

return front
