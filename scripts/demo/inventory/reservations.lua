-- What is reserved, by order and product. Reserving and releasing may be repeated. A release that
-- comes before its reserve leaves a mark, so that the reserve, when it arrives late, is refused.
local gateway <const> = require "gateway"

local reservations <const> = {}

local by_key <const> = {} -- order and product -> reservation
local by_id <const> = {} -- reservation id -> key
local released_before <const> = {} -- key -> true
local totals <const> = {} -- product -> units

local function key_of(order_id, product_id)
  return order_id .. "\0" .. product_id
end

function reservations.reserved(product_id)
  return totals[product_id] or 0
end

-- The reservation, or nil and the reason.
function reservations.reserve(order_id, good, quantity)
  local key <const> = key_of(order_id, good.id)
  if by_key[key] then return by_key[key] end
  if released_before[key] then return nil, "it was released before it was reserved" end
  if quantity > good.stock - reservations.reserved(good.id) then
    return nil, ("not enough of '%s' in stock"):format(good.id)
  end
  local reservation <const> = {
    reservationId = "RES-" .. gateway.id(),
    productId = good.id,
    quantity = quantity,
    orderId = order_id,
  }
  by_key[key], by_id[reservation.reservationId] = reservation, key
  totals[good.id] = reservations.reserved(good.id) + quantity
  return reservation
end

-- How many units are free again.
local function release(key)
  local reservation <const> = by_key[key]
  if not reservation then return 0 end
  by_key[key], by_id[reservation.reservationId] = nil, nil
  totals[reservation.productId] = totals[reservation.productId] - reservation.quantity
  return reservation.quantity
end

function reservations.release(order_id, product_id)
  local key <const> = key_of(order_id, product_id)
  if not by_key[key] then released_before[key] = true end
  return release(key)
end

function reservations.release_by_id(reservation_id)
  return release(by_id[reservation_id])
end

function reservations.list()
  local list <const> = gateway.json.array {}
  for _, reservation in pairs(by_key) do
    list[#list + 1] = reservation
  end
  return list
end

return reservations
