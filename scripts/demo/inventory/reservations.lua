-- What is reserved, by order and product, in a store: with DATA_DIR it outlives the process, and
-- several workers have one ledger. Reserving and releasing may be repeated. A release that comes
-- before its reserve leaves a mark, so that the reserve, when it arrives late, is refused.
local gateway <const> = require "gateway"

local reservations <const> = {}

-- "order/ID\0PRODUCT" -> reservation; "released/..." the same -> true; "id/RES-..." -> its key;
-- "reserved/PRODUCT" -> units; "stock/PRODUCT" -> units, where it is not the catalogue's.
local ledger <const> = gateway.store "inventory"

local function key_of(order_id, product_id)
  return order_id .. "\0" .. product_id
end

function reservations.reserved(product_id)
  return ledger:get("reserved/" .. product_id) or 0
end

function reservations.stock(good)
  return ledger:get("stock/" .. good.id) or good.stock
end

function reservations.set_stock(good, stock)
  ledger:put("stock/" .. good.id, stock)
end

-- Of all products: id -> units that are there, id -> units that are reserved.
function reservations.totals()
  local function read(prefix)
    local units <const> = {}
    for _, entry in ipairs(ledger:list(prefix, { limit = 1000 })) do
      units[entry.key:sub(#prefix + 1)] = entry.value
    end
    return units
  end
  return read "stock/", read "reserved/"
end

-- The reservation, or nil and the reason.
function reservations.reserve(order_id, good, quantity)
  local key <const> = key_of(order_id, good.id)
  local reservation <const> = {
    reservationId = "RES-" .. gateway.id(),
    productId = good.id,
    quantity = quantity,
    orderId = order_id,
  }
  local done <const>, refused <const> = ledger:transaction {
    { expect = "order/" .. key },
    { expect = "released/" .. key },
    { add = "reserved/" .. good.id, by = quantity, max = reservations.stock(good) },
    { put = "order/" .. key, value = reservation },
    { put = "id/" .. reservation.reservationId, value = key },
  }
  if done then return reservation end
  if refused == 2 then return nil, "it was released before it was reserved" end
  if refused == 3 then return nil, ("not enough of '%s' in stock"):format(good.id) end
  local found <const> = ledger:get("order/" .. key)
  if found then return found end
  return reservations.reserve(order_id, good, quantity) -- it has been released meanwhile
end

-- How many units are free again. Who finds it changed meanwhile looks again.
local function release(key, leaves_mark)
  local reservation <const>, version <const> = ledger:get("order/" .. key)
  if not reservation and not leaves_mark then return 0 end
  local changes <const> = { { expect = "order/" .. key, version = version } }
  if reservation then
    table.move({
      { delete = "order/" .. key },
      { delete = "id/" .. reservation.reservationId },
      { add = "reserved/" .. reservation.productId, by = -reservation.quantity },
    }, 1, 3, 2, changes)
  else
    changes[2] = { put = "released/" .. key, value = true }
  end
  if not ledger:transaction(changes) then return release(key, leaves_mark) end
  return reservation and reservation.quantity or 0
end

function reservations.release(order_id, product_id)
  return release(key_of(order_id, product_id), true)
end

function reservations.release_by_id(reservation_id)
  local key <const> = ledger:get("id/" .. reservation_id)
  return key and release(key, false) or 0
end

function reservations.list()
  local list <const>, after = gateway.json.array {}, nil
  repeat
    local entries <const>, more <const> = ledger:list("order/", { limit = 1000, after = after })
    for _, entry in ipairs(entries) do
      list[#list + 1], after = entry.value, entry.key
    end
  until not more
  return list
end

return reservations
