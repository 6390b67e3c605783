-- The breaker of a backend, as two workers see it and as the backend feels it.
local front <const> = require "support.front"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"
local socket <const> = require "socket"

local SLACK <const> = 2 -- seconds that a busy machine may add to anything


describe("a breaker", function()
  local backend, gateway

  after_each(process.end_all)

  local function open(options)
    backend = rough.start()
    gateway = front.start(("url = %q, %s"):format(backend.url, options))
  end

  -- So many calls, one after the other; how many of each status.
  local function call(n, path)
    local count = {}
    for _ = 1, n do
      local status = gateway:get(path or "/call").status
      count[status] = (count[status] or 0) + 1
    end
    return count
  end

  -- One attempt each, so that the calls are those the breaker counts.
  local function fail(n)
    backend:plan { { status = 500 } }
    assert.same({ [502] = n }, call(n))
  end

  local function changes()
    local texts = {}
    for i, change in ipairs(front.changes(gateway)) do
      texts[i] = ("%s to %s: %s"):format(change.from, change.to, change.reason)
    end
    return texts
  end


  describe("that opens", function()
    it("does so after five failures in a row, for both workers, and says why", function()
      open ""
      fail(4)
      backend:plan { {} }
      call(1)
      fail(4)
      assert.is_true(front.is_in(gateway, "closed"))
      call(1)
      assert.is_true(front.is_in(gateway, "open"))
      assert.same({ "closed to open: 5 failures in a row" }, changes())
      assert.equal("Internal Server Error", front.changes(gateway)[1].last_failure)
    end)

    it("counts each attempt, and lets no retry through", function()
      open ""
      backend:plan { { status = 503 } }
      local attempts = {}
      for i = 1, 3 do
        attempts[i] = gateway:log_of(gateway:get "/call").calls[1].attempts
      end
      assert.same({ 3, 2, 0 }, attempts)
      assert.equal(5, #backend:received())
    end)

    it("keeps all calls from the backend, and answers them at once", function()
      open ""
      fail(5)
      for _ = 1, 50 do
        local started = socket.gettime()
        local response = gateway:get "/call"
        assert.is_true(socket.gettime() - started < SLACK)
        assert.equal(503, response.status)
        assert.equal("rough is not called for now, after repeated failures", response.json.detail)
        local seconds = tonumber(response.headers["retry-after"])
        assert.is_true(seconds >= 1 and seconds <= 60)
        assert.same({ 0, "open" }, { gateway:log_of(response).calls[1].attempts,
          gateway:log_of(response).calls[1].failure })
      end
      assert.equal(5, #backend:received())
    end)

    it("also does so when calls time out", function()
      open "timeout = 0.2"
      backend:plan { { fault = "hang" } }
      local _, count = front.finish(front.begin(gateway, 5, "GET", "/call"))
      assert.same({ [504] = 5 }, count)
      assert.same({ [503] = 5 }, call(5))
      assert.equal(5, #backend:received())
    end)

    it("does not for what the client did wrong", function()
      open "threshold = 3"
      for _, status in ipairs { 400, 404, 409, 422, 429, 499 } do
        backend:plan { { status = status } }
        call(2)
      end
      assert.equal(12, #backend:received())
      assert.is_true(front.is_in(gateway, "closed"))
    end)

    it("does for 429 if the operator says so", function()
      open "threshold = 3, count_429 = true"
      backend:plan { { status = 429 } }
      call(5)
      assert.equal(3, #backend:received())
      assert.is_true(front.is_in(gateway, "open"))
    end)

    it("does not for clients that hang up", function()
      open "threshold = 3"
      backend:plan { { fault = "hang" } }
      for i = 1, 6 do
        local connection = gateway:begin("GET", "/call")
        backend:await_received(i)
        connection:close()
      end
      backend:await_left(6)
      assert.is_true(front.is_in(gateway, "closed"))
    end)
  end)


  describe("with a window", function()
    local WINDOW <const> = "threshold = false, attempts = 1, minimum_calls = 10, "

    local function plan_failures(n, of)
      local steps = {}
      for i = 1, of do
        steps[i] = i <= n and { status = 500 } or {}
      end
      backend:plan(steps)
    end

    it("opens when too many of the last calls failed", function()
      open(WINDOW .. "window = { calls = 10 }, failure_rate = 0.5")
      plan_failures(5, 10)
      call(9)
      assert.is_true(front.is_in(gateway, "closed"))
      call(1)
      assert.is_true(front.is_in(gateway, "open"))
      assert.same({ "closed to open: 5 of 10 calls failed (50 %)" }, changes())
    end)

    it("does not open below that", function()
      open(WINDOW .. "window = { calls = 10 }, failure_rate = 0.5")
      for _ = 1, 3 do
        plan_failures(4, 10)
        call(10)
      end
      assert.equal(30, #backend:received())
      assert.is_true(front.is_in(gateway, "closed"))
    end)

    it("opens when calls are slow, though they succeed", function()
      open(WINDOW .. "window = { calls = 10 }, slow_call = 0.2, slow_rate = 0.8")
      backend:plan { {}, {}, { delay = 0.25 } }
      assert.same({ [200] = 10 }, call(10))
      assert.is_true(front.is_in(gateway, "open"))
      assert.is_truthy(changes()[1]:find("8 of 10 calls were slow", 1, true), changes()[1])
    end)

    it("of time forgets what is long ago", function()
      open "threshold = false, minimum_calls = 6, window = { seconds = 1 }, failure_rate = 0.5"
      fail(5)
      socket.sleep(1.2)
      fail(5)
      assert.is_true(front.is_in(gateway, "closed"))
    end)

    it("of time opens for what happened within it", function()
      open "threshold = false, minimum_calls = 6, window = { seconds = 20 }, failure_rate = 0.5"
      backend:plan { {}, {}, {}, { status = 500 } }
      call(6)
      assert.is_true(front.is_in(gateway, "open"))
    end)
  end)


  describe("that was open for long enough", function()
    -- Until then each call was refused.
    local function await_trial()
      local n = #backend:received()
      poll("a trial", function()
        gateway:get "/call"
        return #backend:received() > n
      end)
      return backend:received()[n + 1].at
    end

    it("is half-open for both workers at the same time", function()
      open "recovery = 1"
      fail(5)
      local last
      poll("a half-open breaker", function()
        for _, state in ipairs(front.states(gateway)) do
          assert.is_true(state == "open" or state == "half_open", state)
          assert.is_false(last == "half_open" and state == "open")
          last = state
        end
        return last == "half_open"
      end)
      assert.is_true(front.is_in(gateway, "half_open"))
    end)

    it("lets three trials in over both workers, and closes when they succeed", function()
      open "recovery = 1"
      fail(5)
      front.await_state(gateway, "half_open")
      backend:plan { { delay = 1.5 }, { delay = 1.5 }, { delay = 1.5 }, {} }
      local responses, count = front.finish(front.begin(gateway, 40, "GET", "/call"))
      assert.same({ [200] = 3, [503] = 37 }, count)
      for _, response in ipairs(responses) do
        assert.is_true(response.status == 200 or tonumber(response.headers["retry-after"]) >= 1)
      end
      assert.equal(8, #backend:received())
      assert.equal(3, backend:received()[8].in_work)
      assert.is_true(front.is_in(gateway, "closed"))
      assert.same({ [200] = 20 }, call(20))
      assert.same({ "open to half_open", "half_open to closed" },
        { changes()[2]:match "^(.-):", changes()[3]:match "^(.-):" })
    end)

    it("opens again if a trial fails, for twice as long, up to the limit", function()
      open "recovery = 0.5, recovery_max = 1"
      fail(5)
      local opened, gaps = backend:received()[5].at, {}
      for i = 1, 3 do
        local trial = await_trial()
        gaps[i], opened = trial - opened, trial
      end
      for i, least in ipairs { 0.5, 1, 1 } do
        assert.is_true(gaps[i] >= least - 0.02 and gaps[i] < least + SLACK, gaps[i])
      end
      assert.is_true(front.is_in(gateway, "open"))
    end)

    it("opens for the first time again once it was closed", function()
      open "threshold = 2, trials = 1, recovery = 0.5"
      fail(2)
      await_trial()
      backend:plan { {} }
      await_trial()
      front.await_state(gateway, "closed")
      fail(2)
      local opened = backend:received()[#backend:received()].at
      local gap = await_trial() - opened
      assert.is_true(gap >= 0.48 and gap < 0.5 + SLACK, gap)
    end)

    it("is not stuck when the clients of its trials hang up", function()
      open "recovery = 0.5"
      fail(5)
      front.await_state(gateway, "half_open")
      backend:plan { { fault = "hang" } }
      local trials = front.begin(gateway, 3, "GET", "/call")
      backend:await_received(8)
      assert.same({ [503] = 5 }, call(5))
      for _, connection in ipairs(trials) do
        connection:close()
      end
      backend:await_left(3)
      backend:plan { {} }
      poll("three trials that succeed", function()
        gateway:get "/call"
        return gateway:get("/state").json.state == "closed"
      end)
    end)

    it("ignores what began before it opened", function()
      open "recovery = 0.5, threshold = 2"
      backend:plan { { delay = 3, status = 500 }, { status = 500 } }
      local late = gateway:begin("GET", "/call")
      backend:await_received(1)
      call(2)
      assert.is_true(front.is_in(gateway, "open"))
      backend:plan { {} }
      front.await_state(gateway, "half_open")
      assert.same({ [200] = 3 }, call(3))
      assert.equal(502, late:finish().status)
      assert.is_true(front.is_in(gateway, "closed"))
      assert.equal(3, #changes())
    end)
  end)


  -- 60 seconds by default; what is asked here is only that both workers think alike all the time.
  it("is the same for both workers while the backend comes and goes", function()
    open "threshold = 3, trials = 1, recovery = 0.3, recovery_max = 0.3"
    for _ = 1, 3 do
      fail(3)
      assert.is_true(front.is_in(gateway, "open"))
      front.await_state(gateway, "half_open")
      assert.is_true(front.is_in(gateway, "half_open"))
      backend:plan { {} }
      call(1)
      assert.is_true(front.is_in(gateway, "closed"))
    end
    assert.equal(9, #changes())
  end)
end)
