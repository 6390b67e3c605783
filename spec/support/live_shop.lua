-- The demo shop, three processes: the gateway with the scripts of the tree, and its two backends.
-- (support.shop is the same without processes.)
local gateway <const> = require "support.gateway"
local poll <const> = require "support.poll"

local shop <const> = {}

local Shop <const> = {}
Shop.__index = Shop
shop.Shop = Shop

local RELEASE <const> = "/api/v1/stock/release"

local function start_backend(name, port)
  return gateway.start { SCRIPTS_DIR = "scripts/demo/" .. name, PORT = port }
end

local function url_of(backend)
  return "http://127.0.0.1:" .. backend.port
end

-- Settings are the gateway's. Unless they say otherwise no breaker opens, so that no test is struck
-- by the failures of the one before.
function shop.open(settings)
  local self <const> = setmetatable({}, Shop)
  self.inventory, self.pricing = start_backend "inventory", start_backend "pricing"
  local given <const> = {
    CIRCUIT_BREAKER_THRESHOLD = 100000,
    INVENTORY_SERVICE_URL = url_of(self.inventory),
    PRICING_SERVICE_URL = url_of(self.pricing),
  }
  for name, value in pairs(settings or {}) do
    given[name] = value
  end
  self.settings = given
  self.gateway = gateway.start(given)
  return self
end

local function settings_and(self, settings)
  local given <const> = {}
  for _, source in ipairs { self.settings, settings or {} } do
    for name, value in pairs(source) do
      given[name] = value
    end
  end
  return given
end

-- The gateway anew, with the settings of before and these.
function Shop:start_gateway(settings)
  self.gateway = gateway.start(settings_and(self, settings))
  return self.gateway
end

-- The same, for one that may end before it listens; the process.
function Shop:start_process(settings)
  return gateway.start_process(settings_and(self, settings))
end

-- `name` is "inventory" or "pricing" from here on.
function Shop:kill(name) -- or "gateway"
  self[name].process:kill()
end

-- Starts it anew, at the same address.
function Shop:revive(name)
  self[name] = start_backend(name, self[name].port)
end

-- See scripts/demo/lib/faults.lua.
function Shop:break_down(name, faults)
  local response <const> = self[name]:request("PUT", "/demo/faults", { json = faults })
  assert(response.status == 200, response.body)
end

function Shop:repair()
  for _, name in ipairs { "inventory", "pricing" } do
    self[name]:request("DELETE", "/demo/faults")
  end
end

-- What this backend was asked by the request that got `response`.
function Shop:asked(name, response)
  local id <const>, asked <const> = response.headers["x-correlation-id"], {}
  for _, request in ipairs(self[name]:get("/demo/requests").json.requests) do
    if request.correlation_id == id then asked[#asked + 1] = request end
  end
  return asked
end

function Shop:reservations()
  return self.inventory:get("/demo/reservations").json.reservations
end

function Shop:await_reservations(n)
  poll(("%d reservations"):format(n), function() return #self:reservations() == n end)
end

-- Gives back what is reserved, and returns what that was.
function Shop:release_all()
  local reservations <const> = self:reservations()
  for _, one in ipairs(reservations) do
    self.inventory:post(RELEASE, { orderId = one.orderId, productId = one.productId })
  end
  return reservations
end

return shop
