local shop <const> = require "support.shop"

local PERIOD <const> = { startDate = "2026-01-01", endDate = "2026-01-31" }


describe("reports", function()
  local world

  before_each(function() world = shop() end)

  local function order(kind, options)
    local wish <const> = { reportType = kind }
    for _, more in ipairs { PERIOD, options or {} } do
      for name, value in pairs(more) do wish[name] = value end
    end
    return world:request("POST", "/api/v1/reports/generate", { json = wish })
  end

  local function fetch(id, accept)
    return world:request("GET", "/api/v1/reports/" .. id, { headers = { accept = accept } })
  end

  -- Many products, so that there are pages to read.
  local function stock_up(n)
    world.backends.inventory = function(call)
      local page <const> = tonumber(call.path:match "page=(%d+)")
      local items <const> = world.gateway.json.array {}
      for i = (page - 1) * 100 + 1, math.min(page * 100, n) do
        items[#items + 1] = {
          id = ("P-%04d"):format(i), sku = "S" .. i, name = "N" .. i, unitCost = 0.1,
          category = i % 2 == 0 and "even" or "odd", stockLevel = i,
        }
      end
      return { status = 200, json = { items = items, total = n }, delay = 1 }
    end
  end

  it("are ordered, looked after, and fetched", function()
    local reply <const> = order "inventory_summary"
    assert.equal(202, reply.status)
    assert.equal("queued", reply.json.status)
    assert.equal("/api/v1/reports/status/" .. reply.json.jobId, reply.headers.location)
    local status <const> = world:request("GET", reply.headers.location)
    assert.equal(200, status.status)
    assert.same({ jobId = reply.json.jobId, status = "done", progress = 100, attempts = 1 },
      status.json)
    local report <const> = fetch(reply.json.jobId).json
    assert.equal("inventory_summary", report.reportType)
    assert.equal("2026-01-01", report.startDate)
    assert.equal("2026-01-31", report.endDate)
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$", report.generatedAt)
    assert.same({ category = "kitchen", products = 6, units = 408, value = 2793.3 }, report.rows[2])
  end)

  it("sum up each category over all pages, exactly", function()
    stock_up(250)
    local report <const> = fetch(order("inventory_summary").json.jobId).json
    assert.same({
      { category = "even", products = 125, units = 15750, value = 1575.0 },
      { category = "odd", products = 125, units = 15625, value = 1562.5 },
    }, report.rows)
  end)

  it("read the pages four at once, and tell how far they are", function()
    stock_up(600)
    local id <const> = order("inventory_summary").json.jobId
    assert.equal(6, #world.calls)
    local at <const> = {}
    for i, call in ipairs(world.calls) do at[i] = call.at end
    assert.same({ 0, 1, 1, 1, 1, 2 }, at)
    assert.same({ 16, 33, 50, 66, 83, 100 }, world.jobs[id].seen)
  end)

  it("list what is low in stock", function()
    local report = fetch(order("low_stock").json.jobId).json
    local found <const> = {}
    for i, row in ipairs(report.rows) do found[i] = row.productId end
    assert.same({ "TEST-004", "TEST-009", "TEST-016", "TEST-022" }, found)
    report = fetch(order("low_stock", { threshold = 0 }).json.jobId).json
    assert.same({ {
      productId = "TEST-009", sku = "SKU-KIT-009", name = "Espresso pot", category = "kitchen",
      stockLevel = 0,
    } }, report.rows)
  end)

  it("list prices, and which one is missing", function()
    local pricing <const> = world.backends.pricing
    world.backends.pricing = function(call)
      return call.path:find "TEST%-002" and { status = 404 } or pricing(call)
    end
    local report <const> = fetch(order("price_list").json.jobId).json
    assert.equal(25, #report.rows)
    assert.same({
      productId = "TEST-001", sku = "SKU-OUT-001", name = "Aluminium bottle", price = 19.99,
      currency = "EUR",
    }, report.rows[1])
    assert.is_nil(report.rows[2].price)
    assert.equal("pricing answered 404", report.rows[2].error)
  end)

  it("are CSV for those who ask", function()
    local id <const> = order("low_stock", { threshold = 3 }).json.jobId
    local reply <const> = fetch(id, "text/csv")
    assert.equal(200, reply.status)
    assert.equal("text/csv; charset=utf-8", reply.headers["content-type"])
    assert.equal("Accept", reply.headers.vary)
    assert.equal('attachment; filename="low_stock.csv"', reply.headers["content-disposition"])
    assert.equal("productId,sku,name,category,stockLevel\r\n"
      .. "TEST-004,SKU-OUT-004,Camping stove,outdoor,3\r\n"
      .. "TEST-009,SKU-KIT-009,Espresso pot,kitchen,0\r\n", reply.text)
    assert.equal("application/json", fetch(id, "*/*").headers["content-type"])
    assert.equal(406, fetch(id, "image/png").status)
  end)

  it("are an empty list where there is nothing", function()
    stock_up(0)
    assert.matches('"rows":%[%]', fetch(order("low_stock").json.jobId).text)
  end)

  it("are a 409 while they are made", function()
    local id <const> = order("low_stock").json.jobId
    world.jobs[id].status = "running"
    local reply <const> = fetch(id)
    assert.equal(409, reply.status)
    assert.equal(100, reply.json.progress)
  end)

  it("are a 502 with the reason when they could not be made", function()
    world.backends.inventory = function() return { kind = "connect" } end
    local id <const> = order("low_stock").json.jobId
    local status <const> = world:request("GET", "/api/v1/reports/status/" .. id).json
    assert.equal("failed", status.status)
    assert.equal("inventory cannot be reached", status.error)
    local reply <const> = fetch(id)
    assert.equal(502, reply.status)
    assert.matches("inventory cannot be reached", reply.json.detail)
  end)

  it("fail where a cost cannot be read, rather than sum up nonsense", function()
    world.backends.inventory = function()
      return { status = 200, json = { total = 1, items = {
        { id = "P", category = "c", stockLevel = 1, unitCost = "cheap" },
      } } }
    end
    local reply <const> = fetch(order("inventory_summary").json.jobId)
    assert.equal(502, reply.status)
    assert.matches("unitCost of 'P' is not an amount", reply.json.detail)
  end)

  it("are listed, the newest first", function()
    local first <const> = order("low_stock").json.jobId
    local second <const> = order("low_stock").json.jobId
    local reply <const> = world:request("GET", "/api/v1/reports")
    assert.equal(200, reply.status)
    assert.equal(2, #reply.json.reports)
    assert.equal(second, reply.json.reports[1].jobId)
    assert.equal("done", reply.json.reports[2].status)
    assert.matches("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", reply.json.reports[2].createdAt)
    assert.equal(first, reply.json.reports[2].jobId)
    assert.equal(1, #world:request("GET", "/api/v1/reports?limit=1").json.reports)
    assert.equal(422, world:request("GET", "/api/v1/reports?limit=0").status)
    assert.matches('"reports":%[%]', shop():request("GET", "/api/v1/reports").text)
  end)

  it("are deleted when they are done, and cancelled before", function()
    local id <const> = order("low_stock").json.jobId
    local other <const> = order("low_stock").json.jobId
    assert.equal(204, world:request("DELETE", "/api/v1/reports/" .. id).status)
    assert.equal(404, fetch(id).status)
    assert.equal(404, world:request("DELETE", "/api/v1/reports/" .. id).status)
    world.jobs[other].status, world.jobs[other].finished_at = "running", nil
    assert.equal(204, world:request("DELETE", "/api/v1/reports/" .. other).status)
    assert.equal(410, fetch(other).status)
  end)

  it("are a 404 when nobody ordered them", function()
    assert.equal(404, fetch("nope").status)
    assert.equal(404, world:request("GET", "/api/v1/reports/status/nope").status)
  end)

  local MISTAKES <const> = {
    { {}, { "reportType", "startDate", "endDate" } },
    { { reportType = "sales", startDate = "2026-02-30", endDate = "tomorrow" },
      { "reportType", "startDate", "endDate" } },
    { { reportType = "low_stock", startDate = "2026-02-01", endDate = "2026-01-31" },
      { "endDate" } },
    { {
      reportType = "low_stock", startDate = "2026-02-01", endDate = "2026-02-01", threshold = -1,
    }, { "threshold" } },
  }
  for _, case in ipairs(MISTAKES) do
    it("are refused with " .. table.concat(case[2], ", "), function()
      local reply <const> = world:request("POST", "/api/v1/reports/generate", { json = case[1] })
      assert.equal(422, reply.status)
      local fields <const> = {}
      for i, mistake in ipairs(reply.json.errors) do fields[i] = mistake.field end
      assert.same(case[2], fields)
    end)
  end
end)
