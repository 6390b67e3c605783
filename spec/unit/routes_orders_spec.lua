local shop <const> = require "support.shop"


describe("POST /api/v1/orders", function()
  local world

  before_each(function() world = shop() end)

  local function post(order, options)
    options = options or {}
    options.json = order
    return world:request("POST", "/api/v1/orders", options)
  end

  local function reserved()
    return world.inventory:request("GET", "/demo/reservations").json.reservations
  end

  -- Lets `answer(call)` speak for a backend where it has something to say.
  local function intercept(backend, answer)
    local before <const> = world.backends[backend]
    world.backends[backend] = function(call) return answer(call) or before(call) end
  end

  local TWO <const> = {
    items = {
      { productId = "TEST-001", quantity = 2 },
      { productId = "TEST-003", quantity = 1 },
    },
  }

  it("reserves, calculates and confirms", function()
    local reply <const> = post(TWO)
    assert.equal(201, reply.status)
    local order <const> = reply.json
    assert.matches("^ORDER%-%x+%-%x+%-7%x+%-%x+%-%x+$", order.orderId)
    assert.equal("CONFIRMED", order.status)
    assert.equal("EUR", order.currency)
    -- 2 * 19.99 + 19 % = 47.58 (a number); 29.95 + 19 % = "35.64" (a decimal string)
    assert.equal(83.22, order.totalPrice)
    assert.equal(2, #order.items)
    local stocked <const> = reserved()
    table.sort(stocked, function(a, b) return a.productId < b.productId end)
    assert.same({
      productId = "TEST-001", quantity = 2, unitPrice = 19.99, finalPrice = 47.58,
      currency = "EUR", reservationId = stocked[1].reservationId,
    }, order.items[1])
    assert.equal(35.64, order.items[2].finalPrice)
    assert.equal(order.orderId, stocked[2].orderId)
  end)

  it("takes a discount code and a customer", function()
    local reply <const> = post {
      items = { { productId = "TEST-002", quantity = 1 } },
      discountCodes = { "SUMMER20" },
      customerId = "c-7",
    }
    assert.equal(201, reply.status)
    assert.equal("c-7", reply.json.customerId)
    assert.equal(85.20, reply.json.totalPrice) -- 89.50 - 17.90 = 71.60, + 13.60 tax
    assert.same({ "SUMMER20" }, world.calls[2].json.discountCodes)
  end)

  it("sums exactly where floats would not", function()
    intercept("pricing", function(call)
      return { status = 200, json = {
        productId = call.json.productId, finalPrice = 0.1, currency = "EUR",
      } }
    end)
    local items <const> = {}
    for i = 1, 3 do items[i] = { productId = ("TEST-%03d"):format(i), quantity = 1 } end
    local reply <const> = post { items = items }
    assert.matches('"totalPrice":0.3[,}]', reply.text)
  end)

  it("asks for all prices at once, after all reservations", function()
    post(TWO)
    assert.same({
      "POST inventory /api/v1/stock/reserve", "POST inventory /api/v1/stock/reserve",
      "POST pricing /api/v1/prices/calculate", "POST pricing /api/v1/prices/calculate",
    }, world:sent())
  end)

  it("is a 409 for more than the stock, and leaves nothing reserved", function()
    local reply <const> = post {
      items = {
        { productId = "TEST-001", quantity = 1 },
        { productId = "TEST-004", quantity = 4 },
      },
    }
    assert.equal(409, reply.status)
    assert.equal("not enough of 'TEST-004' in stock", reply.json.detail)
    assert.equal(1, #reply.json.undone)
    assert.equal("TEST-001", reply.json.undone[1].body.productId)
    assert.same({}, reserved())
  end)

  it("is a 404 for an unknown product", function()
    local reply <const> = post {
      items = { { productId = "TEST-001", quantity = 1 }, { productId = "NOPE", quantity = 1 } },
    }
    assert.equal(404, reply.status)
    assert.same({}, reserved())
  end)

  local PRICING <const> = {
    { { kind = "connect" }, 502 }, { { kind = "open", retry_after = 9 }, 503 },
    { { kind = "timeout" }, 504 }, { { status = 500 }, 502 },
  }
  for _, case in ipairs(PRICING) do
    it(("is undone when the pricing fails: %s"):format(case[1].kind or case[1].status), function()
      intercept("pricing", function() return case[1] end)
      local reply <const> = post(TWO)
      assert.equal(case[2], reply.status)
      assert.equal("TEST-003", reply.json.undone[1].body.productId)
      assert.equal("TEST-001", reply.json.undone[2].body.productId)
      assert.same({}, reserved())
    end)
  end

  it("is undone for a discount code nobody knows, and says so", function()
    local reply <const> = post { items = TWO.items, discountCodes = { "NOPE" } }
    assert.equal(422, reply.status)
    assert.equal("there is no discount code 'NOPE'", reply.json.detail)
    assert.equal(2, #reply.json.undone)
    assert.same({}, reserved())
  end)

  it("is undone when the second reservation fails", function()
    intercept("inventory", function(call)
      local is_second <const> = call.path:find "reserve$" and call.json.productId == "TEST-003"
      return is_second and { status = 503 } or nil
    end)
    assert.equal(502, post(TWO).status)
    assert.same({}, reserved())
  end)

  it("gives back a reservation of which it does not know whether it was made", function()
    world.inventory:request("PUT", "/demo/faults", {
      json = { latency_ms = 60000, path = "/api/v1/stock/reserve", times = 1 },
    })
    local reply <const> = post(TWO)
    assert.equal(504, reply.status)
    assert.equal("TEST-001", reply.json.undone[1].body.productId)
    assert.same({}, reserved())
    assert.same({ "POST inventory /api/v1/stock/reserve", "POST inventory /api/v1/stock/release" },
      world:sent())
  end)

  it("is undone when the client hangs up", function()
    intercept("pricing", function() return { status = 200, json = {}, delay = 10 } end)
    post(TWO, { hang_up = 2 })
    assert.equal("cancelled", world.calls[3].ended)
    assert.same({}, reserved())
  end)

  it("is undone when the items have different currencies", function()
    local reply <const> = post {
      items = {
        { productId = "TEST-001", quantity = 1 },
        { productId = "TEST-024", quantity = 1 },
      },
    }
    assert.equal(422, reply.status)
    assert.equal(2, #reply.json.undone)
    assert.same({}, reserved())
  end)

  for _, price in ipairs { "a lot", "1.234", -5 } do
    it(("is undone when a price is garbage: %s"):format(tostring(price)), function()
      intercept("pricing", function()
        return { status = 200, json = { finalPrice = price, currency = "EUR" } }
      end)
      local reply <const> = post(TWO)
      assert.equal(502, reply.status)
      assert.matches("^pricing: finalPrice of 'TEST%-001' is ", reply.json.detail)
      assert.same({}, reserved())
    end)
  end

  it("is undone when pricing's answer is of another shape", function()
    local ANSWERS <const> = { { finalPrice = true, currency = "EUR" }, { finalPrice = 1 }, "EUR" }
    for _, answer in ipairs(ANSWERS) do
      intercept("pricing", function() return { status = 200, json = answer } end)
      local reply <const> = post(TWO)
      assert.equal(502, reply.status)
      assert.equal(2, #reply.json.undone)
      assert.same({}, reserved())
    end
  end)

  it("says what could not be undone", function()
    intercept("inventory", function(call)
      return call.path:find "release$" and { status = 500 } or nil
    end)
    intercept("pricing", function() return { kind = "connect" } end)
    local reply <const> = post(TWO)
    assert.equal(502, reply.status)
    assert.is_nil(reply.json.undone)
    assert.equal(2, #reply.json.undo_failed)
    assert.equal("inventory answered 500", reply.json.undo_failed[1].reason)
    assert.equal(2, #world:logged "error")
  end)

  local MISTAKES <const> = {
    { '{}', { "items" } },
    { '{"items": []}', { "items" } },
    { '{"items": {}}', { "items" } },
    { '{"items": [7]}', { "items[0]" } },
    { '{"items": [{}]}', { "items[0].productId", "items[0].quantity" } },
    { '{"items": [{"productId": "A", "quantity": 0}, {"productId": 7, "quantity": 10001}]}',
      { "items[0].quantity", "items[1].productId", "items[1].quantity" } },
    { '{"items": [{"productId": "A", "quantity": 1.5}]}', { "items[0].quantity" } },
    { '{"items": [{"productId": "A", "quantity": "1"}]}', { "items[0].quantity" } },
    { '{"items": [{"productId": "A", "quantity": 1}, {"productId": "A", "quantity": 2}]}',
      { "items[1].productId" } },
    { '{"items": [{"productId": "A", "quantity": 1}], "discountCodes": "X", "customerId": 7}',
      { "discountCodes", "customerId" } },
  }
  for _, case in ipairs(MISTAKES) do
    it("refuses " .. case[1], function()
      local reply <const> = world:request("POST", "/api/v1/orders", {
        body = case[1],
        headers = { ["content-type"] = "application/json" },
      })
      assert.equal(422, reply.status)
      local fields <const> = {}
      for i, mistake in ipairs(reply.json.errors) do
        fields[i] = mistake.field
        assert.is_string(mistake.reason)
      end
      assert.same(case[2], fields)
      assert.same({}, world.calls)
    end)
  end

  it("takes a hundred items and no more", function()
    local items <const> = {}
    for i = 1, 101 do items[i] = { productId = "P" .. i, quantity = 1 } end
    assert.equal(422, post({ items = items }).status)
    items[101] = nil
    assert.equal(404, post({ items = items }).status)
  end)
end)


describe("GET /api/v1/orders/:orderId", function()
  local world

  before_each(function() world = shop() end)

  local function place(order)
    return world:request("POST", "/api/v1/orders", { json = order })
  end

  local function find(order_id)
    return world:request("GET", "/api/v1/orders/" .. order_id)
  end

  -- The id of the one order that there is.
  local function only_order()
    local name <const> = next(world.sagas)
    return name:match "^order/(.*)$"
  end

  it("gives a confirmed order as it was answered", function()
    local placed <const> = place { items = { { productId = "TEST-001", quantity = 2 } } }
    assert.equal("/api/v1/orders/" .. placed.json.orderId, placed.headers.location)
    local found <const> = find(placed.json.orderId)
    assert.equal(200, found.status)
    assert.same(placed.json, found.json)
  end)

  it("says why an order failed, and what was undone", function()
    place { items = {
      { productId = "TEST-001", quantity = 1 },
      { productId = "TEST-004", quantity = 4 },
    } }
    local order_id <const> = only_order()
    local found <const> = find(order_id).json
    assert.equal("FAILED", found.status)
    assert.equal(order_id, found.orderId)
    assert.equal("not enough of 'TEST-004' in stock", found.reason)
    assert.equal(1, #found.undone)
    assert.equal("/api/v1/stock/release", found.undone[1].path)
  end)

  it("says what is still to be undone", function()
    local before <const> = world.backends.inventory
    world.backends.inventory = function(call)
      return call.path:find "release$" and { status = 500 } or before(call)
    end
    place { items = {
      { productId = "TEST-001", quantity = 1 },
      { productId = "NOPE", quantity = 1 },
    } }
    local found <const> = find(only_order()).json
    assert.equal("COMPENSATING", found.status)
    assert.equal("inventory answered 500", found.undo_failed[1].reason)
    assert.is_nil(found.undone)
  end)

  it("knows orders that are being placed, and those an operator has settled", function()
    place { items = { { productId = "TEST-001", quantity = 1 } } }
    local order_id <const> = only_order()
    local saga <const> = world.sagas["order/" .. order_id]
    saga.state = "open"
    assert.equal("PENDING", find(order_id).json.status)
    saga.state, saga.reason = "resolved", "counted by hand"
    local told <const> = find(order_id).json
    assert.equal("FAILED", told.status)
    assert.equal("resolved by an operator", told.reason) -- what he noted is not for clients
  end)

  it("does not know any other order", function()
    local found <const> = find "ORDER-1"
    assert.equal(404, found.status)
    assert.equal("there is no order 'ORDER-1'", found.json.detail)
  end)

  it("answers 503 while the journal cannot be read", function()
    world.journal_fault = "the disk is gone"
    assert.equal(503, find("ORDER-1").status)
    assert.equal(503, place({ items = { { productId = "TEST-001", quantity = 1 } } }).status)
  end)
end)
