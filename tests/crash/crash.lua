-- Orders while everything dies: clients place orders through a gateway that is killed again and
-- again, over backends that are, too, and each asks with its Idempotency-Key until it is answered.
-- In the end each 201 must be in inventory's ledger exactly once, and nothing else.
--
--     local report <const>, complaints <const> = crash.run { orders = 2000, clients = 50,
--       kills = 100, seed = 1 }
local files <const> = require "support.files"
local gateway <const> = require "support.gateway"
local exchange <const> = require "exchange"
local orders <const> = require "orders"
local Storm <const> = require "storm"
local tasks <const> = require "tasks"
local verdict <const> = require "verdict"

local crash <const> = {}

local RUN_LIMIT <const>, HEAL_LIMIT <const> = 900, 120 -- seconds

local BACKEND_EVERY <const> = 4 -- seconds, between two kills
local THINKING <const> = 0.4 -- seconds at most, of a client before an order

-- --- the shop ---

-- On a port that the system gives at the first start, and keeps.
local function open_one(settings)
  local started <const> = gateway.start(settings)
  settings.PORT = started.port
  return { settings = settings, process = started.process, port = started.port }
end

local function open_shop()
  local shop <const> = { data = files.folder() }
  shop.inventory = open_one {
    SCRIPTS_DIR = "scripts/demo/inventory", DATA_DIR = files.folder(), WORKERS = 2,
  }
  shop.pricing = open_one { SCRIPTS_DIR = "scripts/demo/pricing" }
  shop.gateway = open_one {
    DATA_DIR = shop.data,
    WORKERS = 2,
    SERVICE_TIMEOUT = 5,
    CIRCUIT_BREAKER_TIMEOUT = 0.3,
    INVENTORY_SERVICE_URL = "http://127.0.0.1:" .. shop.inventory.port,
    PRICING_SERVICE_URL = "http://127.0.0.1:" .. shop.pricing.port,
  }
  return shop
end

-- Runs fn as a task, to its end.
local function within(what, seconds, fn)
  local has_ended = false
  tasks.start(function()
    fn()
    has_ended = true
  end)
  tasks.run(what, seconds, function() return has_ended end)
end

local function fill(shop)
  for id, stock in pairs(orders.stock) do
    local body <const> = { productId = id, stock = stock }
    local response <const> = exchange(shop.inventory.port, "PUT", "/demo/stock", { json = body })
    assert(response.status == 200, response.body)
  end
end

-- --- the run ---

local function place_next(run)
  run.taken, run.in_work = run.taken + 1, run.in_work + 1
  orders.place(run.shop.gateway.port, run.orders[run.taken], run.tally)
  run.in_work = run.in_work - 1
end

-- Clients take the next order as long as there is one; only so many may have been taken for each
-- kill, so that there is work to be struck at all of them.
local function start_clients(run, options)
  local each <const> = #run.orders / (options.kills + 1)
  local function may_take() return run.taken < (run.storm.kills.gateway + 1) * each end
  for _ = 1, options.clients do
    tasks.start(function()
      while run.taken < #run.orders do
        tasks.sleep(math.random() * THINKING)
        if run.taken < #run.orders and may_take() then place_next(run) end
      end
      run.clients_left = run.clients_left - 1
    end)
  end
end

local function start_storm(run, options)
  local storm <const> = run.storm
  tasks.start(function()
    storm:strike_gateway(options.kills, function()
      run.struck = run.struck + run.in_work
      if run.in_work > 0 then run.kills_at_work = run.kills_at_work + 1 end
    end)
  end)
  tasks.start(function() storm:strike_backend("inventory", BACKEND_EVERY) end)
  tasks.start(function() storm:strike_backend("pricing", BACKEND_EVERY) end)
  tasks.start(function() storm:give_faults() end)
end

-- --- afterwards ---

local function repair(shop)
  for _, name in ipairs { "inventory", "pricing" } do
    for _ = 1, 8 do -- each of its workers has faults of its own
      exchange(shop[name].port, "DELETE", "/demo/faults")
    end
  end
end

-- How many sagas are neither committed nor undone, as the journal has it.
function crash.open_sagas(data)
  local pipe <close> = assert(io.popen(("sqlite3 -readonly %s 'SELECT count(*) FROM sagas"
    .. " WHERE state IN (0, 2)'"):format(files.quote(data .. "/moongate.db"))))
  return tonumber(pipe:read "a")
end

-- Until nothing is left to undo.
local function heal(shop)
  repair(shop)
  local until_then <const> = tasks.now() + HEAL_LIMIT
  while crash.open_sagas(shop.data) ~= 0 and tasks.now() < until_then do
    tasks.sleep(0.1)
  end
end

local function check(run)
  local port <const> = run.shop.gateway.port
  run.complaints = verdict.check(port, run.shop.inventory.port, run.orders)
  for _, order in ipairs(run.orders) do
    if order.outcome == "confirmed" then
      run.complaints[#run.complaints + 1] = verdict.check_replay(port, order, orders.send)
    end
  end
  local n_open <const> = crash.open_sagas(run.shop.data)
  if n_open ~= 0 then
    table.insert(run.complaints, ("%s sagas are open"):format(n_open or "an unknown number of"))
  end
end

local function sum_up(run, started)
  local report <const> = {
    orders = #run.orders, confirmed = 0, refused = 0, lost = 0, absurd = 0, tries = 0,
    kills = run.storm.kills, kills_at_work = run.kills_at_work, struck = run.struck,
    tally = run.tally, healed_in = run.healed_in, seconds = tasks.now() - started,
  }
  for _, order in ipairs(run.orders) do
    report[order.outcome] = report[order.outcome] + 1
    report.tries = report.tries + order.tries
  end
  return report
end

-- What happened, and what is wrong: an empty list if nothing is. The processes are left to
-- support.process.
function crash.run(options)
  math.randomseed(options.seed)
  local started <const> = tasks.now()
  local shop <const> = open_shop()
  local run <const> = {
    shop = shop, orders = orders.make(options.orders), storm = Storm.new(shop), tally = {},
    taken = 0, in_work = 0, clients_left = options.clients, struck = 0, kills_at_work = 0,
  }
  within("a full stock", 30, function() fill(shop) end)
  start_clients(run, options)
  start_storm(run, options)
  tasks.run("all orders and kills", RUN_LIMIT, function()
    return run.clients_left == 0 and run.storm.is_over
  end)
  local quiet <const> = tasks.now()
  tasks.run("backends that are up", 30, function()
    return not shop.inventory.is_down and not shop.pricing.is_down
  end)
  within("all to be undone", HEAL_LIMIT + 30, function() heal(shop) end)
  run.healed_in = tasks.now() - quiet
  local report <const> = sum_up(run, started)
  within("a verdict", 300, function() check(run) end)
  return report, run.complaints
end

return crash
