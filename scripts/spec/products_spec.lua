-- An example: `moongate test` runs each spec/*_spec.lua of the scripts folder. The backends answer
-- as the spec says, and time is virtual: a minute of latency takes none.
local testing <const> = require "gateway.testing"


describe("GET /api/v1/products/:id", function()
  local gw

  before_each(function()
    gw = testing.load()
    gw.backend("inventory"):on("GET /api/v1/products/{id}", {
      json = { id = "TEST-001", name = "Aluminium bottle", stockLevel = 120 },
    })
    gw.backend("pricing"):on("GET /api/v1/prices/{id}", {
      json = { productId = "TEST-001", basePrice = 19.99, currency = "EUR" },
    })
  end)

  it("puts what both backends know together, asking both at once", function()
    local response <const> = gw:request("GET", "/api/v1/products/TEST-001")
    assert.equal(200, response.status)
    assert.equal("Aluminium bottle", response.json.name)
    assert.equal(19.99, response.json.price)
    assert.equal(0, gw.backend("inventory"):calls()[1].at)
    assert.equal(0, gw.backend("pricing"):calls()[1].at)
  end)

  it("does without the price while pricing is slow", function()
    gw.backend("pricing"):on("GET /api/v1/prices/{id}", { latency = 60 })
    local response <const> = gw:request("GET", "/api/v1/products/TEST-001")
    assert.equal(200, response.status)
    assert.equal("pricing did not answer before the deadline", response.json.pricing_error)
    assert.is_true(response.took < 5)
  end)

  it("is a 404 for a product that nobody knows", function()
    gw.backend("inventory"):on("*", { status = 404 })
    gw.backend("pricing"):on("*", { fail = "connect" })
    assert.equal(404, gw:request("GET", "/api/v1/products/NOPE").status)
  end)
end)


describe("POST /api/v1/orders", function()
  local gw

  before_each(function()
    gw = testing.load()
    gw.backend("inventory")
      :on("POST /api/v1/stock/reserve", { status = 201, json = { reservationId = "r-1" } })
      :on("POST /api/v1/stock/release", { json = { released = 1 } })
  end)

  it("gives back what it reserved when there is no price", function()
    gw.backend("pricing"):on("POST /api/v1/prices/calculate", { fail = "connect" })
    local response <const> = gw:request("POST", "/api/v1/orders", {
      json = { items = { { productId = "TEST-001", quantity = 2 } } },
    })
    assert.equal(502, response.status)
    local calls <const> = gw.backend("inventory"):calls()
    assert.equal("/api/v1/stock/reserve", calls[1].path)
    assert.equal("/api/v1/stock/release", calls[2].path)
    assert.equal(calls[1].json.orderId, calls[2].json.orderId)
  end)
end)
