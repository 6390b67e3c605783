-- Placing an order: stock is reserved item by item, each reservation beside its release, then
-- prices are asked for all items at once. Whatever goes wrong in between releases what was
-- reserved.
local gateway <const> = require "gateway"
local backends <const> = require "backends"
local money <const> = require "lib.money"
local shape <const> = require "lib.shape"
local validate <const> = require "lib.validate"

local MAX_ITEMS <const> = 100
local MAX_QUANTITY <const> = 10000
local PRICES_AT_ONCE <const> = 20

local RESERVATION <const> = shape.object { reservationId = "string" }
local PRICE <const> = shape.object { finalPrice = "amount", currency = "string" }

local function read_item(item)
  return {
    productId = item:string("productId", { max = 100 }),
    quantity = item:integer("quantity", { min = 1, max = MAX_QUANTITY }),
  }
end

local function refuse_duplicates(body, items)
  local seen <const> = {}
  for i, item in ipairs(items) do
    local id <const> = item.productId
    if id and seen[id] then
      body:refuse(("items[%d].productId"):format(i - 1), ("'%s' is in the order twice"):format(id))
    end
    if id then seen[id] = true end
  end
end

local function read_order(req)
  local body <const> = validate.body(req)
  local order <const> = {
    items = body:list("items", { min = 1, max = MAX_ITEMS }, read_item),
    discount_codes = body:strings("discountCodes", { optional = true, max = 20 }),
    customer_id = body:string("customerId", { optional = true, max = 100 }),
  }
  refuse_duplicates(body, order.items)
  body:finish()
  return order
end

local function reserve(saga, order_id, items)
  for _, item in ipairs(items) do
    local product_id <const> = item.productId
    local reserved <const> = saga:step(
      backends.inventory:post("/api/v1/stock/reserve", {
        json = { productId = product_id, quantity = item.quantity, orderId = order_id },
        expect = RESERVATION,
      }),
      backends.inventory:post("/api/v1/stock/release", {
        json = { productId = product_id, orderId = order_id },
      }))
    item.reservationId = reserved.json.reservationId
  end
end

local function calculate(order)
  local requests <const> = {}
  for i, item in ipairs(order.items) do
    requests[i] = backends.pricing:post("/api/v1/prices/calculate", {
      json = {
        productId = item.productId,
        quantity = item.quantity,
        discountCodes = order.discount_codes,
      },
      expect = PRICE,
    })
  end
  return gateway.gather(requests, { limit = PRICES_AT_ONCE })
end

-- In minor units. An amount that cannot be read must not become an order.
local function amount_of(item, price)
  local amount <const>, reason <const> = money.parse(price.finalPrice)
  if not amount then
    gateway.fail(502, ("pricing: finalPrice of '%s' %s"):format(item.productId, reason))
  elseif amount < 0 then
    gateway.fail(502, ("pricing: finalPrice of '%s' is below zero"):format(item.productId))
  end
  return amount
end

-- Writes the prices into the items and returns their sum in minor units, and its currency.
local function add_up(items, responses)
  local currency <const> = responses[1].json.currency
  local total = 0
  for i, item in ipairs(items) do
    local price <const> = responses[i].json
    if price.currency ~= currency then
      gateway.fail(422, "the items are not all priced in the same currency")
    end
    local amount <const> = amount_of(item, price)
    total = total + amount
    item.unitPrice, item.finalPrice = price.basePrice, money.number(amount)
    item.currency = currency
  end
  return total, currency
end

gateway.route("POST /api/v1/orders", { deadline = 30, idempotency = true }, function(req)
  local order <const> = read_order(req)
  local order_id <const> = "ORDER-" .. gateway.id()

  local saga <close> = gateway.saga("order", order_id)
  reserve(saga, order_id, order.items)
  local total <const>, currency <const> = add_up(order.items, calculate(order))
  local confirmed <const> = {
    orderId = order_id,
    status = "CONFIRMED",
    customerId = order.customer_id,
    items = order.items,
    totalPrice = money.number(total),
    currency = currency,
  }
  saga:commit(confirmed)
  return 201, confirmed, { location = "/api/v1/orders/" .. order_id }
end)

-- What becomes of an order, in the words of its saga.
local STATUS <const> = {
  open = "PENDING",
  compensating = "COMPENSATING",
  undone = "FAILED",
  resolved = "FAILED",
}

gateway.route("GET /api/v1/orders/:orderId", function(req)
  local order_id <const> = req.params.orderId
  local saga <const> = gateway.saga_status("order", order_id)
  if not saga then gateway.fail(404, ("there is no order '%s'"):format(order_id)) end
  if saga.state == "committed" then return 200, saga.result end
  -- What an operator noted when he resolved it is not for clients.
  local reason <const> = saga.state == "resolved" and "resolved by an operator" or saga.reason
  return 200, {
    orderId = order_id,
    status = STATUS[saga.state],
    reason = reason,
    undone = saga.undone,
    undo_failed = saga.undo_failed,
  }
end)
