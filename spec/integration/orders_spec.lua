local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local RESERVE <const> = "/api/v1/stock/reserve"
local RELEASE <const> = "/api/v1/stock/release"
local CALCULATE <const> = "/api/v1/prices/calculate"


-- { "TEST-001", 2, "TEST-002", 1 } as an order's body.
local function order_of(words, codes)
  local order = { items = {}, discountCodes = codes }
  for i = 1, #words, 2 do
    table.insert(order.items, { productId = words[i], quantity = words[i + 1] })
  end
  return order
end


local function undone_in(response)
  local ids = {}
  for i, undo in ipairs(response.json.undone or {}) do
    assert.same({ "inventory", "POST", RELEASE }, { undo.backend, undo.method, undo.path })
    ids[i] = undo.body.productId
  end
  return ids
end


describe("orders", function()
  local demo, gateway

  setup(function()
    demo = shop.open { SERVICE_TIMEOUT = 1 }
    gateway = demo.gateway
  end)
  before_each(function() demo:repair() end)

  -- Whatever became of the orders of a test: nothing is left reserved.
  after_each(function() assert.same({}, demo:release_all()) end)
  teardown(process.end_all)

  local function place(...)
    return gateway:post("/api/v1/orders", order_of({ ... }))
  end

  -- Sends an order without waiting for the answer.
  local function begin(...)
    return gateway:begin("POST", "/api/v1/orders", { json = order_of { ... } })
  end

  -- The order failed with this status, and these products were released, in this order.
  local function assert_undone(response, status, ids)
    assert.equal(status, response.status, response.body)
    assert.same(ids, undone_in(response))
    assert.same({}, demo:reservations())
  end


  describe("that can be placed", function()
    it("are confirmed, with prices in exact cents", function()
      local response = gateway:post("/api/v1/orders",
        order_of({ "TEST-001", 2, "TEST-003", 1 }, { "SUMMER20" }))
      assert.equal(201, response.status)
      local order = response.json
      assert.is_truthy(order.orderId:find "^ORDER%-[%x-]+$")
      assert.same({ "CONFIRMED", "EUR" }, { order.status, order.currency })
      -- 2 x 19.99 less 20 % plus 19 % tax; 29.95 likewise, which pricing writes as a string.
      assert.same({ 19.99, 38.06 }, { order.items[1].unitPrice, order.items[1].finalPrice })
      assert.same({ 29.95, 28.51 }, { order.items[2].unitPrice, order.items[2].finalPrice })
      assert.equal(66.57, order.totalPrice)
      demo:release_all()
    end)

    it("have really reserved the stock", function()
      local response = place("TEST-001", 2, "TEST-003", 1)
      local order, found = response.json, {}
      for _, reservation in ipairs(demo:reservations()) do
        assert.equal(order.orderId, reservation.orderId)
        found[reservation.productId] = reservation
      end
      for _, item in ipairs(order.items) do
        assert.equal(item.quantity, found[item.productId].quantity)
        assert.equal(item.reservationId, found[item.productId].reservationId)
      end
      assert.equal(2, gateway:get("/api/v1/products/TEST-001").json.reservedStock)
      demo:release_all()
      assert.equal(0, gateway:get("/api/v1/products/TEST-001").json.reservedStock)
    end)

    it("are so until the stock is used up, and never beyond", function()
      local connections, count = {}, { [201] = 0, [409] = 0 }
      for i = 1, 16 do
        connections[i] = begin("TEST-022", 1)
      end
      for _, connection in ipairs(connections) do
        local status = connection:finish().status
        count[status] = count[status] + 1
      end
      assert.same({ [201] = 10, [409] = 6 }, count)
      assert.equal(10, #demo:release_all())
    end)

    it("carry the customer and a hundred items", function()
      local order = order_of {}
      order.customerId = "C-1"
      for i = 1, 25 do
        if i ~= 9 and i ~= 24 then -- no stock; another currency
          table.insert(order.items, { productId = ("TEST-%03d"):format(i), quantity = 1 })
        end
      end
      local response = gateway:post("/api/v1/orders", order)
      assert.equal(201, response.status, response.body)
      assert.equal("C-1", response.json.customerId)
      assert.equal(23, #response.json.items)
      demo:release_all()
    end)
  end)


  describe("that the stock does not allow", function()
    it("are refused", function()
      local response = place("TEST-004", 4)
      assert_undone(response, 409, {})
      assert.equal("not enough of 'TEST-004' in stock", response.json.detail)
    end)

    it("are undone, newest first, whatever came before", function()
      assert_undone(place("TEST-001", 1, "TEST-002", 1, "TEST-004", 4, "TEST-003", 1), 409,
        { "TEST-002", "TEST-001" })
    end)

    it("are undone for an unknown product", function()
      assert_undone(place("TEST-001", 1, "NOPE", 1), 404, { "TEST-001" })
    end)
  end)


  describe("whose price cannot be had", function()
    it("are undone when pricing fails", function()
      demo:break_down("pricing", { status = 500 })
      local response = place("TEST-001", 1, "TEST-002", 1)
      assert_undone(response, 502, { "TEST-002", "TEST-001" })
      assert.equal("pricing answered 500", response.json.detail)
    end)

    it("are undone when pricing does not answer", function()
      demo:break_down("pricing", { latency_ms = 3000 })
      assert_undone(place("TEST-001", 1), 504, { "TEST-001" })
    end)

    it("are undone for an unknown code", function()
      local response = gateway:post("/api/v1/orders", order_of({ "TEST-001", 1 }, { "NOPE" }))
      assert_undone(response, 422, { "TEST-001" })
      assert.equal("there is no discount code 'NOPE'", response.json.detail)
    end)

    it("are undone for mixed currencies", function()
      assert_undone(place("TEST-001", 1, "TEST-024", 1), 422, { "TEST-024", "TEST-001" })
    end)

    it("are undone when pricing is dead", function()
      demo:kill "pricing"
      local response = place("TEST-001", 1)
      demo:revive "pricing"
      assert_undone(response, 502, { "TEST-001" })
      assert.equal("pricing cannot be reached", response.json.detail)
    end)
  end)


  describe("whose reservation fails", function()
    it("are undone when the first one does", function()
      demo:break_down("inventory", { status = 500, path = RESERVE })
      assert_undone(place("TEST-001", 1, "TEST-002", 1), 502, { "TEST-001" })
    end)

    it("are undone when the second one does", function()
      -- The first is late enough for the second to meet another fault.
      demo:break_down("inventory", { latency_ms = 500, path = RESERVE, times = 1 })
      local connection = begin("TEST-001", 1, "TEST-002", 1)
      demo:await_reservations(1)
      demo:break_down("inventory", { status = 500, path = RESERVE, times = 1 })
      local response = connection:finish()
      assert_undone(response, 502, { "TEST-002", "TEST-001" })
    end)

    it("are undone when one times out: it may have been made", function()
      demo:break_down("inventory", { latency_ms = 3000, path = RESERVE, times = 1 })
      local response = place("TEST-001", 1)
      assert_undone(response, 504, { "TEST-001" })
      assert.equal("inventory did not answer in time", response.json.detail)
      assert.equal(RESERVE, demo:asked("inventory", response)[1].path)
    end)

    it("are undone when an answer is lost: it has been made", function()
      demo:break_down("inventory", { drop = true, path = RESERVE })
      assert_undone(place("TEST-001", 1), 502, { "TEST-001" })
    end)
  end)


  describe("whose client hangs up", function()
    -- Hangs up when so much is reserved. It is this that undoes the order, not a time limit.
    local function hang_up_at(n)
      local connection = gateway:begin("POST", "/api/v1/orders", {
        json = order_of { "TEST-001", 1, "TEST-002", 1 },
        headers = { "X-Correlation-ID: hangs-up-" .. n },
      })
      demo:await_reservations(n)
      connection:close()
      demo:await_reservations(0)
      local line = gateway:await_log("a saga is undone", function(found)
        return found.correlation_id == "hangs-up-" .. n
      end)
      assert.is_truthy(line.fields.reason:find("cancelled", 1, true), line.fields.reason)
    end

    it("are undone while a reservation is made", function()
      demo:break_down("inventory", { latency_ms = 60000, path = RESERVE })
      hang_up_at(1)
    end)

    it("are undone while the prices are asked for", function()
      demo:break_down("pricing", { latency_ms = 60000, path = CALCULATE })
      hang_up_at(2)
    end)

    it("are logged as such", function()
      demo:break_down("pricing", { latency_ms = 60000, path = CALCULATE })
      hang_up_at(2)
      local line = gateway:await_log("request", function(found) return found.status == 499 end)
      assert.equal("/api/v1/orders", line.path)
    end)
  end)


  describe("that cannot be undone", function()
    it("say so, and it is logged", function()
      demo:break_down("inventory", { status = 500, path = RELEASE })
      demo:kill "pricing"
      local response = place("TEST-001", 1, "TEST-002", 1)
      demo:revive "pricing"
      assert.equal(502, response.status)
      assert.is_nil(response.json.undone)
      assert.equal(2, #response.json.undo_failed)
      assert.equal("TEST-002", response.json.undo_failed[1].body.productId)
      assert.equal("inventory answered 500", response.json.undo_failed[1].reason)
      assert.equal("error", gateway:await_log("an undo failed").level)

      demo:repair()
      assert.equal(2, #demo:release_all())
    end)

    it("are tried again, and the others are not left out", function()
      demo:break_down("inventory", { status = 500, path = RELEASE, times = 1 })
      assert_undone(place("TEST-001", 1, "TEST-002", 1, "NOPE", 1), 404,
        { "TEST-002", "TEST-001" })
    end)
  end)


  describe("that are not valid", function()
    local function items_of(n)
      local words = {}
      for i = 1, n do
        words[2 * i - 1], words[2 * i] = "P-" .. i, 1
      end
      return order_of(words)
    end

    it("are refused with all that is wrong", function()
      for _, case in ipairs {
        { { other = 1 }, { "items" } },
        { { items = "x" }, { "items" } },
        { items_of(101), { "items" } },
        { { items = { 1, "x" } }, { "items[0]", "items[1]" } },
        { { items = { { note = 1 } } }, { "items[0].productId", "items[0].quantity" } },
        { order_of { "TEST-001", 0 }, { "items[0].quantity" } },
        { order_of { "TEST-001", 10001 }, { "items[0].quantity" } },
        { order_of { "TEST-001", 1.5 }, { "items[0].quantity" } },
        { order_of { "TEST-001", "2" }, { "items[0].quantity" } },
        { order_of { "TEST-001", -1, 7, 1 }, { "items[0].quantity", "items[1].productId" } },
        { order_of { "", 1 }, { "items[0].productId" } },
        { order_of { "TEST-001", 1, "TEST-001", 2 }, { "items[1].productId" } },
        { order_of({ "TEST-001", 1 }, { 5 }), { "discountCodes[0]" } },
        { order_of({ "TEST-001", 1 }, "SUMMER20"), { "discountCodes" } },
      } do
        local response = gateway:post("/api/v1/orders", case[1])
        assert.equal(422, response.status, response.body)
        local fields = {}
        for i, entry in ipairs(response.json.errors) do
          fields[i] = entry.field
        end
        assert.same(case[2], fields)
        assert.same({}, demo:asked("inventory", response))
      end
    end)
  end)
end)
