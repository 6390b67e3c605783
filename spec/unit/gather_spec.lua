local World <const> = require "support.world"


describe("gateway.gather", function()
  local world, gateway, b

  before_each(function()
    world = World.new()
    gateway = world.gateway
    b = gateway.backend("b", { url = "http://b" })
    world.backends.b = function(call)
      return { status = 200, json = { path = call.path }, delay = 1 }
    end
  end)

  local function gather(...)
    local arguments <const> = table.pack(...)
    return world:run(function() return gateway.gather(table.unpack(arguments)) end)
  end

  it("returns the shape it was given, filled with responses", function()
    local answer <const> = gather {
      one = b:get("/1"),
      many = { b:get("/2"), b:get("/3") },
      deep = { deeper = { [7] = b:get("/4") } },
      none = {},
    }
    assert.equal("/1", answer.one.json.path)
    assert.equal("/2", answer.many[1].json.path)
    assert.equal("/3", answer.many[2].json.path)
    assert.equal("/4", answer.deep.deeper[7].json.path)
    assert.same({}, answer.none)
  end)

  it("leaves the tree as it was", function()
    local request <const> = b:get("/1")
    local tree <const> = { a = { request } }
    gather(tree)
    assert.equal(request, tree.a[1])
  end)

  it("sends all at once", function()
    gather { b:get("/1"), b:get("/2"), b:get("/3") }
    for _, call in ipairs(world.calls) do
      assert.equal(0, call.at)
    end
    assert.equal(1, world.scheduler.now)
  end)

  it("has no more in flight than its limit", function()
    gather({ b:get("/1"), b:get("/2"), b:get("/3"), b:get("/4"), b:get("/5") }, { limit = 2 })
    local sent_at <const> = {}
    for i, call in ipairs(world.calls) do
      sent_at[i] = call.at
    end
    assert.same({ 0, 0, 1, 1, 2 }, sent_at)
  end)

  it("takes an answer that is not as expected for a failure", function()
    local function refuse(json) return json.path == "/1" and "it is odd" or nil end
    local answer <const> = gather {
      odd = b:get("/1", { expect = refuse, fallback = true }),
      even = b:get("/2", { expect = refuse, fallback = true }),
    }
    assert.equal("decode", answer.odd.error.kind)
    assert.equal("it is odd", answer.odd.error.message)
    assert.is_nil(answer.even.error)
    assert.equal("/2", answer.even.json.path)
    local raised <const> = select(2, pcall(gather, { b:get("/1", { expect = refuse }) }))
    assert.equal("decode", raised.kind)
  end)

  it("may send one request twice", function()
    local request <const> = b:get("/1")
    local answer <const> = gather { request, request }
    assert.equal(2, #world.calls)
    assert.equal("/1", answer[2].json.path)
  end)

  it("needs no backend for an empty table", function()
    assert.same({}, gather {})
    assert.same({}, world.calls)
  end)

  it("raises the failure and cancels the other calls", function()
    world.backends.b = function(call)
      if call.path == "/bad" then return { kind = "connect", delay = 1 } end
      return { status = 200, json = {}, delay = 5 }
    end
    local raised <const> = world:raised_by(function()
      gateway.gather { b:get("/slow"), b:get("/bad"), b:get("/slower") }
    end)
    assert.equal("connect", raised.kind)
    assert.equal("/bad", raised.path)
    assert.same({ "cancelled", "connect", "cancelled" },
      { world.calls[1].ended, world.calls[2].ended, world.calls[3].ended })
    assert.equal(1, world.scheduler.now)
  end)

  it("sends nothing more once one has failed", function()
    world.backends.b = function() return { kind = "connect", delay = 1 } end
    world:raised_by(function()
      gateway.gather({ b:get("/1"), b:get("/2"), b:get("/3") }, { limit = 1 })
    end)
    assert.same({ "GET b /1" }, world:sent())
  end)

  it("goes on past a failure that has a fallback", function()
    world.backends.b = function(call)
      if call.path == "/bad" then return { status = 500 } end
      return { status = 200, json = { path = call.path }, delay = 1 }
    end
    local bad <const> = b:get("/bad", { fallback = true })
    local answer <const> = gather { bad = bad, good = b:get("/good") }
    assert.equal("status", answer.bad.error.kind)
    assert.equal(500, answer.bad.error.status)
    assert.equal("/good", answer.good.json.path)
  end)

  it("raises the failure without a fallback, not the one that has one", function()
    world.backends.b = function(call)
      return { kind = call.path == "/1" and "dns" or "tls", delay = 1 }
    end
    local raised <const> = world:raised_by(function()
      gateway.gather { b:get("/1", { fallback = true }), b:get("/2") }
    end)
    assert.equal("tls", raised.kind)
  end)

  it("is ended by the request's deadline", function()
    world.backends.b = function() return { status = 200, delay = 10 } end
    local raised <const> = world:raised_by(function() gateway.gather { b:get("/1") } end,
      { deadline = 2 })
    assert.equal("deadline", raised.kind)
    assert.equal("deadline", world.calls[1].ended)
    assert.equal(2, world.scheduler.now)
  end)

  it("is cancelled for good: pcall does not hold it off", function()
    local kinds <const> = {}
    world:run(function()
      for i = 1, 3 do
        local _, raised <const> = pcall(gateway.gather, { b:get("/" .. i) })
        kinds[i] = raised.kind
      end
    end, { hang_up = 0.5 })
    assert.same({ "cancelled", "cancelled", "cancelled" }, kinds)
    assert.same({ "GET b /1" }, world:sent())
  end)

  local MISTAKES <const> = {
    { { { a = { "x" } } }, "a.1 is a string, neither a request nor a table" },
    { { { a = { b = { c = 7 } } } }, "a.b.c is a number, neither a request nor a table" },
    { { { true } }, "1 is a boolean, neither a request nor a table" },
    { { 7 }, "wants a table of requests" },
    { { {}, { limit = 0 } }, "'limit' must be a whole number above 0" },
    { { {}, { limits = 2 } }, "unknown option 'limits'" },
    { { {}, 2 }, "the options must be a table" },
  }
  for _, case in ipairs(MISTAKES) do
    it("refuses, at the operator's line: " .. case[2], function()
      local raised <const> = world:raised_by(function()
        gateway.gather(table.unpack(case[1]))
        return nil
      end)
      assert.matches("^[^:]*gather_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(case[2], 1, true), raised)
    end)
  end

  it("refuses a request that is not in a table, and a table within itself", function()
    assert.matches("wants a table of requests",
      world:raised_by(function() gateway.gather(b:get("/1")) end))
    local tree <const> = {}
    tree.me = tree
    assert.matches("nested too deeply", world:raised_by(function() gateway.gather(tree) end))
  end)

  it("sends nothing of a tree that is wrong", function()
    world:raised_by(function() gateway.gather { b:get("/1"), { 7 } } end)
    assert.same({}, world.calls)
  end)
end)
