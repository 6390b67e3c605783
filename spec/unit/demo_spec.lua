-- The demo backends keep the contract of the real ones (docs/architecture.md).
local World <const> = require "support.world"


describe("the demo inventory", function()
  local world

  before_each(function() world = World.load { scripts = "scripts/demo/inventory" } end)

  local function reserve(order, product, quantity)
    return world:request("POST", "/api/v1/stock/reserve", {
      json = { orderId = order, productId = product, quantity = quantity },
    })
  end

  local function release(body)
    return world:request("POST", "/api/v1/stock/release", { json = body })
  end

  local function stock(product)
    local found <const> = world:request("GET", "/api/v1/products/" .. product).json
    return found.stockLevel - found.reservedStock
  end

  it("has products, and pages of them", function()
    local product <const> = world:request("GET", "/api/v1/products/TEST-002")
    assert.equal(200, product.status)
    assert.equal("Trail backpack", product.json.name)
    assert.equal(31.2, product.json.unitCost)
    assert.equal(404, world:request("GET", "/api/v1/products/NOPE").status)
    local page <const> = world:request("GET", "/api/v1/products?page=3&size=10").json
    assert.equal(5, #page.items)
    assert.equal(25, page.total)
    assert.equal("TEST-021", page.items[1].id)
    for _, query in ipairs { "page=0", "size=101", "size=x" } do
      assert.equal(400, world:request("GET", "/api/v1/products?" .. query).status)
    end
  end)

  it("reserves, once for the same order and product", function()
    local first <const>, second <const> = reserve("o1", "TEST-001", 5), reserve("o1", "TEST-001", 5)
    assert.equal(201, first.status)
    assert.same(first.json, second.json)
    assert.equal(115, stock "TEST-001")
    assert.equal(201, reserve("o2", "TEST-001", 5).status)
    assert.equal(110, stock "TEST-001")
  end)

  it("refuses what cannot be reserved", function()
    assert.equal(404, reserve("o1", "NOPE", 1).status)
    assert.equal(409, reserve("o1", "TEST-004", 4).status)
    assert.equal(201, reserve("o1", "TEST-004", 3).status)
    assert.equal(409, reserve("o2", "TEST-004", 1).status)
    for _, quantity in ipairs { 0, -1, 1.5, "1" } do
      assert.equal(422, reserve("o3", "TEST-001", quantity).status)
    end
  end)

  it("releases by id, or by order and product, once", function()
    local id <const> = reserve("o1", "TEST-001", 5).json.reservationId
    assert.same({ released = 5 }, release({ reservationId = id }).json)
    assert.same({ released = 0 }, release({ reservationId = id }).json)
    reserve("o2", "TEST-001", 7)
    assert.same({ released = 7 }, release({ orderId = "o2", productId = "TEST-001" }).json)
    assert.same({ released = 0 }, release({ orderId = "o2", productId = "TEST-001" }).json)
    assert.equal(120, stock "TEST-001")
  end)

  it("refuses a reserve that comes after its release", function()
    assert.same({ released = 0 }, release({ orderId = "o1", productId = "TEST-001" }).json)
    assert.equal(409, reserve("o1", "TEST-001", 1).status)
    assert.equal(201, reserve("o1", "TEST-002", 1).status)
  end)

  it("tells what it was sent, but not what was asked about that", function()
    reserve("o1", "TEST-001", 1)
    world:request("GET", "/demo/reservations")
    assert.same({ requests = { {
      method = "POST", path = "/api/v1/stock/reserve", correlation_id = "correlation-1",
    } } }, world:request("GET", "/demo/requests").json)
  end)

  describe("with faults", function()
    local function put(faults)
      return world:request("PUT", "/demo/faults", { json = faults })
    end

    it("answers late, but does the work", function()
      put { latency_ms = 2000 }
      local reply <const> = reserve("o1", "TEST-001", 1)
      assert.equal(201, reply.status)
      assert.equal(2, reply.took)
      world:request("DELETE", "/demo/faults")
      assert.equal(119, stock "TEST-001")
    end)

    it("answers a status instead of doing the work", function()
      put { status = 500 }
      assert.equal(500, reserve("o1", "TEST-001", 1).status)
      world:request("DELETE", "/demo/faults")
      assert.equal(120, stock "TEST-001")
    end)

    it("drops the connection after the work", function()
      put { drop = true }
      assert.is_true(reserve("o1", "TEST-001", 1).dropped)
      world:request("DELETE", "/demo/faults")
      assert.equal(119, stock "TEST-001")
    end)

    it("strikes only some paths, and only some times", function()
      put { status = 503, path = "/api/v1/stock", times = 2 }
      assert.equal(200, world:request("GET", "/api/v1/products/TEST-001").status)
      assert.equal(503, reserve("o1", "TEST-001", 1).status)
      assert.equal(503, reserve("o1", "TEST-001", 1).status)
      assert.equal(201, reserve("o1", "TEST-001", 1).status)
    end)

    it("strikes at a rate", function()
      put { error_rate = 0.5 }
      local failed = 0
      for _ = 1, 400 do
        if world:request("GET", "/api/v1/products/TEST-001").status == 503 then
          failed = failed + 1
        end
      end
      assert.is_true(failed > 100 and failed < 300, failed)
    end)

    it("stays well for those who look after it", function()
      put { status = 503, latency_ms = 1000 }
      assert.equal(200, world:request("GET", "/health").status)
      local reply <const> = world:request("GET", "/demo/faults")
      assert.same({ status = 503, latency_ms = 1000, error_rate = 1, drop = false }, reply.json)
      assert.equal(0, reply.took)
    end)

    it("refuses faults it does not know", function()
      for _, faults in ipairs {
        { latency = 1 }, { status = 200 }, { error_rate = 2 }, { times = 0 }, { drop = 1 },
      } do
        assert.equal(422, put(faults).status)
      end
    end)
  end)
end)


describe("the demo pricing", function()
  local world

  before_each(function() world = World.load { scripts = "scripts/demo/pricing" } end)

  local function calculate(body)
    return world:request("POST", "/api/v1/prices/calculate", { json = body })
  end

  it("has list prices", function()
    assert.same({
      productId = "TEST-001", basePrice = 19.99, currency = "EUR", priceType = "LIST",
      validFrom = "2026-01-01", validUntil = "2026-12-31",
    }, world:request("GET", "/api/v1/prices/TEST-001").json)
    assert.equal(404, world:request("GET", "/api/v1/prices/NOPE").status)
  end)

  it("calculates discount and tax", function()
    assert.same({
      productId = "TEST-002", quantity = 2, basePrice = 89.5,
      discounts = { { code = "SUMMER20", percent = 20, amount = 35.8 } },
      tax = 27.21, finalPrice = 170.41, currency = "EUR",
      breakdown = { subtotal = 179.0, discount = 35.8, tax = 27.21, total = 170.41 },
    }, calculate({ productId = "TEST-002", quantity = 2, discountCodes = { "SUMMER20" } }).json)
  end)

  it("writes every third price as text", function()
    assert.equal("35.64", calculate({ productId = "TEST-003", quantity = 1 }).json.finalPrice)
    assert.equal(0.3, calculate({ productId = "TEST-025", quantity = 1 }).json.finalPrice)
  end)

  it("refuses what it cannot price", function()
    assert.equal(404, calculate({ productId = "NOPE", quantity = 1 }).status)
    local unknown <const> = { productId = "TEST-001", quantity = 1, discountCodes = { "NOPE" } }
    assert.equal(422, calculate(unknown).status)
    for _, quantity in ipairs { 0, 1.5, "1" } do
      assert.equal(422, calculate({ productId = "TEST-001", quantity = quantity }).status)
    end
    assert.equal(422, calculate({ productId = "TEST-001" }).status)
    assert.equal(422,
      calculate({ productId = "TEST-001", quantity = 1, discountCodes = "SUMMER20" }).status)
  end)
end)
