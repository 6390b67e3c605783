-- What happens to the processes while the orders are placed: the gateway is killed at random
-- moments, its backends now and then, and they are given faults.
local exchange <const> = require "exchange"
local gateway <const> = require "support.gateway"
local tasks <const> = require "tasks"

local Storm <const> = {}
Storm.__index = Storm

local FAULTS <const> = {
  { "pricing", { latency_ms = 300, times = 20 } },
  { "pricing", { status = 503, times = 10 } },
  { "pricing", { drop = true, times = 10 } },
  { "pricing", { latency_ms = 2000, error_rate = 0.2, times = 20 } },
  { "inventory", { latency_ms = 200, times = 20 } },
  { "inventory", { status = 500, times = 10, path = "/api/v1/stock" } },
  { "inventory", { drop = true, times = 10, path = "/api/v1/stock/reserve" } },
  { "inventory", { drop = true, times = 10, path = "/api/v1/stock/release" } },
}

-- shop: by name "gateway", "inventory" and "pricing", each { settings, process, port }.
function Storm.new(shop)
  return setmetatable({ shop = shop, kills = { gateway = 0, inventory = 0, pricing = 0 } }, Storm)
end

function Storm:start(name)
  local one <const> = self.shop[name]
  one.process = gateway.start_process(one.settings)
  one.is_down = false
end

-- By its pid, as the machine's end would.
function Storm:kill(name)
  local one <const> = self.shop[name]
  local code <const> = one.process:exit_code()
  if code then
    error(("%s ended by itself, with %d: %s"):format(name, code, one.process:errors()), 0)
  end
  one.is_down = true
  one.process:kill()
  self.kills[name] = self.kills[name] + 1
end

function Storm:kill_and_start(name, seconds_down)
  self:kill(name)
  tasks.sleep(seconds_down)
  self:start(name)
end

-- Mostly soon after its start, sometimes before it even listens, sometimes after a while.
local function seconds_to_live()
  return math.random() < 0.15 and math.random() * 0.05 or 0.05 + math.random() * 0.4
end

-- The gateway, so many times; before each kill `at_kill` is called.
function Storm:strike_gateway(times, at_kill)
  for _ = 1, times do
    tasks.sleep(seconds_to_live())
    at_kill()
    self:kill_and_start("gateway", math.random() < 0.5 and 0 or math.random() * 0.1)
  end
  self.is_over = true
end

-- Now and then, until the gateway has been struck often enough.
function Storm:strike_backend(name, every)
  while not self.is_over do
    tasks.sleep(every * (0.5 + math.random()))
    if not self.is_over then self:kill_and_start(name, math.random() * 0.5) end
  end
end

function Storm:give_faults()
  while not self.is_over do
    tasks.sleep(math.random() * 0.8)
    local fault <const> = FAULTS[math.random(#FAULTS)]
    local one <const> = self.shop[fault[1]]
    if not one.is_down then exchange(one.port, "PUT", "/demo/faults", { json = fault[2] }) end
  end
end

return Storm
