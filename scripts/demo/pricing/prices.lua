local gateway <const> = require "gateway"
local catalogue <const> = require "lib.catalogue"

local TAX_PERCENT <const> = 19
local DISCOUNT_PERCENT <const> = { SUMMER20 = 20, WELCOME5 = 5 }

local function find(id)
  local good <const> = catalogue.find(id)
  if not good then gateway.fail(404, ("there is no price for '%s'"):format(tostring(id))) end
  return good
end

gateway.route("GET /api/v1/prices/:id", function(req)
  local good <const> = find(req.params.id)
  return 200, {
    productId = good.id,
    basePrice = good.price / 100,
    currency = good.currency,
    priceType = "LIST",
    validFrom = "2026-01-01",
    validUntil = "2026-12-31",
  }
end)

-- Half a cent is rounded up.
local function percent_of(amount, percent)
  return (amount * percent + 50) // 100
end

-- Each discount is taken from what the one before left.
local function apply_discounts(subtotal, codes)
  local discounts <const>, left = gateway.json.array {}, subtotal
  for _, code in ipairs(codes) do
    local percent <const> = DISCOUNT_PERCENT[code]
    if not percent then
      gateway.fail(422, ("there is no discount code '%s'"):format(tostring(code)))
    end
    local amount <const> = percent_of(left, percent)
    discounts[#discounts + 1] = { code = code, percent = percent, amount = amount / 100 }
    left = left - amount
  end
  return discounts, left
end

-- Both ways of writing an amount are in use, so every third product has the decimal string.
local function write_amount(good, amount)
  if good.number % 3 ~= 0 then return amount / 100 end
  return ("%d.%02d"):format(amount // 100, amount % 100)
end

local function read_wish(req)
  local body <const> = req:json()
  if type(body) ~= "table" then gateway.fail(422, "the body must be a JSON object") end
  local codes <const> = body.discountCodes
  if math.type(body.quantity) ~= "integer" or body.quantity < 1 then
    gateway.fail(422, "'quantity' must be a whole number above 0")
  elseif codes ~= nil and not gateway.json.is_array(codes) then
    gateway.fail(422, "'discountCodes' must be a list")
  end
  return find(body.productId), body.quantity, codes or {}
end

gateway.route("POST /api/v1/prices/calculate", function(req)
  local good <const>, quantity <const>, codes <const> = read_wish(req)
  local subtotal <const> = good.price * quantity
  local discounts <const>, taxable <const> = apply_discounts(subtotal, codes)
  local tax <const> = percent_of(taxable, TAX_PERCENT)
  return 200, {
    productId = good.id,
    quantity = quantity,
    basePrice = good.price / 100,
    discounts = discounts,
    tax = tax / 100,
    finalPrice = write_amount(good, taxable + tax),
    currency = good.currency,
    breakdown = {
      subtotal = subtotal / 100,
      discount = (subtotal - taxable) / 100,
      tax = tax / 100,
      total = (taxable + tax) / 100,
    },
  }
end)
