local gateway <const> = require "gateway"
local product <const> = require "lib.product"
local validate <const> = require "lib.validate"

-- How many calls one request may have in flight.
local AT_ONCE <const> = 20

gateway.route("GET /api/v1/products", { deadline = 10 }, function(req)
  local query <const> = validate.query(req)
  local page <const> = query:integer("page", { min = 1, default = 1 })
  local size <const> = query:integer("size", { min = 1, max = 100, default = 10 })
  query:finish()

  local listed <const> = gateway.call(product.page_request(page, size)).json
  local prices <const> = {}
  for i, item in ipairs(listed.items) do
    prices[i] = product.price_request(item.id)
  end
  for i, price in ipairs(gateway.gather(prices, { limit = AT_ONCE })) do
    local item <const> = listed.items[i]
    if price.error then
      item.price_error = price.error:reason()
    else
      item.price, item.currency = price.json.basePrice, price.json.currency
    end
  end
  return 200, listed
end)

-- Both sides failed: the client gets the graver answer, 504 before 503 before 502.
local function graver(one, other)
  return one:response_status() >= other:response_status() and one or other
end

gateway.route("GET /api/v1/products/:id", { deadline = 5 }, function(req)
  local id <const> = req.params.id
  local page <const> = gateway.gather(product.requests(id))

  if product.is_unknown(page) or not utf8.len(id) then
    gateway.fail(404, ("there is no product '%s'"):format(id))
  elseif page.product.error and page.price.error then
    error(graver(page.product.error, page.price.error))
  end
  return 200, product.merge(id, page)
end)

local function checked(id, page)
  if not page.product.error then return product.merge(id, page) end
  local reason <const> = product.is_unknown(page) and "unknown product"
    or page.product.error:reason()
  return { productId = id, error = reason }
end

gateway.route("POST /api/v1/products/bulk-check", { deadline = 15 }, function(req)
  local body <const> = validate.body(req)
  local ids <const> = body:strings("productIds", { min = 1, max = 100 })
  body:finish()

  local requests <const> = {}
  for i, id in ipairs(ids) do
    requests[i] = product.requests(id)
  end
  local results <const> = {}
  for i, page in ipairs(gateway.gather(requests, { limit = AT_ONCE })) do
    results[i] = checked(ids[i], page)
  end
  return 200, { results = results }
end)
