local shop <const> = require "support.shop"


describe("GET /", function()
  it("says who is there", function()
    local reply <const> = shop():request("GET", "/")
    assert.equal(200, reply.status)
    assert.same({ message = "API Gateway", version = "1.2.3" }, reply.json)
  end)
end)


describe("GET /health/backends", function()
  it("asks all backends at once", function()
    local world <const> = shop()
    local reply <const> = world:request("GET", "/health/backends")
    assert.equal(200, reply.status)
    assert.same({ status = "healthy", backends = {
      inventory = { status = "healthy", breaker = "closed" },
      pricing = { status = "healthy", breaker = "closed" },
    } }, reply.json)
    assert.equal(2, #world.calls)
    assert.equal("/health", world.calls[1].path)
  end)

  it("is a 503 that tells which one is not well", function()
    local world <const> = shop()
    world.backend_state = "open"
    world.backends.pricing = function() return { kind = "connect" } end
    local reply <const> = world:request("GET", "/health/backends")
    assert.equal(503, reply.status)
    assert.equal("unhealthy", reply.json.status)
    assert.equal("healthy", reply.json.backends.inventory.status)
    assert.same({
      status = "unhealthy", breaker = "open", error = "pricing cannot be reached",
    }, reply.json.backends.pricing)
  end)
end)
