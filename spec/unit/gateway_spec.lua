-- The small things of the module: settings, ids, time, log.
local World <const> = require "support.world"


describe("gateway", function()
  local world, gateway

  before_each(function()
    world = World.new { env = { PORT = "8000" } }
    gateway = world.gateway
  end)

  it("has its version", function()
    assert.equal("1.2.3", gateway.version)
    assert.is_false(gateway.development)
  end)

  it("reads the settings a script may see", function()
    assert.equal("8000", gateway.env("PORT", "1"))
    assert.equal("there", gateway.env("NOT_SET", "there"))
    assert.is_nil(gateway.env "NOT_SET")
    local ok <const>, raised <const> = pcall(function() return (gateway.env("SECRET_KEY", "x")) end)
    assert.is_false(ok)
    assert.matches("gateway_spec.lua:%d+: gateway.env: scripts may not read 'SECRET_KEY'", raised)
  end)

  it("makes ids and knows the time", function()
    assert.not_equal(gateway.id(), gateway.id())
    assert.equal(1700000000, gateway.now())
  end)

  it("knows how much time is left", function()
    local before, after
    world:run(function()
      before = gateway.remaining()
      gateway.sleep(1)
      after = gateway.remaining()
    end, { deadline = 5 })
    assert.equal(5, before)
    assert.equal(4, after)
    assert.is_nil(world:run(function() return (gateway.remaining()) end))
  end)

  it("logs with the script's line", function()
    gateway.log.info("hello", { a = 1 })
    gateway.log.error(42)
    assert.equal("hello", world.logs[1].message)
    assert.same({ a = 1 }, world.logs[1].fields)
    assert.matches("gateway_spec.lua:%d+$", world.logs[1].where)
    assert.equal("error", world.logs[2].level)
    assert.equal("42", world.logs[2].message)
  end)

  it("does not log below the level", function()
    gateway.log.debug("hello")
    assert.same({}, world.logs)
  end)

  it("wants a table of fields", function()
    local ok <const>, raised <const> = pcall(function() gateway.log.info("x", "y") end)
    assert.is_false(ok)
    assert.matches("gateway_spec.lua:%d+: the fields must be a table", raised)
  end)
end)
