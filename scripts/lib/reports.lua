-- The reports: for each type its columns, and how the products become its rows. Products are read
-- page by page; `add` is called with each page as it arrives, in no particular order, and `rows`
-- once at the end.
local gateway <const> = require "gateway"
local money <const> = require "lib.money"
local product <const> = require "lib.product"

local reports <const> = {}

local MAX_PRODUCTS <const> = 100000
local PAGE_SIZE <const> = 100
local PAGES_AT_ONCE <const> = 4
local PRICES_AT_ONCE <const> = 10

-- --- inventory_summary: what lies in each category, and what it has cost ---

local inventory_summary <const> = { columns = { "category", "products", "units", "value" } }

local function cost_of(item)
  local cost <const>, reason <const> = money.parse(item.unitCost)
  if not cost then gateway.fail(502, ("inventory: unitCost of '%s' %s"):format(item.id, reason)) end
  return cost * item.stockLevel
end

function inventory_summary.add(state, items)
  for _, item in ipairs(items) do
    local sum <const> = state[item.category] or { products = 0, units = 0, value = 0 }
    state[item.category] = sum
    sum.products = sum.products + 1
    sum.units = sum.units + item.stockLevel
    sum.value = sum.value + cost_of(item)
  end
end

function inventory_summary.rows(state)
  local rows <const> = {}
  for category, sum in pairs(state) do
    rows[#rows + 1] = {
      category = category,
      products = sum.products,
      units = sum.units,
      value = money.number(sum.value),
    }
  end
  table.sort(rows, function(a, b) return a.category < b.category end)
  return rows
end

-- --- low_stock: what is at or below the threshold ---

local low_stock <const> = { columns = { "productId", "sku", "name", "category", "stockLevel" } }

local function by_product(rows)
  table.sort(rows, function(a, b) return a.productId < b.productId end)
  return rows
end

function low_stock.add(state, items, options)
  for _, item in ipairs(items) do
    if item.stockLevel <= options.threshold then
      state[#state + 1] = {
        productId = item.id,
        sku = item.sku,
        name = item.name,
        category = item.category,
        stockLevel = item.stockLevel,
      }
    end
  end
end

low_stock.rows = by_product

-- --- price_list: every product with its price ---

local price_list <const> = {
  columns = { "productId", "sku", "name", "price", "currency", "error" },
}

function price_list.add(state, items)
  local requests <const> = {}
  for i, item in ipairs(items) do
    requests[i] = product.price_request(item.id)
  end
  for i, price in ipairs(gateway.gather(requests, { limit = PRICES_AT_ONCE })) do
    local found <const> = price.json or {}
    state[#state + 1] = {
      productId = items[i].id,
      sku = items[i].sku,
      name = items[i].name,
      price = found.basePrice,
      currency = found.currency,
      error = price.error and price.error:reason(),
    }
  end
end

price_list.rows = by_product

-- --- running one ---

local types <const> = {
  inventory_summary = inventory_summary,
  low_stock = low_stock,
  price_list = price_list,
}

reports.names = { "inventory_summary", "low_stock", "price_list" }

function reports.columns(name)
  return types[name].columns
end

local function read_page(page)
  return gateway.call(product.page_request(page, PAGE_SIZE)).json
end

-- The total is the inventory's word, so it must not decide how long we are at it.
local function pages_after_the_first(total)
  if total > MAX_PRODUCTS then
    gateway.fail(502, ("inventory: %d products are too many for a report"):format(total))
  end
  local pages <const> = {}
  for page = 2, (total + PAGE_SIZE - 1) // PAGE_SIZE do
    pages[#pages + 1] = page
  end
  return pages
end

-- The rows of the report `name`. progress(percent) is called as the pages arrive.
function reports.run(name, options, progress)
  local report <const>, state <const> = types[name], {}
  local first <const> = read_page(1)
  local left <const> = pages_after_the_first(first.total)
  local done = 0
  local function take(page)
    report.add(state, page.items, options)
    done = done + 1
    progress(100 * done // (#left + 1))
  end
  take(first)
  gateway.map(left, function(page) take(read_page(page)) end, { limit = PAGES_AT_ONCE })
  return gateway.json.array(report.rows(state))
end

return reports
