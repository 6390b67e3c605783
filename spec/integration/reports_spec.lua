local cjson <const> = require "cjson"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"


local function wish_for(name, more)
  local wish = { reportType = name, startDate = "2026-01-01", endDate = "2026-01-31" }
  for key, value in pairs(more or {}) do
    wish[key] = value
  end
  return wish
end


describe("reports", function()
  local demo, gateway

  -- Two workers: the one that is asked is not always the one that makes the report.
  setup(function()
    demo = shop.open { WORKERS = 2, SERVICE_TIMEOUT = 5, JOB_RETRY_SECONDS = 0.01 }
    gateway = demo.gateway
  end)
  before_each(function() demo:repair() end)
  teardown(process.end_all)

  local function generate(...)
    return gateway:post("/api/v1/reports/generate", wish_for(...))
  end

  local function status_of(id)
    return gateway:get("/api/v1/reports/status/" .. id).json
  end

  local function await(id, status)
    return poll("a report that is " .. status, function()
      local found = status_of(id)
      return found.status == status and found
    end)
  end

  -- The id of a report of this type, once it is done.
  local function make(...)
    local id = generate(...).json.jobId
    await(id, "done")
    return id
  end

  local function fetch(id, accept)
    return gateway:get("/api/v1/reports/" .. id, accept and "Accept: " .. accept)
  end

  local function rows_of(...)
    return fetch(make(...)).json.rows
  end


  it("are accepted, and say where to ask", function()
    local response = generate "price_list"
    assert.equal(202, response.status)
    assert.equal("queued", response.json.status)
    local location = response.headers.location
    assert.equal("/api/v1/reports/status/" .. response.json.jobId, location)
    local status = gateway:get(location)
    assert.equal(200, status.status)
    assert.equal(response.json.jobId, status.json.jobId)
  end)

  it("are known to all workers, whichever connection asks", function()
    local id = make "low_stock"
    for _ = 1, 30 do
      local found = status_of(id)
      assert.same({ "done", 100 }, { found.status, found.progress })
    end
  end)

  it("say what they were asked for", function()
    local report = fetch(make "low_stock").json
    assert.same({ "low_stock", "2026-01-01", "2026-01-31" },
      { report.reportType, report.startDate, report.endDate })
    assert.is_truthy(report.generatedAt:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$")
  end)

  it("sum up the inventory by category", function()
    local rows = rows_of "inventory_summary"
    local products = 0
    for _, row in ipairs(rows) do
      products = products + row.products
    end
    assert.equal(25, products)
    assert.same({ "garden", "kitchen", "office", "outdoor" },
      { rows[1].category, rows[2].category, rows[3].category, rows[4].category })
    -- 35*16.80 + 28*24.10 + 0 + 90*4.80 + 55*8.70 + 200*3.10
    assert.same({ category = "kitchen", products = 6, units = 408, value = 2793.3 }, rows[2])
  end)

  it("find what is low on stock", function()
    local function ids_of(rows)
      local ids = {}
      for i, row in ipairs(rows) do
        ids[i] = row.productId
      end
      return ids
    end
    assert.same({ "TEST-004", "TEST-009", "TEST-016", "TEST-022" }, ids_of(rows_of "low_stock"))
    assert.same({ "TEST-009" }, ids_of(rows_of("low_stock", { threshold = 0 })))
    assert.equal("SKU-KIT-009", rows_of("low_stock", { threshold = 0 })[1].sku)
  end)

  it("list every price, and say which is missing", function()
    demo:break_down("pricing", { status = 500, path = "/api/v1/prices/TEST-002" })
    local rows = rows_of "price_list"
    assert.equal(25, #rows)
    assert.same({
      productId = "TEST-001",
      sku = "SKU-OUT-001",
      name = "Aluminium bottle",
      price = 19.99,
      currency = "EUR",
    }, rows[1])
    assert.is_nil(rows[2].price)
    assert.equal("pricing answered 500", rows[2].error)
  end)

  it("are JSON or CSV, as the client likes", function()
    local id = make "low_stock"
    for accept, content_type in pairs {
      ["text/csv"] = "text/csv; charset=utf-8",
      ["text/csv;q=0.9, application/json;q=0.8"] = "text/csv; charset=utf-8",
      ["text/*"] = "text/csv; charset=utf-8",
      ["*/*"] = "application/json",
      ["application/json;q=0.5, text/csv;q=0.5"] = "application/json",
    } do
      local response = fetch(id, accept)
      assert.equal(200, response.status)
      assert.equal(content_type, response.headers["content-type"], accept)
      assert.equal("Accept", response.headers.vary)
    end
    assert.equal("application/json", fetch(id).headers["content-type"])
    assert.equal(406, fetch(id, "image/png").status)
  end)

  it("have their lines as CSV", function()
    local response = fetch(make("low_stock", { threshold = 3 }), "text/csv")
    assert.equal("productId,sku,name,category,stockLevel\r\n"
      .. "TEST-004,SKU-OUT-004,Camping stove,outdoor,3\r\n"
      .. "TEST-009,SKU-KIT-009,Espresso pot,kitchen,0\r\n", response.body)
    assert.equal('attachment; filename="low_stock.csv"',
      response.headers["content-disposition"])
    local prices = fetch(make "price_list", "text/csv").body
    local line = '\r\nTEST-014,SKU-OFF-014,"Notebook, dotted",11.9,EUR,\r\n'
    assert.is_truthy(prices:find(line, 1, true), prices)
  end)

  it("are not ready before they are", function()
    demo:break_down("inventory", { latency_ms = 60000 })
    local id = generate("low_stock").json.jobId
    assert.equal("running", await(id, "running").status)
    local response = fetch(id)
    assert.equal(409, response.status)
    assert.equal(0, response.json.progress)
  end)

  it("fail when the inventory does", function()
    demo:break_down("inventory", { status = 500 })
    local id = generate("inventory_summary").json.jobId
    assert.equal("inventory answered 500", await(id, "failed").error)
    local response = fetch(id)
    assert.equal(502, response.status)
    assert.equal("the report could not be made: inventory answered 500", response.json.detail)
  end)

  it("are not known by any other id", function()
    for _, id in ipairs { "nope", "01234567-89ab-7def-8123-456789abcdef" } do
      assert.equal(404, gateway:get("/api/v1/reports/status/" .. id).status)
      assert.equal(404, fetch(id).status)
    end
  end)

  it("are refused when the wish is not valid", function()
    for _, case in ipairs {
      { { other = 1 }, { "reportType", "startDate", "endDate" } },
      { wish_for "nope", { "reportType" } },
      { wish_for("low_stock", { threshold = -1 }), { "threshold" } },
      { wish_for("low_stock", { startDate = "2026-02-29" }), { "startDate" } },
      { wish_for("low_stock", { endDate = "31.01.2026" }), { "endDate" } },
      { wish_for("low_stock", { endDate = "2025-12-31" }), { "endDate" } },
      { wish_for("low_stock", { startDate = cjson.null }), { "startDate" } },
    } do
      local response = gateway:post("/api/v1/reports/generate", case[1])
      assert.equal(422, response.status)
      local fields = {}
      for i, entry in ipairs(response.json.errors) do
        fields[i] = entry.field
      end
      assert.same(case[2], fields)
    end
  end)

  it("do not hold up the end", function()
    demo:break_down("inventory", { latency_ms = 60000 })
    await(generate("low_stock").json.jobId, "running")
    assert.equal(0, gateway:stop())
  end)
end)
