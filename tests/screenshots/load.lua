-- load.lua PORT: asks the shop for this and that, until it is ended.
package.path = "spec/?.lua;" .. package.path

local http <const> = require "support.http"
local socket <const> = require "socket"

local PORT <const>, PAUSE <const> = math.tointeger(arg[1]), 0.012 -- seconds

local function order()
  return { json = { items = { { productId = "TEST-002", quantity = 1 } } } }
end

local REPORT <const> = {
  json = { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" },
}

-- What is asked for at each so many requests; the rest asks for one product.
local SOMETIMES <const> = {
  { every = 9, method = "GET", path = "/api/v1/products?page=1&size=5" },
  { every = 25, method = "POST", path = "/api/v1/orders", options = order },
  { every = 41, method = "GET", path = "/api/v1/products/NO-SUCH" },
  { every = 700, method = "POST", path = "/api/v1/reports/generate",
    options = function() return REPORT end },
}

local function pick(n)
  for _, one in ipairs(SOMETIMES) do
    if n % one.every == 0 then return one.method, one.path, one.options and one.options() end
  end
  return "GET", ("/api/v1/products/TEST-%03d"):format(1 + n % 5)
end

local n = math.tointeger(arg[2]) or 0
while true do
  n = n + 1
  http.request(PORT, pick(n))
  socket.sleep(PAUSE * (1 + 0.5 * math.sin(socket.gettime() / 9)))
end
