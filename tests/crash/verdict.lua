-- What must be true when all is quiet again. Each function returns a list of what is not.
local exchange <const> = require "exchange"

local verdict <const> = {}

local function by_product(items)
  local quantities <const> = {}
  for _, item in ipairs(items) do
    quantities[item.productId] = (quantities[item.productId] or 0) + item.quantity
  end
  return quantities
end

local function differs(a, b)
  for id, quantity in pairs(a) do
    if b[id] ~= quantity then return true end
  end
  for id in pairs(b) do
    if not a[id] then return true end
  end
  return false
end

-- order id -> the reservations of it.
local function by_order(reservations)
  local found <const> = {}
  for _, one in ipairs(reservations) do
    found[one.orderId] = found[one.orderId] or {}
    table.insert(found[one.orderId], one)
  end
  return found
end

-- Every 201 is in the ledger once, with its quantities.
local function check_confirmed(made, ledger, complaints)
  for _, order in ipairs(made) do
    if order.outcome == "confirmed" then
      local id <const> = order.answer.json.orderId
      local reserved <const> = ledger[id]
      if not reserved then
        table.insert(complaints, ("order %d was confirmed as %s, but nothing is reserved for it")
          :format(order.number, id))
      elseif #reserved ~= #order.body.items
        or differs(by_product(reserved), by_product(order.body.items)) then
        table.insert(complaints, ("order %d: what is reserved is not what was ordered (%s)")
          :format(order.number, id))
      end
    end
  end
end

-- Whose order this is, by what the gateway says of it; or nil and a complaint.
local function owner_of(port, id, made)
  local response <const>, reason <const> = exchange(port, "GET", "/api/v1/orders/" .. id)
  if not response then return nil, ("%s cannot be asked for: %s"):format(id, reason) end
  local body <const> = response.json
  if response.status ~= 200 or body.status ~= "CONFIRMED" then
    return nil, ("%s is %s, but something is reserved for it"):format(id,
      response.status == 200 and body.status or "unknown")
  end
  return made[tonumber(body.customerId:match "^customer%-(%d+)$")]
end

-- Nothing is reserved but for orders that are confirmed, one for each; and whoever was not told of
-- his had gone.
local function check_reserved(port, made, ledger, complaints)
  local had <const> = {}
  for id, reserved in pairs(ledger) do
    local order <const>, complaint <const> = owner_of(port, id, made)
    if not order then
      table.insert(complaints, complaint)
    elseif had[order] then
      table.insert(complaints, ("order %d was placed twice: %s and %s")
        :format(order.number, had[order], id))
    elseif order.outcome == "refused" then
      table.insert(complaints, ("order %d was refused (%d), but %s is confirmed")
        :format(order.number, order.answer.status, id))
    elseif order.outcome == "lost"
      and differs(by_product(reserved), by_product(order.body.items)) then
      table.insert(complaints, ("order %d: what is reserved is not what was ordered (%s)")
        :format(order.number, id))
    end
    if order then had[order] = id end
  end
end

-- The sums that inventory keeps are those of its reservations.
local function check_sums(port, reservations, complaints)
  local sums <const> = by_product(reservations)
  local products <const> = exchange(port, "GET", "/api/v1/products?size=100").json.items
  for _, product in ipairs(products) do
    if product.reservedStock ~= (sums[product.id] or 0) then
      table.insert(complaints, ("%s: %d are reserved, but the ledger has %d")
        :format(product.id, product.reservedStock, sums[product.id] or 0))
    end
  end
end

-- The same key is answered with the same order again.
function verdict.check_replay(port, order, send)
  local response <const>, reason <const> = send(port, order)
  if not response then return ("order %d: no answer again: %s"):format(order.number, reason) end
  if response.status ~= 201 or response.body ~= order.answer.body
    or response.headers["idempotency-replayed"] ~= "true" then
    return ("order %d: its key was answered with %d: %s, and not again with %s")
      :format(order.number, response.status, response.body, order.answer.body)
  end
end

function verdict.check(gateway_port, inventory_port, made)
  local complaints <const> = {}
  local reservations <const> =
    exchange(inventory_port, "GET", "/demo/reservations").json.reservations
  local ledger <const> = by_order(reservations)
  check_confirmed(made, ledger, complaints)
  check_reserved(gateway_port, made, ledger, complaints)
  check_sums(inventory_port, reservations, complaints)
  for _, order in ipairs(made) do
    if order.outcome == "absurd" then
      table.insert(complaints, ("order %d was answered with %d: %s")
        :format(order.number, order.answer.status, order.answer.body))
    end
  end
  return complaints
end

return verdict
