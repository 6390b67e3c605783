local World <const> = require "support.world"


describe("gateway.breaker", function()
  local world, gateway, breaker, record

  before_each(function()
    world = World.new()
    gateway = world.gateway
    breaker = gateway.breaker("payments", { threshold = 2, recovery = 10, trials = 1 })
    record = world.breakers[1]
  end)

  it("hands its options to the core", function()
    assert.same({ threshold = 2, recovery = 10, trials = 1 }, record.options)
    assert.equal("payments", breaker.name)
    gateway.breaker "other"
    assert.same({}, world.breakers[2].options)
  end)

  it("refuses options that mean nothing", function()
    for reason, options in pairs {
      ["breaker 'b': option 'failure_rate' needs 'window'"] = { failure_rate = 0.5 },
      ["breaker 'b': option 'slow_call' needs 'window'"] = { slow_call = 1 },
      ["breaker 'b': unknown option 'timeout'"] = { timeout = 1 },
    } do
      local ok <const>, raised <const> = pcall(function()
        gateway.breaker("b", options)
        return nil -- no tail call: the level has to be this function's
      end)
      assert.is_false(ok)
      assert.matches("^[^:]*breaker_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(reason, 1, true), raised)
    end
  end)

  it("returns what the function returns, all of it, and reports success", function()
    local results <const> = table.pack(world:run(function()
      return breaker:call(function(...) return select("#", ...), nil, ... end, "a", nil)
    end))
    assert.same({ 2, nil, "a", nil, n = 4 }, results)
    assert.same({ "success" }, record.reports)
  end)

  it("reports when the function has slept, not before", function()
    world:run(function()
      breaker:call(function()
        gateway.sleep(1)
        assert.same({}, record.reports)
      end)
    end)
    assert.same({ "success" }, record.reports)
  end)

  it("reports a failure and raises it on", function()
    local thrown <const> = {}
    assert.equal(thrown, world:raised_by(function() breaker:call(function() error(thrown) end) end))
    assert.same({ "failure" }, record.reports)
  end)

  local VERDICTS <const> = {
    { { kind = "timeout" }, "failure" }, { { status = 500 }, "failure" },
    { { kind = "decode", status = 200 }, "failure" }, { { status = 404 }, "success" },
  }
  for _, case in ipairs(VERDICTS) do
    local name <const> = case[1].kind or "status " .. case[1].status
    it(("takes %s for a %s"):format(name, case[2]), function()
      local b <const> = gateway.backend("b", { url = "http://b" })
      world.backends.b = function() return case[1] end
      world:raised_by(function()
        breaker:call(function() gateway.call(b:get("/")) end)
      end)
      assert.same({ case[2] }, record.reports)
    end)
  end

  it("does not hold a client's mistake, or his leaving, against what it guards", function()
    world:raised_by(function() breaker:call(function() gateway.fail(422, "no") end) end)
    world:raised_by(function() breaker:call(gateway.fail, 503, "no") end)
    world:raised_by(function() breaker:call(gateway.sleep, 9) end, { hang_up = 1 })
    assert.same({ "success", "failure", "ignored" }, record.reports)
  end)

  it("takes a deadline for a failure, unless it was the client's", function()
    local function run_out()
      world:raised_by(function() breaker:call(gateway.sleep, 9) end, { deadline = 1 })
    end
    run_out()
    world.deadline_is_callers = true
    run_out()
    assert.same({ "failure", "ignored" }, record.reports)
  end)

  it("raises without calling while it is open", function()
    record.state, record.retry_after = "open", 41.5
    local called = false
    local raised <const> = world:raised_by(function()
      breaker:call(function() called = true end)
    end)
    assert.is_false(called)
    assert.equal("open", raised.kind)
    assert.equal(41.5, raised.retry_after)
    assert.equal("payments: open (retry in 42 s)", tostring(raised))
    assert.equal("open", breaker:state())
  end)

  it("is answered with 503 while it is open", function()
    record.state, record.retry_after = "open", 41.5
    gateway.route("GET /x", function() return breaker:call(function() return 200 end) end)
    local reply <const> = world:start():request("GET", "/x")
    assert.equal(503, reply.status)
    assert.equal(42, reply.headers["retry-after"])
    record.state = "closed"
    assert.equal(200, world:request("GET", "/x").status)
  end)

  it("refuses, at the operator's line, what it cannot use", function()
    assert.matches("breaker_spec.lua:%d+: .*unknown option 'treshold'",
      select(2, pcall(function() gateway.breaker("x", { treshold = 1 }) end)))
    assert.matches("breaker_spec.lua:%d+: a breaker wants a name",
      select(2, pcall(function() gateway.breaker() end)))
    assert.matches("breaker_spec.lua:%d+: breaker:call wants a function",
      world:raised_by(function() breaker:call("x") return nil end))
    assert.matches("breaker_spec.lua:%d+: call it with a colon",
      world:raised_by(function() breaker.call(print) return nil end))
  end)
end)
