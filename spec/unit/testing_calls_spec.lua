-- What the fake core refuses, in the words of the real one (core/lua/fetch.c, reply.c, core.c).
local World <const> = require "support.world"


describe("the fake core", function()
  local world, gateway, b

  before_each(function()
    world = World.new()
    gateway = world.gateway
    b = gateway.backend("b", { url = "http://b" })
    world.backends.b = function() return { status = 200, json = {} } end
  end)

  local function raised_by_call(options)
    return tostring(world:raised_by(function() gateway.call(b:get("/x", options)) end))
  end

  it("refuses headers that cannot be sent", function()
    for text, headers in pairs {
      ["headers: 'Host' cannot be set"] = { Host = "x" },
      ["headers: 'x y' cannot be set"] = { ["x y"] = "1" },
      ["headers: the value of 'x' has a control character"] = { x = "a\nb" },
      ["headers: names are strings, values strings or numbers"] = { x = {} },
    } do
      assert.matches(text, raised_by_call { headers = headers }, 1, true)
    end
    local many <const> = {}
    for i = 1, 61 do
      many["x" .. i] = "1"
    end
    assert.matches("headers: at most 60", raised_by_call { headers = many })
    assert.same({}, world.calls)
  end)

  it("refuses JSON that cannot be said", function()
    assert.matches("is not JSON", raised_by_call { json = { print } })
  end)

  it("can only wait in a flow's own coroutine, outside of callbacks", function()
    local inside <const> = world:raised_by(function()
      local resumed <const> = coroutine.wrap(function() gateway.sleep(1) end)
      resumed()
    end)
    assert.matches("inside a coroutine of your own: use gateway.map", inside)
    assert.matches("while a request or a job is handled",
      select(2, pcall(gateway.sleep, 1)))
    local sorting <const> = world:raised_by(function()
      table.sort({ 1, 2, 3 }, function() gateway.sleep(1) end)
    end)
    assert.matches("this cannot wait here", sorting)
  end)

  it("ends a script that goes on after its request is over", function()
    local raised <const> = world:raised_by(function()
      while true do pcall(gateway.sleep, 1) end
    end, { deadline = 1 })
    debug.sethook()
    assert.matches("goes on after its request is over", tostring(raised))
  end)

  it("refuses answers that cannot be said", function()
    for text, answer in pairs {
      ["from 200 to 599, got 600"] = { 600 },
      ["headers must be a table, got string"] = { 200, nil, "x" },
      ["header 'Date' cannot be set"] = { 200, nil, { Date = "x" } },
      ["header 'x': expected a string or a number, got boolean"] = { 200, nil, { x = true } },
      ["header 'x': the value has a control character"] = { 200, nil, { x = { "a", "b\r" } } },
    } do
      local raised <const> = world:raised_by(function()
        world.core.reply(table.unpack(answer, 1, 3))
      end)
      assert.matches(text, raised, 1, true)
    end
  end)

  it("leaves time to use a fallback", function()
    world.backends.b = function() return { status = 200, delay = 60 } end
    world:run(function()
      local response <const> = gateway.call(b:get("/x", { fallback = true }))
      assert.equal("deadline", response.error.kind)
      assert.equal(9.9, world.scheduler.now)
    end, { deadline = 10 })
  end)

  it("has a backend's own timeout", function()
    local slow <const> = gateway.backend("slow", { url = "http://slow", timeout = 2 })
    world.backends.slow = function() return { status = 200, delay = 3 } end
    local raised <const> = world:raised_by(function() gateway.call(slow:get "/x") end)
    assert.equal("timeout", raised.kind)
    assert.equal(2, world.scheduler.now)
  end)
end)
