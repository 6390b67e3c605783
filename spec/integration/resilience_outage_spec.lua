-- The demo shop while one of its backends is away, as its clients see it.
local crowd <const> = require "support.crowd"
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"
local socket <const> = require "socket"

local CLIENTS <const>, PAUSE <const> = 200, 0.5 -- seconds between an answer and the next request
local TIMEOUT <const>, RECOVERY <const> = 1, 3 -- seconds
local SLACK <const> = 1.5 -- seconds that a busy machine may add to anything

local OPEN <const> = "inventory is not called for now, after repeated failures"
local LATE <const> = "inventory did not answer in time"
local RESERVE <const> = "/api/v1/stock/reserve"


describe("an outage", function()
  local demo, gateway

  after_each(process.end_all)

  -- The moment of a log line, as seconds since 1970; its clock is UTC.
  local function moment_of(line)
    local year, month, day, hour, min, sec =
      line.time:match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):([%d.]+)Z$"
    local whole, fraction = math.modf(tonumber(sec))
    local at = { year = year, month = month, day = day, hour = hour, min = min, sec = whole }
    local now = os.time()
    local offset = os.difftime(now, os.time(os.date("!*t", now)))
    return os.time(at) + offset + fraction
  end

  -- When the inventory's breaker first went into that state.
  local function when(state)
    for _, line in ipairs(gateway:log "breaker") do
      if line.backend == "inventory" and line.to == state then return moment_of(line) end
    end
  end

  local function asked_between(clients, from, to)
    local found = {}
    for _, answer in ipairs(clients.answers) do
      if answer.asked_at >= from and answer.asked_at < to then found[#found + 1] = answer end
    end
    return found
  end

  local function longest(answers)
    local most = 0
    for _, answer in ipairs(answers) do
      most = math.max(most, answer.took)
    end
    return most
  end

  -- A page with all that belongs to it, or with a part missing and the reason, or 503.
  local function assert_polite(clients)
    for _, answer in ipairs(clients.answers) do
      if answer.status == 200 then
        local page = answer.json
        assert.equal(19.99, page.price)
        assert.is_true(page.name ~= nil or page.inventory_error == OPEN
          or page.inventory_error == LATE, answer.body)
      else
        assert.equal(503, answer.status, answer.body)
      end
    end
  end

  local function open(settings)
    demo = shop.open(settings)
    gateway = demo.gateway
  end

  -- What "done" means for resilience, within seconds. The first calls wait for their timeout; they
  -- open the breaker, and from then on nobody waits; the backend comes back before a trial has
  -- failed, so that the recovery time is the first one.
  it("by SIGSTOP costs nobody more than a timeout, and ends when the backend is back", function()
    open { WORKERS = 2, SERVICE_TIMEOUT = TIMEOUT, CIRCUIT_BREAKER_THRESHOLD = 5,
      CIRCUIT_BREAKER_TIMEOUT = RECOVERY }
    local clients = crowd.new(gateway.port, CLIENTS, "/api/v1/products/TEST-001", PAUSE)
    clients:run(1)
    demo.inventory.process:signal "STOP"
    finally(function() demo.inventory.process:signal "CONT" end)
    local stopped = socket.gettime()
    clients:run(TIMEOUT + 2 * SLACK, function() return when "open" end)
    clients:run(1.5)
    demo.inventory.process:signal "CONT"
    local returned = socket.gettime()
    clients:run(RECOVERY + 2)
    clients:finish()

    assert_polite(clients)
    assert.is_true(longest(clients.answers) < TIMEOUT + SLACK, longest(clients.answers))
    for _, answer in ipairs(asked_between(clients, 0, stopped - 0.5)) do
      assert.equal("Aluminium bottle", answer.json.name)
    end

    local opened = when "open"
    assert.is_true(opened - stopped < TIMEOUT + SLACK)
    local during = asked_between(clients, opened + 0.05, returned)
    assert.is_true(#during > CLIENTS)
    for _, answer in ipairs(during) do
      assert.equal(OPEN, answer.json.inventory_error)
    end
    table.sort(during, function(a, b) return a.took < b.took end)
    assert.is_true(during[#during // 2].took < 0.1, during[#during // 2].took)
    assert.is_true(during[#during * 99 // 100].took < TIMEOUT / 2)

    local after = asked_between(clients, returned + RECOVERY + 1, math.huge)
    assert.is_true(#after > CLIENTS)
    for _, answer in ipairs(after) do
      assert.equal("Aluminium bottle", answer.json.name)
    end
    assert.is_true(when "closed" <= returned + RECOVERY + 1)
  end)

  it("by kill -9 leaves prices to be had, and ends with the new process", function()
    open { WORKERS = 2, CIRCUIT_BREAKER_THRESHOLD = 5, CIRCUIT_BREAKER_TIMEOUT = 1 }
    local clients = crowd.new(gateway.port, 50, "/api/v1/products/TEST-001", 0.2)
    clients:run(0.5)
    demo:kill "inventory"
    clients:run(1)
    demo:revive "inventory"
    local returned = socket.gettime()
    clients:run(6, function()
      local last = clients.answers[#clients.answers]
      return when "closed" and last.json.name
    end)
    assert.is_true(socket.gettime() - returned < 2 + 1 + SLACK) -- one trial may have failed
    local closed = socket.gettime()
    clients:run(1)
    clients:finish()
    for _, answer in ipairs(clients.answers) do
      assert.equal(200, answer.status)
      assert.equal(19.99, answer.json.price)
    end
    for _, answer in ipairs(asked_between(clients, closed, math.huge)) do
      assert.equal("Aluminium bottle", answer.json.name)
    end
  end)


  -- Reservations are made and given back by POST, which is not sent twice; what may have been
  -- carried out and was not answered is undone, and undoing is tried again.
  describe("of a part of the answers", function()
    local ITEMS <const> = { { productId = "TEST-025", quantity = 2 },
      { productId = "TEST-014", quantity = 1 } }

    -- Places so many orders at once. Returns the confirmed ones, by id, and how many failed.
    local function place(n)
      local connections, confirmed, n_failed = {}, {}, 0
      for i = 1, n do
        connections[i] = gateway:begin("POST", "/api/v1/orders", { json = { items = ITEMS } })
      end
      for _, connection in ipairs(connections) do
        local response = connection:finish()
        if response.status == 201 then
          confirmed[response.json.orderId] = true
        else
          assert.is_true(response.status >= 502 and response.status <= 504, response.body)
          assert.is_nil(response.json.undo_failed)
          n_failed = n_failed + 1
        end
      end
      return confirmed, n_failed
    end

    local function assert_reserved_for(confirmed)
      local n = 0
      for _, reservation in ipairs(demo:reservations()) do
        assert.is_true(confirmed[reservation.orderId], reservation.orderId)
        n = n + 1
      end
      for _ in pairs(confirmed) do
        n = n - #ITEMS
      end
      assert.equal(0, n)
    end

    for _, case in ipairs {
      { "refused reservations", "inventory", { status = 503, error_rate = 0.4, path = RESERVE } },
      { "lost reservations", "inventory", { drop = true, error_rate = 0.4, path = RESERVE } },
      { "refused prices", "pricing", { status = 503, error_rate = 0.4 } },
      { "late prices", "pricing", { latency_ms = 3000 } },
    } do
      it(("%s leaves nothing reserved but what was ordered"):format(case[1]), function()
        open { WORKERS = 2, SERVICE_TIMEOUT = TIMEOUT }
        demo:break_down(case[2], case[3])
        local confirmed, n_failed = place(20)
        assert.is_true(n_failed > 0)
        assert_reserved_for(confirmed)
      end)
    end

    -- A reservation is the same if it is asked for again with the same order's id. Half of the
    -- orders fail after it.
    local SAGA <const> = [[
      local gateway <const> = require "gateway"
      local inventory <const> = gateway.backend("inventory", {
        url = gateway.env "INVENTORY_SERVICE_URL", threshold = false, try_timeout = 0.5,
        retry_min = 100,
      })
      gateway.route("POST /orders/:id", function(req)
        local item <const> = { productId = "TEST-025", orderId = req.params.id, quantity = 2 }
        local saga <close> = gateway.saga("order", item.orderId)
        saga:step(inventory:post("/api/v1/stock/reserve", { json = item, idempotent = true }),
          inventory:post("/api/v1/stock/release", { json = item, idempotent = true }))
        if req.query.fail then gateway.fail(409, "as asked for") end
        saga:commit()
        return 201, {}
      end)
    ]]

    it("late reservations that are asked for again are made once, or undone", function()
      open()
      local ordering = gateways.start_with(SAGA,
        { WORKERS = 2, INVENTORY_SERVICE_URL = "http://127.0.0.1:" .. demo.inventory.port })
      demo:break_down("inventory", { latency_ms = 1000, path = RESERVE, times = 10 })
      local connections, confirmed = {}, {}
      for i = 1, 20 do
        local fail = i % 2 == 0 and "?fail=1" or ""
        connections[i] = ordering:begin("POST", ("/orders/o-%d%s"):format(i, fail))
      end
      for i, connection in ipairs(connections) do
        local response = connection:finish()
        assert.equal(i % 2 == 0 and 409 or 201, response.status, response.body)
        confirmed["o-" .. i] = i % 2 == 1 or nil
      end
      local reserved = demo:reservations()
      assert.equal(10, #reserved)
      for _, reservation in ipairs(reserved) do
        assert.is_true(confirmed[reservation.orderId])
        assert.equal(2, reservation.quantity)
      end
      local n_again = 0
      for _, line in ipairs(ordering:log "request") do
        if line.calls[1].attempts > 1 then n_again = n_again + 1 end
      end
      assert.is_true(n_again > 0)
    end)
  end)
end)
