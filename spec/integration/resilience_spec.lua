local front <const> = require "support.front"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"
local socket <const> = require "socket"

local SLACK <const> = 2 -- seconds that a busy machine may add to anything


describe("a backend that fails", function()
  local backend, gateway

  after_each(process.end_all)

  -- What one spec retries within a second must not run into the budget, unless that is its point.
  local function open(options, settings)
    backend = rough.start()
    if not options:find "retry_min" then options = "retry_min = 100, " .. options end
    gateway = front.start(("url = %q, %s"):format(backend.url, options), settings)
  end

  -- Returns the response and how many seconds it took.
  local function timed(method, path, ...)
    local started = socket.gettime()
    local response = gateway:request(method, path, { headers = { ... } })
    return response, socket.gettime() - started
  end

  -- What the gateway says of the request's one call.
  local function call_of(response)
    local calls = gateway:log_of(response).calls
    assert.equal(1, #calls)
    return calls[1]
  end

  local UNAVAILABLE <const> = { status = 503 }


  describe("is called again", function()
    it("until it answers, at most three times, and the client does not see it", function()
      open "threshold = false"
      backend:plan { UNAVAILABLE, UNAVAILABLE, {} }
      local response = gateway:get("/call", "X-Correlation-ID: three")
      assert.equal(200, response.status)
      assert.equal(3, call_of(response).attempts)
      local received = backend:received()
      assert.equal(3, #received)
      for _, request in ipairs(received) do
        assert.same({ "GET", "/thing", "three" },
          { request.method, request.path, request.correlation_id })
      end
    end)

    it("three times and no more", function()
      open "threshold = false"
      backend:plan { UNAVAILABLE }
      local response = gateway:get "/call"
      assert.equal(502, response.status)
      assert.equal("rough answered 503", response.json.detail)
      assert.same({ 3, 503, "status" },
        { call_of(response).attempts, call_of(response).status, call_of(response).failure })
      assert.equal(3, #backend:received())
    end)

    it("after 502, 503 and 504, or what the operator lists", function()
      open "threshold = false"
      for status, attempts in pairs { [500] = 1, [501] = 1, [502] = 3, [503] = 3, [504] = 3,
        [404] = 1, [429] = 1 } do
        backend:plan { { status = status } }
        assert.equal(attempts, call_of(gateway:get "/call").attempts, status)
      end
      gateway = front.start(("url = %q, threshold = false, retry_on = { 429 }"):format(backend.url))
      for status, attempts in pairs { [429] = 3, [503] = 1 } do
        backend:plan { { status = status } }
        assert.equal(attempts, call_of(gateway:get "/call").attempts, status)
      end
    end)

    it("as often as the operator says", function()
      open "threshold = false, attempts = 5"
      backend:plan { UNAVAILABLE }
      assert.equal(5, call_of(gateway:get "/call").attempts)
      assert.equal(2, call_of(gateway:get "/attempts-2").attempts)
      assert.equal(7, #backend:received())
    end)

    it("only with what may be sent twice", function()
      open "threshold = false"
      backend:plan { UNAVAILABLE }
      for _, case in ipairs {
        { 1, "POST", "/call" }, { 1, "PATCH", "/call" }, { 1, "GET", "/once" },
        { 3, "PUT", "/call" }, { 3, "DELETE", "/call" }, { 3, "POST", "/repeatable" },
      } do
        local before = #backend:received()
        assert.equal(502, gateway:request(case[2], case[3]).status)
        assert.equal(case[1], #backend:received() - before, case[2] .. case[3])
      end
    end)

    -- The pauses are random up to 25 and 50 ms: short, and not all alike.
    it("after short pauses of random length", function()
      open "threshold = false, retry_min = 100"
      backend:plan { UNAVAILABLE }
      local shortest, longest = math.huge, 0
      for _ = 1, 20 do
        gateway:get "/call"
        local gaps = backend:gaps()
        for i = #gaps - 1, #gaps do
          shortest, longest = math.min(shortest, gaps[i]), math.max(longest, gaps[i])
        end
      end
      assert.equal(60, #backend:received())
      assert.is_true(longest <= 0.05 + SLACK, longest)
      assert.is_true(longest - shortest > 0.005)
    end)

    it("after the pause it asks for, if that fits the call's time", function()
      open "threshold = false, timeout = 5"
      backend:plan { { status = 503, headers = { ["Retry-After"] = "1" } }, {} }
      assert.equal(200, gateway:get("/call").status)
      local gap = backend:gaps()[1]
      assert.is_true(gap >= 0.99 and gap < 1 + SLACK, gap)

      backend:plan { { status = 503, headers = { ["Retry-After"] = "6" } }, {} }
      local response, took = timed("GET", "/call")
      assert.equal(502, response.status)
      assert.equal(1, call_of(response).attempts)
      assert.is_true(took < SLACK, took)
    end)

    it("if an attempt is not answered in its time", function()
      open "threshold = false, try_timeout = 0.3"
      backend:plan { { fault = "hang" }, { fault = "hang" }, {} }
      local response, took = timed("GET", "/call")
      assert.equal(200, response.status)
      assert.is_true(took >= 0.58 and took < 0.6 + SLACK, took)
      assert.equal(3, #backend:received())
      for i, gap in ipairs(backend:gaps()) do
        assert.is_true(gap >= 0.29, i)
      end
      for _, request in ipairs(backend:received()) do
        assert.is_true(request.patience_ms > 0 and request.patience_ms <= 300)
      end
      backend:await_left(2)
    end)

    it("but not a POST that it may have carried out", function()
      open "threshold = false, try_timeout = 0.3"
      backend:plan { { fault = "hang" }, {} }
      local response = gateway:request("POST", "/call")
      assert.equal(504, response.status)
      assert.equal(1, call_of(response).attempts)
      assert.equal(1, #backend:received())
    end)

    it("as long as its clients wait", function()
      open "threshold = false"
      backend:plan { { status = 503, headers = { ["Retry-After"] = "1" } }, {} }
      local connection = gateway:begin("GET", "/call")
      backend:await_received(1)
      connection:close()
      gateway:await_log("request", function(line) return line.status == 499 end)
      socket.sleep(1.5) -- the second attempt would have been sent by now
      assert.equal(1, #backend:received())
    end)
  end)


  -- Retries of all calls: a fifth of the calls of the last ten seconds, but 3 in each second.
  describe("for long is not called three times as often", function()
    it("however many ask for it", function()
      open "threshold = false, retry_min = 3"
      backend:plan { UNAVAILABLE }
      local started = socket.gettime()
      for _ = 1, 4 do
        local _, count = front.finish(front.begin(gateway, 50, "GET", "/call"))
        assert.same({ [502] = 50 }, count)
      end
      local took = socket.gettime() - started
      local received = #backend:received()
      assert.is_true(received >= 230, received)
      assert.is_true(received <= 200 * 1.2 + 3 * (took + 2), received)
    end)

    it("by a budget that both workers share, and that the operator sets", function()
      open "threshold = false, retry_budget = 0.5, retry_min = 0"
      backend:plan { UNAVAILABLE }
      front.finish(front.begin(gateway, 100, "GET", "/call"))
      local received = #backend:received()
      assert.is_true(received > 110 and received <= 150, received)
    end)
  end)


  describe("is asked under one deadline", function()
    it("the route's, and is told of it", function()
      open "timeout = 30"
      gateway:get "/call"
      local patience = backend:received()[1].patience_ms
      assert.is_true(patience <= 20000 and patience > 20000 - SLACK * 1000, patience)
    end)

    it("the caller's, if that is shorter, never if it is longer", function()
      open "timeout = 30"
      gateway:get("/call", "X-Request-Timeout-Ms: 3000")
      gateway:get("/call", "X-Request-Timeout-Ms: 86400000")
      local received = backend:received()
      assert.is_true(received[1].patience_ms > 3000 - SLACK * 1000)
      assert.is_true(received[1].patience_ms <= 3000)
      assert.is_true(received[2].patience_ms > 3000)
      assert.is_true(received[2].patience_ms <= 20000)
    end)

    it("which is an error if it is not one", function()
      open ""
      for _, text in ipairs { "", "0", "-1", "1.5", "soon", "86400001", "1e3", "0x10",
        "99999999999999999999" } do
        local response = gateway:get("/call", "X-Request-Timeout-Ms: " .. text)
        assert.equal(400, response.status, text)
        assert.is_truthy(response.json.detail:find("X-Request-Timeout-Ms", 1, true))
      end
      assert.equal(0, #backend:received())
    end)

    it("that retries shorten, and do not outlast", function()
      open "threshold = false, attempts = 20, retry_min = 20"
      backend:plan { { status = 503, delay = 0.1 } }
      local response, took = timed("GET", "/call", "X-Request-Timeout-Ms: 700")
      assert.is_true(response.status == 504 or response.status == 502)
      assert.is_true(took < 0.7 + SLACK, took)
      local received = backend:received()
      assert.is_true(#received >= 2 and #received <= 8, #received)
      for i = 2, #received do
        assert.is_true(received[i].patience_ms <= received[i - 1].patience_ms - 95)
      end
      socket.sleep(0.5)
      assert.equal(#received, #backend:received())
    end)

    it("of the caller's without being blamed for it", function()
      open "threshold = 3, attempts = 1"
      backend:plan { { fault = "hang" } }
      for _ = 1, 6 do
        assert.equal(504, gateway:get("/call", "X-Request-Timeout-Ms: 50").status)
      end
      assert.equal(6, #backend:received())
      assert.is_true(front.is_in(gateway, "closed"))
      backend:await_left(6)
    end)
  end)


  describe("in the middle of an answer", function()
    for _, fault in ipairs { "close", "cut", "garbage", "reset" } do
      it("by a " .. fault .. " is not believed, not asked again, and counted", function()
        open "threshold = 3"
        backend:plan { { fault = fault } }
        for _ = 1, 3 do
          local response = gateway:get "/call"
          assert.equal(502, response.status)
          assert.equal("rough gave an answer that cannot be read", response.json.detail)
          assert.same({ 1, "decode" },
            { call_of(response).attempts, call_of(response).failure })
        end
        assert.equal(3, #backend:received())
        assert.is_true(front.is_in(gateway, "open"))
      end)
    end

    it("is well the next moment", function()
      open ""
      backend:plan { {}, { fault = "cut" }, {}, { fault = "reset" }, {}, { fault = "garbage" }, {} }
      local count = { [200] = 0, [502] = 0 }
      for _ = 1, 7 do
        local status = gateway:request("POST", "/call").status
        count[status] = count[status] + 1
      end
      assert.same({ [200] = 4, [502] = 3 }, count)
      assert.equal(7, #backend:received())
    end)

    -- libcurl by itself would send it anew.
    it("on a connection that was kept gets no POST twice", function()
      open "threshold = false"
      for _ = 1, 20 do
        assert.equal(200, gateway:request("POST", "/call").status)
      end
      backend:plan { { fault = "close" } }
      for i = 1, 10 do
        assert.equal(502, gateway:request("POST", "/call").status)
        assert.equal(20 + i, #backend:received())
      end
    end)
  end)


  describe("to let anyone in", function()
    -- Bound, so that nobody else gets it, but deaf.
    local function refusing_url()
      local deaf = assert(socket.tcp())
      assert(deaf:bind("127.0.0.1", 0))
      finally(function() deaf:close() end)
      return ("http://127.0.0.1:%d"):format(select(2, deaf:getsockname()))
    end

    it("is tried again with any method, because nothing has left", function()
      gateway = front.start(("url = %q, threshold = false, retry_min = 100")
        :format(refusing_url()))
      for _, method in ipairs { "GET", "POST", "PATCH" } do
        local response = gateway:request(method, "/call")
        assert.equal(502, response.status)
        assert.same({ 3, "connect" },
          { call_of(response).attempts, call_of(response).failure })
      end
    end)

    it("is asked by a POST that was refused elsewhere, once", function()
      backend = rough.start()
      gateway = front.start(([[urls = { %q, %q }, threshold = false, retry_min = 100]])
        :format(refusing_url(), backend.url))
      for i = 1, 20 do
        assert.equal(200, gateway:request("POST", "/call").status)
        assert.equal(i, #backend:received())
      end
    end)

    it("has a fallback in its place", function()
      gateway = front.start(("url = %q"):format(refusing_url()))
      local response = gateway:get "/fallback"
      assert.equal(200, response.status)
      assert.same({ kind = "connect" }, response.json)
    end)
  end)


  describe("to be quick", function()
    it("is asked a second time, and the first answer wins", function()
      open ""
      backend:plan { { delay = 15 }, {} }
      local response, took = timed("GET", "/hedged")
      assert.equal(200, response.status)
      assert.equal(2, response.json.count)
      assert.equal(2, call_of(response).attempts)
      assert.is_true(took >= 0.29 and took < 0.3 + SLACK, took)
      assert.is_true(backend:gaps()[1] >= 0.29)
      backend:await_left(1)
    end)

    it("may still win with its first answer", function()
      open ""
      backend:plan { { delay = 0.6 }, { delay = 15 } }
      local response = gateway:get "/hedged"
      assert.equal(200, response.status)
      assert.equal(2, #backend:received())
      backend:await_left(1)
    end)

    it("is waited for where the other attempt fails", function()
      open ""
      backend:plan { { delay = 0.8 }, { status = 500 } }
      assert.equal(200, gateway:get("/hedged").status)
      assert.equal(2, #backend:received())
      assert.equal(0, backend:left())
    end)

    it("is asked once if it is quick after all", function()
      open ""
      for _ = 1, 10 do
        assert.equal(200, gateway:get("/hedged").status)
      end
      assert.equal(10, #backend:received())
    end)

    it("is asked once if the budget is spent", function()
      open "retry_budget = 0, retry_min = 0"
      backend:plan { { delay = 0.6 } }
      assert.equal(200, gateway:get("/hedged").status)
      assert.equal(1, #backend:received())
    end)

    it("is left by both attempts when the client goes", function()
      open ""
      backend:plan { { fault = "hang" } }
      local connection = gateway:begin("GET", "/hedged")
      backend:await_received(2)
      connection:close()
      backend:await_left(2)
    end)
  end)


  -- Each second answer is none: retries hide it, and no breaker opens.
  it("and works in turns is not noticed", function()
    open "retry_min = 100"
    local turns = {}
    for i = 1, 120 do
      turns[i] = i % 2 == 1 and UNAVAILABLE or {}
    end
    backend:plan(turns)
    for _ = 1, 60 do
      assert.equal(200, gateway:get("/call").status)
    end
    assert.equal(120, #backend:received())
    assert.is_true(front.is_in(gateway, "closed"))
    assert.same({}, front.changes(gateway))
  end)

  it("by kill -9 is back as soon as it is", function()
    open "recovery = 1"
    assert.equal(200, gateway:get("/call").status)
    for _ = 1, 2 do
      backend:kill()
      poll("an open breaker", function() return gateway:get("/call").status == 503 end)
      backend = rough.start(backend.port)
      local returned = socket.gettime()
      poll("an answer", function() return gateway:get("/call").status == 200 end)
      assert.is_true(socket.gettime() - returned <= 2 + SLACK)
      poll("a closed breaker", function()
        return gateway:get("/call").status == 200 and front.is_in(gateway, "closed")
      end)
    end
  end)
end)
