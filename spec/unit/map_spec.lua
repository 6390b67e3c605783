local World <const> = require "support.world"


describe("gateway.map", function()
  local world, gateway

  before_each(function()
    world = World.new()
    gateway = world.gateway
  end)

  it("returns the results in the list's order", function()
    local results <const> = world:run(function()
      return gateway.map({ 3, 1, 2 }, function(seconds, index)
        gateway.sleep(seconds)
        return ("%d:%d"):format(index, seconds)
      end)
    end)
    assert.same({ "1:3", "2:1", "3:2" }, results)
    assert.equal(3, world.scheduler.now)
  end)

  it("runs as many at once as its limit, ten by default", function()
    local function took(n, options)
      local began <const> = world.scheduler.now
      local list <const> = {}
      for i = 1, n do list[i] = i end
      world:run(function()
        gateway.map(list, function() gateway.sleep(1) end, options)
      end)
      return world.scheduler.now - began
    end
    assert.equal(1, took(10))
    assert.equal(2, took(11))
    assert.equal(3, took(6, { limit = 2 }))
    assert.equal(6, took(6, { limit = 1 }))
  end)

  it("has nothing to do for an empty list", function()
    assert.same({}, world:run(function() return gateway.map({}, error) end))
  end)

  it("raises the first error as it is, when the others have ended", function()
    local thrown <const> = {}
    local ended <const> = {}
    local raised <const> = world:raised_by(function()
      gateway.map({ 1, 2, 3 }, function(i)
        local mark <close> = setmetatable({}, { __close = function() ended[i] = true end })
        gateway.sleep(i)
        if i == 2 then gateway.fail(409, "second", thrown) end
        return mark
      end)
    end)
    assert.equal("second", raised.detail)
    assert.equal(thrown, raised.members)
    assert.same({ true, true, true }, ended)
    assert.equal(2, world.scheduler.now)
  end)

  it("keeps the place of a bug in the function", function()
    local raised <const> = world:raised_by(function()
      gateway.map({ 1 }, function() return nil + 1 end)
    end)
    assert.matches("map_spec.lua:%d+: attempt to perform arithmetic", tostring(raised))
    assert.matches("map_spec.lua", raised.traceback)
  end)

  it("starts nothing more after an error", function()
    local started <const> = {}
    world:raised_by(function()
      gateway.map({ 1, 2, 3 }, function(i)
        started[#started + 1] = i
        error "no"
      end, { limit = 1 })
    end)
    assert.same({ 1 }, started)
  end)

  it("shares the request's deadline with its children", function()
    local seen <const> = {}
    local raised <const> = world:raised_by(function()
      gateway.map({ 1, 2 }, function(i)
        local ok <const>, caught <const> = pcall(gateway.sleep, 10)
        seen[i] = { ok, caught.kind }
        error(caught)
      end)
    end, { deadline = 3 })
    assert.equal("deadline", raised.kind)
    assert.same({ { false, "deadline" }, { false, "deadline" } }, seen)
    assert.equal(3, world.scheduler.now)
  end)

  it("lets a saga in a child undo what it did", function()
    local b <const> = gateway.backend("b", { url = "http://b" })
    world.backends.b = function() return { status = 200, json = {}, delay = 1 } end
    world:raised_by(function()
      gateway.map({ "x" }, function(item)
        local saga <close> = gateway.saga("test", item)
        saga:step(b:post("/do"), b:post("/undo"))
        error "no"
      end)
    end)
    assert.same({ "POST b /do", "POST b /undo" }, world:sent())
  end)

  it("refuses, at the operator's line, what it cannot use", function()
    local cases <const> = {
      { { 7, print }, "wants a list" },
      { { {}, 7 }, "wants a function" },
      { { {}, print, { limit = -1 } }, "'limit' must be a whole number above 0" },
    }
    for _, case in ipairs(cases) do
      local raised <const> = world:raised_by(function()
        gateway.map(table.unpack(case[1]))
        return nil
      end)
      assert.matches("map_spec.lua:%d+: gateway.map", raised)
      assert.truthy(raised:find(case[2], 1, true), raised)
    end
  end)
end)


describe("gateway.sleep", function()
  it("sleeps", function()
    local world <const> = World.new()
    world:run(function() world.gateway.sleep(2.5) end)
    assert.equal(2.5, world.scheduler.now)
  end)

  it("is ended by a client that hangs up", function()
    local world <const> = World.new()
    local raised <const> = world:raised_by(function() world.gateway.sleep(60) end, { hang_up = 1 })
    assert.equal("cancelled", raised.kind)
    assert.equal(1, world.scheduler.now)
  end)

  it("wants seconds", function()
    local world <const> = World.new()
    for _, bad in ipairs { -1, "1", math.huge, 0 / 0 } do
      assert.matches("map_spec.lua:%d+: gateway.sleep wants",
        world:raised_by(function() world.gateway.sleep(bad) end))
    end
  end)
end)
