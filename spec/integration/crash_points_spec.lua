-- The gateway dies at each place where it could matter: right before, within and right after each
-- write to the journal, and before and after each request to a backend (base/crash.h). Then another
-- one starts on the same journal, and the order is either confirmed with exactly its reservations,
-- or nothing is reserved. The backends live on.
local files <const> = require "support.files"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local KILLED <const> = 137
local MOST <const> = 40 -- an order passes no point more often

local SCRIPT <const> = [[
  local gateway <const> = require "gateway"
  local inventory <const> = gateway.backend("inventory", {
    url = gateway.env "INVENTORY_SERVICE_URL", threshold = false,
  })
  gateway.route("POST /orders/:id", function(req)
    local order_id <const> = req.params.id
    local saga <close> = gateway.saga("order", order_id)
    for i, product_id in ipairs { "TEST-001", "TEST-002" } do
      saga:step(
        inventory:post("/api/v1/stock/reserve", {
          json = { productId = product_id, orderId = order_id, quantity = i },
        }),
        inventory:post("/api/v1/stock/release", {
          json = { productId = product_id, orderId = order_id },
        }))
    end
    if req.query.fail then gateway.fail(409, "as asked for") end
    saga:commit { id = order_id }
    return 201, { id = order_id }
  end)
  gateway.route("GET /orders/:id", function(req)
    local saga <const> = gateway.saga_status("order", req.params.id)
    if not saga then gateway.fail(404) end
    return 200, { state = saga.state, result = saga.result }
  end)
]]

-- The points are where the sources have them: none can be forgotten here.
local function points_in_the_sources()
  local points, seen = {}, {}
  local pipe <close> = assert(io.popen "grep -rhoE 'GW_CRASH_POINT\\(\"[a-z_]+\"' core")
  for name in pipe:read "a":gmatch '"([a-z_]+)"' do
    if not seen[name] then points[#points + 1] = name end
    seen[name] = true
  end
  table.sort(points)
  return points
end


describe("a gateway that dies", function()
  local demo, scripts, data, n_orders

  setup(function()
    demo = shop.open()
    demo.gateway:stop()
    scripts = files.folder { ["init.lua"] = SCRIPT }
    n_orders = 0
  end)
  before_each(function() data = files.folder() end)
  teardown(process.end_all)

  local function start(point, nth)
    local at = point and ("%s:%d"):format(point, nth)
    return demo:start_gateway { SCRIPTS_DIR = scripts, DATA_DIR = data, MOONGATE_CRASH_AT = at }
  end

  local function new_id()
    n_orders = n_orders + 1
    return "o-" .. n_orders
  end

  -- The status of the answer, or nil if there was none.
  local function place(gateway, id, query)
    local ok, response = pcall(gateway.request, gateway, "POST", "/orders/" .. id .. (query or ""))
    return ok and response.status or nil
  end

  -- Whether it has, by the point.
  local function died(gateway, status)
    if status then return false end
    gateway.process:expect(KILLED)
    assert.equal(KILLED, gateway.process:wait())
    return true
  end

  local function assert_consistent(gateway, id, status)
    poll("a gateway that is ready", function() return gateway:get("/ready").status == 200 end)
    local found = gateway:get("/orders/" .. id)
    local state = found.status == 404 and "none" or found.json.state
    local reserved = {}
    for _, one in ipairs(demo:release_all()) do
      assert.equal(id, one.orderId)
      reserved[one.productId] = one.quantity
    end
    if state == "committed" then
      assert.same({ ["TEST-001"] = 1, ["TEST-002"] = 2 }, reserved)
      assert.same({ id = id }, found.json.result)
    else
      assert.is_truthy(state == "none" or state == "undone", state)
      assert.same({}, reserved)
    end
    if status == 201 then assert.equal("committed", state) end
    return state
  end

  -- Kills at each time that an order passes the point; how often that is, and what became of them.
  local function kill_at(point, query)
    local states = {}
    for nth = 1, MOST do
      local id, gateway = new_id(), start(point, nth)
      local status = place(gateway, id, query)
      if not died(gateway, status) then
        gateway:stop()
        demo:release_all()
        return nth - 1, states
      end
      gateway = start()
      states[assert_consistent(gateway, id, status)] = true
      gateway:stop()
    end
    error(point .. " is passed without end")
  end

  for _, point in ipairs(points_in_the_sources()) do
    it(("at %s, within an order that succeeds, leaves all of it or nothing"):format(point),
      function()
        local n = kill_at(point)
        assert.is_true(n >= 2, ("%s was passed %d times"):format(point, n))
      end)

    it(("at %s, within an order that is undone, leaves nothing"):format(point), function()
      local n, states = kill_at(point, "?fail=1")
      assert.is_true(n >= 4, ("%s was passed %d times"):format(point, n))
      assert.is_nil(states.committed)
    end)

    it(("at %s, while it heals, heals the next time"):format(point), function()
      for nth = 1, MOST do
        local id = new_id()
        local gateway = start("before_write", 3) -- both steps are done
        assert.is_true(died(gateway, place(gateway, id)))
        local at = ("%s:%d"):format(point, nth)
        local healing = demo:start_process {
          SCRIPTS_DIR = scripts, DATA_DIR = data, MOONGATE_CRASH_AT = at,
        }
        poll("a gateway that has healed or died", function()
          return healing:exit_code() or #demo:reservations() == 0
        end)
        healing:signal "TERM" -- it may still die at its last write
        local killed = healing:wait() == KILLED
        if killed then healing:expect(KILLED) end
        gateway = start()
        assert.equal("undone", assert_consistent(gateway, id))
        gateway:stop()
        if not killed then return end
      end
      error(point .. " is passed without end")
    end)
  end
end)
