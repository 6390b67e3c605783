local shop <const> = require "support.shop"


describe("GET /api/v1/products/:id", function()
  local world

  before_each(function() world = shop() end)

  local function get(id)
    return world:request("GET", "/api/v1/products/" .. id)
  end

  -- Makes one backend answer `answer` to everything.
  local function fail(backend, answer)
    world.backends[backend] = function() return answer end
  end

  it("puts what both backends know together", function()
    local reply <const> = get "TEST-001"
    assert.equal(200, reply.status)
    assert.equal("TEST-001", reply.json.id)
    assert.equal("Aluminium bottle", reply.json.name)
    assert.equal(120, reply.json.stockLevel)
    assert.equal(19.99, reply.json.price)
    assert.equal("EUR", reply.json.currency)
    assert.is_nil(reply.json.inventory_error)
    assert.is_nil(reply.json.pricing_error)
  end)

  it("asks both at once", function()
    get "TEST-001"
    assert.equal(2, #world.calls)
    assert.equal(0, world.calls[1].at)
    assert.equal(0, world.calls[2].at)
  end)

  it("does without the inventory", function()
    fail("inventory", { kind = "connect" })
    local reply <const> = get "TEST-001"
    assert.equal(200, reply.status)
    assert.same({
      id = "TEST-001", price = 19.99, currency = "EUR",
      inventory_error = "inventory cannot be reached",
    }, reply.json)
  end)

  it("does without the pricing", function()
    fail("pricing", { kind = "open", retry_after = 3 })
    local reply <const> = get "TEST-001"
    assert.equal(200, reply.status)
    assert.equal("Aluminium bottle", reply.json.name)
    assert.is_nil(reply.json.price)
    assert.equal("pricing is not called for now, after repeated failures",
      reply.json.pricing_error)
  end)

  it("is a 404 for an unknown product, whatever the pricing says", function()
    assert.equal(404, get("NOPE").status)
    fail("pricing", { kind = "timeout" })
    assert.equal(404, get("NOPE").status)
    fail("pricing", { status = 200, json = { basePrice = 1, currency = "EUR" } })
    assert.equal(404, get("NOPE").status)
  end)

  local BOTH <const> = {
    { { kind = "connect" }, { kind = "connect" }, 502 },
    { { kind = "connect" }, { kind = "open", retry_after = 2 }, 503 },
    { { kind = "timeout" }, { kind = "open", retry_after = 2 }, 504 },
    { { status = 500 }, { kind = "timeout" }, 504 },
    { { status = 500 }, { status = 404 }, 502 },
  }
  for _, case in ipairs(BOTH) do
    it(("is a %d when both fail: %s, %s"):format(case[3], case[1].kind or case[1].status,
      case[2].kind or case[2].status), function()
      fail("inventory", case[1])
      fail("pricing", case[2])
      assert.equal(case[3], get("TEST-001").status)
    end)
  end

  it("keeps an id one segment, and copes with one that is not UTF-8", function()
    assert.equal(404, get("..%2F..%2Fadmin").status)
    for _, call in ipairs(world.calls) do
      assert.matches("^/api/v1/%l+/..%%2F..%%2Fadmin$", call.path)
    end
    assert.equal(404, get("%FF").status)
    fail("inventory", { kind = "connect" })
    assert.equal(404, get("%FF").status)
  end)

  it("has five seconds", function()
    world.backends.inventory = function() return { status = 200, delay = 20 } end
    local reply <const> = get "TEST-001"
    assert.equal(200, reply.status)
    assert.equal("inventory did not answer before the deadline", reply.json.inventory_error)
    assert.equal(4.9, reply.took)
  end)
end)


describe("GET /api/v1/products", function()
  local world

  before_each(function() world = shop() end)

  it("is a page of products with their prices", function()
    local reply <const> = world:request("GET", "/api/v1/products?page=2&size=3")
    assert.equal(200, reply.status)
    assert.equal(2, reply.json.page)
    assert.equal(3, reply.json.size)
    assert.equal(25, reply.json.total)
    assert.equal(3, #reply.json.items)
    assert.equal("TEST-004", reply.json.items[1].id)
    assert.equal(59.99, reply.json.items[1].price)
    assert.equal("EUR", reply.json.items[1].currency)
  end)

  it("begins with ten", function()
    local reply <const> = world:request("GET", "/api/v1/products")
    assert.equal(10, #reply.json.items)
    assert.equal("TEST-001", reply.json.items[1].id)
  end)

  it("may be empty", function()
    local reply <const> = world:request("GET", "/api/v1/products?page=99")
    assert.equal(200, reply.status)
    assert.matches('"items":%[%]', reply.text)
  end)

  it("says of which product the price is missing", function()
    local pricing <const> = world.backends.pricing
    world.backends.pricing = function(call)
      if call.path:find "TEST%-002" then return { kind = "timeout" } end
      return pricing(call)
    end
    local items <const> = world:request("GET", "/api/v1/products?size=3").json.items
    assert.equal(19.99, items[1].price)
    assert.is_nil(items[2].price)
    assert.equal("pricing did not answer in time", items[2].price_error)
    assert.equal(29.95, items[3].price)
  end)

  it("fails with the inventory", function()
    world.backends.inventory = function() return { kind = "connect" } end
    assert.equal(502, world:request("GET", "/api/v1/products").status)
  end)

  it("asks for at most twenty prices at once", function()
    world.backends.pricing = function()
      return { status = 200, json = { basePrice = 1, currency = "EUR" }, delay = 1 }
    end
    assert.equal(2, world:request("GET", "/api/v1/products?size=25").took)
  end)

  it("says what is wrong with page and size", function()
    for query, fields in pairs {
      ["page=0"] = { "page" }, ["size=0"] = { "size" }, ["size=101"] = { "size" },
      ["page=x&size=1.5"] = { "page", "size" },
    } do
      local reply <const> = world:request("GET", "/api/v1/products?" .. query)
      assert.equal(422, reply.status)
      local found <const> = {}
      for i, mistake in ipairs(reply.json.errors) do found[i] = mistake.field end
      assert.same(fields, found)
    end
    assert.same({}, world.calls)
  end)
end)


describe("POST /api/v1/products/bulk-check", function()
  local world

  before_each(function() world = shop() end)

  local function check(ids)
    return world:request("POST", "/api/v1/products/bulk-check", { json = { productIds = ids } })
  end

  it("answers in the order asked", function()
    local results <const> = check({ "TEST-003", "NOPE", "TEST-001", "TEST-003" }).json.results
    assert.equal("TEST-003", results[1].id)
    assert.equal(29.95, results[1].price)
    assert.same({ productId = "NOPE", error = "unknown product" }, results[2])
    assert.equal("TEST-001", results[3].id)
    assert.equal("TEST-003", results[4].id)
  end)

  it("says which product could not be looked up", function()
    local inventory <const> = world.backends.inventory
    world.backends.inventory = function(call)
      if call.path:find "TEST%-002" then return { kind = "connect" } end
      return inventory(call)
    end
    local results <const> = check({ "TEST-001", "TEST-002" }).json.results
    assert.equal("TEST-001", results[1].id)
    assert.same({ productId = "TEST-002", error = "inventory cannot be reached" }, results[2])
  end)

  it("tells of a product without its price", function()
    world.backends.pricing = function() return { kind = "connect" } end
    local results <const> = check({ "TEST-001" }).json.results
    assert.equal("TEST-001", results[1].id)
    assert.equal("pricing cannot be reached", results[1].pricing_error)
  end)

  it("checks a hundred, twenty calls at once", function()
    local ids <const> = {}
    for i = 1, 100 do ids[i] = ("TEST-%03d"):format(i) end
    local reply <const> = check(ids)
    assert.equal(200, reply.status)
    assert.equal(100, #reply.json.results)
    assert.equal("TEST-025", reply.json.results[25].id)
    assert.equal("unknown product", reply.json.results[100].error)
  end)

  it("refuses other than 1 to 100 ids", function()
    local many <const> = {}
    for i = 1, 101 do many[i] = "x" end
    for _, ids in ipairs { many, { 7 }, { "" }, "TEST-001" } do
      assert.equal(422, check(ids).status)
    end
    local reply <const> = world:request("POST", "/api/v1/products/bulk-check", { json = {} })
    assert.same({ { field = "productIds", reason = "is missing" } }, reply.json.errors)
    assert.same({}, world.calls)
  end)

  it("wants JSON", function()
    local path <const> = "/api/v1/products/bulk-check"
    assert.equal(415, world:request("POST", path, { body = "x" }).status)
    assert.equal(400, world:request("POST", path, {
      body = "{", headers = { ["content-type"] = "application/json" },
    }).status)
  end)
end)
