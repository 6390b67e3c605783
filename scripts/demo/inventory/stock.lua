local gateway <const> = require "gateway"
local catalogue <const> = require "lib.catalogue"
local reservations <const> = require "reservations"

local function read_body(req)
  local body <const> = req:json()
  if type(body) ~= "table" then gateway.fail(422, "the body must be a JSON object") end
  return body
end

local function read_text(body, name)
  local value <const> = body[name]
  if type(value) ~= "string" or value == "" then
    gateway.fail(422, ("'%s' must be a string"):format(name))
  end
  return value
end

local function read_quantity(body)
  local quantity <const> = body.quantity
  if math.type(quantity) ~= "integer" or quantity < 1 then
    gateway.fail(422, "'quantity' must be a whole number above 0")
  end
  return quantity
end

gateway.route("POST /api/v1/stock/reserve", function(req)
  local body <const> = read_body(req)
  local order_id <const> = read_text(body, "orderId")
  local product_id <const> = read_text(body, "productId")
  local quantity <const> = read_quantity(body)
  local good <const> = catalogue.find(product_id)
  if not good then gateway.fail(404, ("there is no product '%s'"):format(product_id)) end
  local reservation <const>, reason <const> = reservations.reserve(order_id, good, quantity)
  if not reservation then gateway.fail(409, reason) end
  return 201, reservation
end)

gateway.route("POST /api/v1/stock/release", function(req)
  local body <const> = read_body(req)
  if body.reservationId then
    return 200, { released = reservations.release_by_id(read_text(body, "reservationId")) }
  end
  local order_id <const> = read_text(body, "orderId")
  local product_id <const> = read_text(body, "productId")
  return 200, { released = reservations.release(order_id, product_id) }
end)

gateway.route("GET /demo/reservations", function()
  return 200, { reservations = reservations.list() }
end)

-- For load tests, whose orders must not run out: { "productId": "TEST-001", "stock": 1000000 }
gateway.route("PUT /demo/stock", function(req)
  local body <const> = read_body(req)
  local good <const> = catalogue.find(read_text(body, "productId"))
  if not good then gateway.fail(404, "there is no such product") end
  if math.type(body.stock) ~= "integer" or body.stock < 0 then
    gateway.fail(422, "'stock' must be a whole number from 0")
  end
  reservations.set_stock(good, body.stock)
  return 200, { productId = good.id, stock = body.stock }
end)
