-- A product as clients see it: what the inventory knows of it, and its price.
local backends <const> = require "backends"
local shape <const> = require "lib.shape"

local product <const> = {}

local PRODUCT <const> = shape.object { id = "string" }
local PRICE <const> = shape.object { basePrice = "amount", currency = "string" }
local PAGE <const> = shape.object { items = shape.list(PRODUCT), total = "count" }

function product.price_request(id)
  return backends.pricing:get("/api/v1/prices/{id}", { id = id, expect = PRICE, fallback = true })
end

function product.page_request(page, size)
  return backends.inventory:get("/api/v1/products", {
    query = { page = page, size = size },
    expect = PAGE,
  })
end

-- What has to be asked for one product, for gateway.gather().
function product.requests(id)
  return {
    product = backends.inventory:get("/api/v1/products/{id}",
      { id = id, expect = PRODUCT, fallback = true }),
    price = product.price_request(id),
  }
end

-- Either side may have failed; what the other one said still helps the client.
function product.merge(id, page)
  local found <const> = page.product.json or { id = id }
  local price <const> = page.price.json or {}
  found.price, found.currency = price.basePrice, price.currency
  found.inventory_error = page.product.error and page.product.error:reason()
  found.pricing_error = page.price.error and page.price.error:reason()
  return found
end

function product.is_unknown(page)
  local failure <const> = page.product.error
  return failure and failure.status == 404
end

return product
