local World <const> = require "support.world"


describe("gateway.first", function()
  local world, gateway, b

  before_each(function()
    world = World.new()
    gateway = world.gateway
    b = gateway.backend("b", { url = "http://b" })
    -- "/3" takes three seconds; "/bad/1" fails after one.
    world.backends.b = function(call)
      local delay <const> = tonumber(call.path:match "%d+$")
      if call.path:find "bad" then return { status = 500, delay = delay } end
      return { status = 200, json = call.path, delay = delay }
    end
  end)

  local function first(n, paths, options)
    return world:run(function()
      local requests <const> = {}
      for i, path in ipairs(paths) do
        requests[i] = b:get(path, options and options[i])
      end
      return gateway.first(n, requests)
    end)
  end

  it("returns the fastest in the order they came, and their places", function()
    local responses <const>, places <const> = first(2, { "/3", "/1", "/2" })
    assert.equal(2, #responses)
    assert.equal("/1", responses[1].json)
    assert.equal("/2", responses[2].json)
    assert.same({ 2, 3 }, places)
  end)

  it("cancels the rest", function()
    first(1, { "/3", "/1", "/2" })
    assert.same({ "cancelled", "ok", "cancelled" },
      { world.calls[1].ended, world.calls[2].ended, world.calls[3].ended })
    assert.equal(1, world.scheduler.now)
  end)

  it("goes on past failures while enough are left", function()
    local responses <const> = first(1, { "/bad/1", "/2" })
    assert.equal("/2", responses[1].json)
  end)

  it("goes on past an answer that is not the expected one", function()
    local refusing <const> = { expect = function() return "is not what it should be" end }
    local responses <const>, places <const> = first(1, { "/1", "/2" }, { refusing })
    assert.equal("/2", responses[1].json)
    assert.same({ 2 }, places)
    assert.equal("ok", world.calls[1].ended)
  end)

  it("takes fallbacks only where too few have answered", function()
    local stand_in <const> = { fallback = "instead" }
    local responses = first(1, { "/bad/1", "/2" }, { stand_in })
    assert.equal("/2", responses[1].json)
    local places
    responses, places = first(2, { "/bad/1", "/2" }, { stand_in })
    assert.equal("/2", responses[1].json)
    assert.equal("instead", responses[2].json)
    assert.equal("status", responses[2].error.kind)
    assert.same({ 2, 1 }, places)
  end)

  it("raises a bug of an expectation, with its traceback, and leaves no call running", function()
    local ok <const>, raised <const> = pcall(first, 1, { "/1", "/3" },
      { { expect = function(json) return json.no.such end } })
    assert.is_false(ok)
    assert.matches("first_spec.lua:%d+: ", tostring(raised))
    assert.matches("first_spec.lua", raised.traceback)
    assert.equal("cancelled", world.calls[2].ended)
  end)

  it("ends as soon as there cannot be enough", function()
    assert.is_false((pcall(first, 2, { "/bad/1", "/bad/2", "/9" })))
    assert.equal(2, world.scheduler.now)
    assert.equal("cancelled", world.calls[3].ended)
  end)

  it("waits on while a fallback may still be enough", function()
    local responses <const> = first(2, { "/bad/1", "/2", "/bad/3" }, { { fallback = "one" } })
    assert.same({ "/2", "one" }, { responses[1].json, responses[2].json })
    assert.equal(3, world.scheduler.now)
  end)

  it("raises when too few succeed", function()
    local ok <const>, raised <const> = pcall(first, 2, { "/bad/1", "/2" })
    assert.is_false(ok)
    assert.equal("status", raised.kind)
    assert.equal("/bad/1", raised.path)
  end)

  it("refuses what cannot be", function()
    local one <const> = { b:get("/1") }
    for _, case in ipairs { { 0, one }, { 2, one }, { 1.5, one }, { "1", one }, { 1, {} } } do
      assert.matches("first_spec.lua:%d+: gateway.first cannot wait for",
        world:raised_by(function() gateway.first(case[1], case[2]) end))
    end
    for _, bad in ipairs { b:get("/1"), { 7 }, "x" } do
      assert.matches("wants a number and a list of requests",
        world:raised_by(function() gateway.first(1, bad) end))
    end
  end)
end)
