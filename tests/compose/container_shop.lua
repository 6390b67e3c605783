-- What support.live_shop is, with the three services in containers: for integration specs that need
-- no more than to ask them, to kill and revive backends, and to read the gateway's log.
local http <const> = require "support.http"
local live_shop <const> = require "support.live_shop"
local poll <const> = require "support.poll"
local stack <const> = require "stack"

local Service <const> = {}
Service.__index = Service

function Service:request(method, path, options)
  return http.request(self.port, method, path, options)
end

function Service:get(path, ...)
  return self:request("GET", path, { headers = { ... } })
end

function Service:post(path, json)
  return self:request("POST", path, { json = json })
end

function Service:begin(method, path, options)
  return assert(http.connect(self.port)):send(http.format(method, path, options))
end

function Service:await_log(message, fits)
  return poll(("the log line '%s'"):format(message), function()
    for _, line in ipairs(stack.log(self.name)) do
      if line.message == message and (not fits or fits(line)) then return line end
    end
  end)
end

-- Asks it to end and returns the exit code.
function Service:stop()
  stack.run("docker stop %s", stack.id(self.name))
  return tonumber(stack.inspect(self.name, "{{.State.ExitCode}}"))
end

local function service(name)
  return setmetatable({ name = name, port = stack.ports[name] }, Service)
end

local shop <const> = {}

local Shop <const> = setmetatable({}, live_shop.Shop)
Shop.__index = Shop

function shop.open(settings)
  local given <const> = { CIRCUIT_BREAKER_THRESHOLD = 100000, DRAIN_SECONDS = 0 }
  for name, value in pairs(settings or {}) do
    given[name] = value
  end
  stack.up(given)
  return setmetatable({
    gateway = service "api-gateway",
    inventory = service "inventory-service",
    pricing = service "pricing-service",
  }, Shop)
end

function Shop:kill(name)
  stack.run("docker kill -s KILL %s", stack.id(self[name].name))
end

function Shop:revive(name)
  stack.run("docker start %s", stack.id(self[name].name))
  stack.await_answer(self[name].name)
end

return shop
