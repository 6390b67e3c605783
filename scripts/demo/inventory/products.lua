local gateway <const> = require "gateway"
local catalogue <const> = require "lib.catalogue"
local reservations <const> = require "reservations"

local function describe(good, stock, reserved)
  return {
    id = good.id,
    sku = good.sku,
    name = good.name,
    description = ("%s, from our %s range"):format(good.name, good.category),
    category = good.category,
    stockLevel = stock,
    reservedStock = reserved,
    unitCost = good.cost / 100,
    active = true,
    tags = gateway.json.array { good.category },
  }
end

local function read_count(text, default, max)
  if text == nil then return default end
  local count <const> = type(text) == "string" and text:find "^%d+$" and math.tointeger(text)
  if not count or count < 1 or count > max then
    gateway.fail(400, "page and size are whole numbers from 1, size up to 100")
  end
  return count
end

gateway.route("GET /api/v1/products", function(req)
  local page <const> = read_count(req.query.page, 1, 1000000)
  local size <const> = read_count(req.query.size, 10, 100)
  local goods <const> = catalogue.goods
  local items <const> = gateway.json.array {}
  local stock <const>, reserved <const> = reservations.totals()
  for i = (page - 1) * size + 1, math.min(page * size, #goods) do
    local good <const> = goods[i]
    items[#items + 1] = describe(good, stock[good.id] or good.stock, reserved[good.id] or 0)
  end
  return 200, { items = items, page = page, size = size, total = #goods }
end)

gateway.route("GET /api/v1/products/:id", function(req)
  local good <const> = catalogue.find(req.params.id)
  if not good then gateway.fail(404, ("there is no product '%s'"):format(req.params.id)) end
  return 200, describe(good, reservations.stock(good), reservations.reserved(good.id))
end)
