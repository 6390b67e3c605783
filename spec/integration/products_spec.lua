local process <const> = require "support.process"
local shop <const> = require "support.live_shop"


local function fields_of(response)
  local fields = {}
  for i, entry in ipairs(response.json.errors) do
    assert.is_string(entry.reason)
    fields[i] = entry.field
  end
  return fields
end


describe("products", function()
  local demo, gateway

  setup(function()
    demo = shop.open { SERVICE_TIMEOUT = 1 }
    gateway = demo.gateway
  end)
  before_each(function() demo:repair() end)
  teardown(process.end_all)

  it("has a home", function()
    local response = gateway:get("/")
    assert.equal(200, response.status)
    assert.equal("application/json", response.headers["content-type"])
    assert.equal("API Gateway", response.json.message)
    assert.is_string(response.json.version)
  end)

  it("is alive and ready", function()
    assert.same({ status = "ok" }, gateway:get("/health").json)
    local response = gateway:get("/ready")
    assert.equal(200, response.status)
    assert.same({ status = "ready" }, response.json)
  end)

  it("asks both backends how they are", function()
    local response = gateway:get("/health/backends")
    assert.equal(200, response.status)
    local healthy = { status = "healthy", breaker = "closed" }
    assert.same({ status = "healthy", backends = { inventory = healthy, pricing = healthy } },
      response.json)
  end)


  describe("GET /api/v1/products", function()
    it("lists the first ten, each with its price", function()
      local page = gateway:get("/api/v1/products").json
      assert.equal(10, #page.items)
      assert.same({ 1, 10, 25 }, { page.page, page.size, page.total })
      for i, item in ipairs(page.items) do
        assert.equal(("TEST-%03d"):format(i), item.id)
        assert.is_number(item.price)
        assert.equal("EUR", item.currency)
      end
      assert.equal(19.99, page.items[1].price)
    end)

    it("lists the page it is asked for", function()
      local page = gateway:get("/api/v1/products?page=3&size=11").json
      assert.same({ "TEST-023", "TEST-024", "TEST-025" },
        { page.items[1].id, page.items[2].id, page.items[3].id })
      assert.equal("USD", page.items[2].currency)
    end)

    it("has an empty list on a page behind the last", function()
      local response = gateway:get("/api/v1/products?page=99")
      assert.equal(200, response.status)
      assert.is_truthy(response.body:find('"items":[]', 1, true))
    end)

    it("refuses a page that cannot be, and says what is wrong", function()
      for query, fields in pairs {
        ["page=0"] = { "page" },
        ["size=101"] = { "size" },
        ["page=one&size=1.5"] = { "page", "size" },
        ["page=-1"] = { "page" },
        ["size="] = { "size" },
      } do
        local response = gateway:get("/api/v1/products?" .. query)
        assert.equal(422, response.status, query)
        assert.same(fields, fields_of(response), query)
      end
    end)

    it("says which prices are missing", function()
      demo:break_down("pricing", { status = 500, path = "/api/v1/prices/TEST-002" })
      local items = gateway:get("/api/v1/products?size=3").json.items
      assert.equal(19.99, items[1].price)
      assert.is_nil(items[2].price)
      assert.equal("pricing answered 500", items[2].price_error)
      assert.equal(29.95, items[3].price)
    end)

    it("fails when the inventory does", function()
      demo:break_down("inventory", { status = 503 })
      local response = gateway:get("/api/v1/products")
      assert.equal(502, response.status)
      assert.equal("inventory answered 503", response.json.detail)
    end)
  end)


  describe("GET /api/v1/products/:id", function()
    it("merges what the inventory knows with the price", function()
      local response = gateway:get("/api/v1/products/TEST-001")
      assert.equal(200, response.status)
      local product = response.json
      assert.same({ "TEST-001", "SKU-OUT-001", "outdoor" },
        { product.id, product.sku, product.category })
      assert.same({ 19.99, "EUR", 7.35 }, { product.price, product.currency, product.unitCost })
      assert.is_nil(product.inventory_error)
      assert.is_nil(product.pricing_error)
    end)

    it("keeps integers, booleans and lists what they are", function()
      local body = gateway:get("/api/v1/products/TEST-001").body
      for _, part in ipairs { '"stockLevel":120', '"active":true', '"tags":["outdoor"]' } do
        assert.is_truthy(body:find(part, 1, true), part)
      end
    end)

    it("asks each backend once", function()
      local response = gateway:get("/api/v1/products/TEST-001")
      local function asked(name) return demo:asked(name, response)[1].path end
      assert.equal("/api/v1/products/TEST-001", asked "inventory")
      assert.equal("/api/v1/prices/TEST-001", asked "pricing")
      assert.equal(1, #demo:asked("inventory", response))
      assert.equal(1, #demo:asked("pricing", response))
    end)

    it("does not know what is not there", function()
      local response = gateway:get("/api/v1/products/TEST-999")
      assert.equal(404, response.status)
      assert.equal("application/problem+json", response.headers["content-type"])
      assert.equal("there is no product 'TEST-999'", response.json.detail)
      assert.equal(404, response.json.status)
    end)

    it("takes an id with an encoded slash for one id", function()
      local response = gateway:get("/api/v1/products/a%2Fb%3Fc")
      assert.equal(404, response.status)
      assert.equal("there is no product 'a/b?c'", response.json.detail)
      assert.equal("/api/v1/products/a%2Fb%3Fc", demo:asked("inventory", response)[1].path)
    end)

    it("answers without the price when pricing fails", function()
      for reason, fault in pairs {
        ["pricing answered 500"] = { status = 500 },
        ["pricing gave an answer that cannot be read"] = { drop = true },
        ["pricing did not answer in time"] = { latency_ms = 3000 },
      } do
        demo:break_down("pricing", fault)
        local response = gateway:get("/api/v1/products/TEST-001")
        assert.equal(200, response.status)
        assert.equal(reason, response.json.pricing_error)
        assert.equal("Aluminium bottle", response.json.name)
        assert.is_nil(response.json.price)
        assert.is_nil(response.json.inventory_error)
      end
    end)

    it("answers with the price only when the inventory fails", function()
      for reason, fault in pairs {
        ["inventory answered 503"] = { status = 503 },
        ["inventory gave an answer that cannot be read"] = { drop = true },
        ["inventory did not answer in time"] = { latency_ms = 3000 },
      } do
        demo:break_down("inventory", fault)
        local response = gateway:get("/api/v1/products/TEST-001")
        assert.equal(200, response.status)
        assert.same({
          id = "TEST-001",
          price = 19.99,
          currency = "EUR",
          inventory_error = reason,
        }, response.json)
      end
    end)

    it("fails when both do, with the graver answer", function()
      demo:break_down("inventory", { status = 500 })
      demo:break_down("pricing", { status = 500 })
      assert.equal(502, gateway:get("/api/v1/products/TEST-001").status)
      demo:break_down("pricing", { latency_ms = 3000 })
      local response = gateway:get("/api/v1/products/TEST-001")
      assert.equal(504, response.status)
      assert.equal("pricing did not answer in time", response.json.detail)
    end)
  end)


  describe("POST /api/v1/products/bulk-check", function()
    local function check(body)
      return gateway:post("/api/v1/products/bulk-check", body)
    end

    it("answers in the order asked", function()
      local response = check { productIds = { "TEST-003", "NOPE", "TEST-001", "TEST-003" } }
      assert.equal(200, response.status)
      local results = response.json.results
      assert.equal(4, #results)
      assert.same({ "TEST-003", 29.95 }, { results[1].id, results[1].price })
      assert.same({ productId = "NOPE", error = "unknown product" }, results[2])
      assert.equal("TEST-001", results[3].id)
      assert.same(results[1], results[4])
    end)

    it("takes a hundred", function()
      local ids = {}
      for i = 1, 100 do
        ids[i] = ("TEST-%03d"):format(i % 25 + 1)
      end
      local results = check({ productIds = ids }).json.results
      assert.equal(100, #results)
      for i, result in ipairs(results) do
        assert.equal(ids[i], result.id)
        assert.is_number(result.price)
      end
    end)

    it("checks one by one what fails", function()
      demo:break_down("inventory", { status = 500, path = "/api/v1/products/TEST-002" })
      local results = check({ productIds = { "TEST-001", "TEST-002" } }).json.results
      assert.equal("TEST-001", results[1].id)
      assert.same({ productId = "TEST-002", error = "inventory answered 500" }, results[2])
    end)

    it("refuses what is not a list of ids", function()
      local ids = {}
      for i = 1, 101 do
        ids[i] = "x"
      end
      for _, case in ipairs {
        { { other = 1 }, { "productIds" } },
        { { productIds = "TEST-001" }, { "productIds" } },
        { { productIds = ids }, { "productIds" } },
        { { productIds = { "TEST-001", 2, "" } }, { "productIds[1]", "productIds[2]" } },
      } do
        local response = check(case[1])
        assert.equal(422, response.status)
        assert.same(case[2], fields_of(response))
      end
    end)

    local function post_text(body, content_type)
      local headers = { content_type and "Content-Type: " .. content_type }
      return gateway:request("POST", "/api/v1/products/bulk-check",
        { body = body, headers = headers })
    end

    it("refuses what is not an object", function()
      for _, body in ipairs { "[]", "1", "null", '"x"' } do
        assert.equal(422, post_text(body, "application/json").status, body)
      end
      assert.equal(422, post_text('{"productIds":[]}', "application/json").status)
    end)

    it("refuses what is not JSON, and says where", function()
      local response = post_text('{"productIds":\n["a",]}', "application/json")
      assert.equal(400, response.status)
      assert.is_truthy(response.json.detail:find("line 2, column 6", 1, true), response.body)
      assert.equal(400, post_text("", "application/json").status)
    end)

    it("refuses what does not say that it is JSON", function()
      assert.equal(415, post_text('{"productIds":["TEST-001"]}', "text/plain").status)
      assert.equal(415, post_text('{"productIds":["TEST-001"]}').status)
      assert.equal(200, post_text('{"productIds":["TEST-001"]}',
        "Application/JSON; charset=utf-8").status)
    end)
  end)


  describe("what no route answers", function()
    it("is 404 where there is no such path", function()
      for _, path in ipairs { "/nope", "/api/v1/products/", "/api/v1/products/a/b",
        "/API/V1/products", "//", "/demo/faults" } do
        local response = gateway:get(path)
        assert.equal(404, response.status, path)
        assert.equal("application/problem+json", response.headers["content-type"])
      end
    end)

    it("is 405 with Allow where there is no such method", function()
      local response = gateway:request("DELETE", "/api/v1/products/TEST-001")
      assert.equal(405, response.status)
      assert.equal("GET, HEAD, OPTIONS", response.headers.allow)
      assert.equal("POST, OPTIONS", gateway:request("PUT", "/api/v1/orders").headers.allow)
    end)

    it("is OPTIONS with Allow, without a body", function()
      local response = gateway:request("OPTIONS", "/api/v1/products/TEST-001")
      assert.equal(204, response.status)
      assert.equal("GET, HEAD, OPTIONS", response.headers.allow)
      assert.is_nil(response.headers["content-length"])
    end)

    it("is HEAD, answered as GET without the body", function()
      local get = gateway:get("/api/v1/products/TEST-001")
      local head = gateway:request("HEAD", "/api/v1/products/TEST-001")
      assert.equal(200, head.status)
      assert.equal(get.headers["content-type"], head.headers["content-type"])
      assert.equal(get.headers["content-length"], head.headers["content-length"])
    end)
  end)


  describe("with backends that die", function()
    it("goes on without pricing, then without both, and recovers", function()
      demo:kill "pricing"
      local response = gateway:get("/api/v1/products/TEST-001")
      assert.equal(200, response.status)
      assert.equal("pricing cannot be reached", response.json.pricing_error)
      assert.equal("Aluminium bottle", response.json.name)

      demo:kill "inventory"
      response = gateway:get("/api/v1/products/TEST-001")
      assert.equal(502, response.status)
      assert.equal(503, gateway:get("/health/backends").status)

      demo:revive "pricing"
      response = gateway:get("/api/v1/products/TEST-001")
      assert.equal(200, response.status)
      assert.equal("inventory cannot be reached", response.json.inventory_error)
      assert.equal(19.99, response.json.price)

      demo:revive "inventory"
      response = gateway:get("/api/v1/products/TEST-001")
      assert.equal(200, response.status)
      assert.is_nil(response.json.inventory_error)
    end)
  end)
end)
