-- Several hosts behind one name, and what is too much: for a backend, for the gateway.
local front <const> = require "support.front"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"
local socket <const> = require "socket"

local SLACK <const> = 2 -- seconds that a busy machine may add to anything


describe("a backend of several hosts", function()
  local one, other, gateway

  after_each(process.end_all)

  local function open(options)
    one, other = rough.start(), rough.start()
    gateway = front.start(("%s, %s"):format(front.urls(one, other), options))
  end

  -- So many calls, one after the other, all of which are answered.
  local function call(n, method)
    for _ = 1, n do
      assert.equal(200, gateway:request(method or "GET", "/call").status)
    end
  end

  local function received()
    return #one:received("/thing"), #other:received("/thing")
  end

  -- How many more each of them received while fn ran.
  local function received_during(fn, ...)
    local first, second = received()
    fn(...)
    local first_now, second_now = received()
    return first_now - first, second_now - second
  end

  it("spreads the calls", function()
    open ""
    call(100)
    local first, second = received()
    assert.equal(100, first + second)
    assert.is_true(first >= 20 and second >= 20, first)
  end)

  it("goes to the one that is less busy", function()
    open ""
    one:plan { { fault = "hang" } }
    local slow = {}
    poll("a call at the slow one", function()
      slow[#slow + 1] = gateway:begin("GET", "/call")
      poll("it to arrive", function()
        local first, second = received()
        return first + second == #slow
      end)
      return received() == 1
    end)
    local first, second = received_during(call, 20)
    for _, connection in ipairs(slow) do
      connection:close()
    end
    assert.same({ 0, 20 }, { first, second })
  end)

  it("asks the other one when one fails", function()
    open "breaker_per_host = false, retry_min = 100"
    one:plan { { status = 503 } }
    call(30)
    local first, second = received()
    assert.equal(30, second)
    assert.is_true(first >= 3 and first <= 30, first)
  end)

  -- kill -9. The POSTs that meet the dead host have never left.
  it("goes on when one is killed, leaves it out, and has it back", function()
    open "recovery = 1, retry_min = 100"
    call(10)
    one:kill()
    local _, second = received_during(call, 30, "POST")
    assert.equal(30, second)
    assert.is_true(front.is_in(gateway, "closed"))
    local change = front.changes(gateway, one.url)[1]
    assert.same({ "rough", "closed", "open", "5 failures in a row" },
      { change.backend, change.from, change.to, change.reason })
    assert.same({}, front.changes(gateway, other.url))
    assert.same({}, front.changes(gateway))

    one = rough.start(one.port)
    poll("calls to it again", function()
      call(1)
      return #one:received() >= 5
    end)
  end)

  it("goes on when one is stopped", function()
    open "recovery = 60, try_timeout = 0.3, retry_min = 100"
    call(10)
    one.process:signal "STOP"
    finally(function() one.process:signal "CONT" end)
    poll("that it is left out", function()
      call(1)
      return #front.changes(gateway, one.url) == 1
    end)
    local started = socket.gettime()
    call(20)
    assert.is_true(socket.gettime() - started < SLACK)
    assert.is_true(front.is_in(gateway, "closed"))
  end)

  it("of which none is well is called all the same", function()
    open "health = { path = '/health', interval = 0.2, unhealthy = 2 }"
    call(1)
    one:plan({ { status = 500 } }, "/health")
    other:plan({ { status = 500 } }, "/health")
    poll("two hosts that are out", function() return #gateway:log "health" == 2 end)
    call(20)
    local first, second = received()
    assert.equal(21, first + second)
    assert.is_true(first > 0 and second > 0)
  end)


  describe("that are asked how they are", function()
    local HEALTH <const> =
      "health = { path = '/health', interval = 0.2, healthy = 2, unhealthy = 2 }"

    it("leaves out the one that says no, until it says yes", function()
      open(HEALTH)
      call(1)
      one:plan({ { status = 500 } }, "/health")
      local line = gateway:await_log("health", function(found) return found.to == "unhealthy" end)
      assert.same({ "rough", one.url, "status 500" }, { line.backend, line.host, line.reason })
      local first, second = received_during(call, 30)
      assert.same({ 0, 30 }, { first, second })

      one:plan({ {} }, "/health")
      gateway:await_log("health", function(found) return found.to == "healthy" end)
      first, second = received_during(call, 100)
      assert.equal(100, first + second)
      assert.is_true(first >= 20 and second >= 20, first)
    end)

    it("leaves out the one that is dead before a call meets it", function()
      open(HEALTH)
      call(1)
      one:kill()
      gateway:await_log("health", function(found) return found.to == "unhealthy" end)
      for _ = 1, 20 do
        assert.equal(1, gateway:log_of(gateway:get "/call").calls[1].attempts)
      end
    end)

    it("is asked by one worker at a time", function()
      open(HEALTH)
      call(20)
      one:await_received(#one:received "/thing" + 8)
      local asked = one:received "/health"
      assert.is_true(#asked >= 4)
      for i = 2, #asked do
        assert.is_true(asked[i].at - asked[i - 1].at > 0.1)
      end
    end)
  end)
end)


describe("a backend with a limit", function()
  local backend, gateway

  after_each(process.end_all)

  local function open(options, settings)
    backend = rough.start()
    gateway = front.start(("url = %q, %s"):format(backend.url, options), settings)
  end

  local function most_at_once()
    local most = 0
    for _, request in ipairs(backend:received()) do
      most = math.max(most, request.in_work)
    end
    return most
  end

  it("never has more calls in work, from both workers together", function()
    open "max_concurrent = 4, max_waiting = 100"
    backend:plan { { delay = 0.1 } }
    local _, count = front.finish(front.begin(gateway, 60, "GET", "/call"))
    assert.same({ [200] = 60 }, count)
    assert.equal(60, #backend:received())
    assert.equal(4, most_at_once())
  end)

  it("refuses what is more than may wait, at once", function()
    open "max_concurrent = 3, max_waiting = 5"
    backend:plan { { delay = 2 } }
    local responses, count = front.finish(front.begin(gateway, 30, "GET", "/call"))
    assert.same({ [200] = 8, [503] = 22 }, count)
    for _, response in ipairs(responses) do
      if response.status == 503 then
        assert.equal("1", response.headers["retry-after"])
        assert.equal("rough is at its limit", response.json.detail)
        local call = gateway:log_of(response).calls[1]
        assert.same({ 0, "refused" }, { call.attempts, call.failure })
        assert.is_true(call.duration_ms < 1900, call.duration_ms)
      end
    end
    assert.equal(8, #backend:received())
    assert.equal(3, most_at_once())
    assert.is_true(front.is_in(gateway, "closed"))
  end)

  it("has its calls wait no longer than their deadline", function()
    open "max_concurrent = 1, max_waiting = 10"
    backend:plan { { delay = 15 } }
    local first = gateway:begin("GET", "/call")
    backend:await_received(1)
    local started = socket.gettime()
    local response = gateway:get("/call", "X-Request-Timeout-Ms: 300")
    local took = socket.gettime() - started
    assert.equal(504, response.status)
    assert.is_true(took >= 0.29 and took < 0.3 + SLACK, took)
    assert.equal(0, gateway:log_of(response).calls[1].attempts)
    assert.equal(1, #backend:received())
    first:close()
  end)

  it("has room again when clients hang up, those in work and those that wait", function()
    open "max_concurrent = 2, max_waiting = 2"
    backend:plan { { fault = "hang" }, { fault = "hang" }, {} }
    local connections = front.begin(gateway, 4, "GET", "/call")
    backend:await_received(2)
    poll("a full line", function() return gateway:get("/call").status == 503 end)
    for _, connection in ipairs(connections) do
      connection:close()
    end
    backend:await_left(2)
    poll("room", function() return gateway:get("/call").status == 200 end)
    local _, count = front.finish(front.begin(gateway, 2, "GET", "/call"))
    assert.same({ [200] = 2 }, count)
  end)
end)


describe("a gateway with a limit", function()
  after_each(process.end_all)

  it("sheds what is more, at once, but always says that it is alive", function()
    local backend = rough.start()
    local gateway = front.start(("url = %q"):format(backend.url), { MAX_IN_FLIGHT = 10 })
    backend:plan { { delay = 3 } }
    local admitted = front.begin(gateway, 10, "GET", "/call")
    backend:await_received(10)

    local started = socket.gettime()
    local responses, count = front.finish(front.begin(gateway, 20, "GET", "/call"))
    assert.same({ [503] = 20 }, count)
    for _, path in ipairs { "/health", "/ready" } do
      for _ = 1, 5 do
        assert.equal(200, gateway:get(path).status)
      end
    end
    assert.is_true(socket.gettime() - started < SLACK)
    for _, response in ipairs(responses) do
      assert.equal("1", response.headers["retry-after"])
      assert.equal("application/problem+json", response.headers["content-type"])
      assert.is_string(response.headers["x-correlation-id"])
    end
    assert.equal(10, #backend:received())

    assert.same({ [200] = 10 }, select(2, front.finish(admitted)))
    backend:plan { {} }
    local later = front.begin(gateway, 10, "GET", "/call")
    assert.same({ [200] = 10 }, select(2, front.finish(later)))
  end)

  it("has room again when clients hang up", function()
    local backend = rough.start()
    local gateway = front.start(("url = %q"):format(backend.url), { MAX_IN_FLIGHT = 5 })
    backend:plan { { fault = "hang" } }
    local connections = front.begin(gateway, 5, "GET", "/call")
    backend:await_received(5)
    assert.equal(503, gateway:get("/call").status)
    for _, connection in ipairs(connections) do
      connection:close()
    end
    backend:await_left(5)
    backend:plan { {} }
    poll("room", function() return gateway:get("/call").status == 200 end)
  end)
end)
