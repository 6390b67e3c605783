-- Each call that openapi.json describes is made, and its answer is as described.
local files <const> = require "support.files"
local http <const> = require "support.http"
local openapi <const> = require "support.openapi"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local JSON <const> = { "Content-Type: application/json" }
local TEXT <const> = { "Accept: text/plain" }

describe("the admin listener's document", function()
  local demo, gateway, record

  before_each(function()
    demo = shop.open { DATA_DIR = files.folder() }
    gateway = demo.gateway
    record = openapi.record(gateway)
  end)
  after_each(process.end_all)

  local function ask(...)
    return record:ask(...)
  end

  local function ask_about_scripts()
    ask("GET", "/admin/routes")
    ask("POST", "/admin/reload")
    ask("GET", "/admin/generations")
    ask("GET", "/admin/generations/{number}/diff", { number = "1" })
    ask("GET", "/admin/generations/{number}/diff", { number = "99" })
    ask("POST", "/admin/rollback", nil, { json = { generation = 1 } })
    ask("POST", "/admin/rollback", nil, { json = { generation = 99 } })
    ask("POST", "/admin/rollback", nil, { json = { generation = 0 } })
  end

  local function ask_about_backends()
    ask("GET", "/admin/backends")
    for _, act in ipairs { "force-open", "close", "disable", "reset" } do
      local path <const> = "/admin/backends/{name}/" .. act
      assert.equal(200, ask("POST", path, { name = "inventory" }).status)
      assert.equal(404, ask("POST", path, { name = "nobody" }).status)
      ask("GET", "/admin/backends/{name}", { name = "inventory" })
    end
    demo:kill "pricing"
    gateway:get "/api/v1/products/TEST-001"
    local pricing <const> = ask("GET", "/admin/backends/{name}", { name = "pricing" }).json
    assert.equal("Connection refused", pricing.last_error)
    ask("GET", "/admin/backends/{name}", { name = "nobody" })
  end

  local function ask_about_jobs()
    demo:break_down("inventory", { latency_ms = 60000 })
    local id <const> = gateway:post("/api/v1/reports/generate",
      { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" }).json.jobId
    ask("GET", "/admin/jobs", nil, { query = "?status=running&limit=5" })
    ask("GET", "/admin/jobs", nil, { query = "?status=walking" })
    ask("GET", "/admin/jobs/{id}", { id = id })
    assert.equal(200, ask("POST", "/admin/jobs/{id}/cancel", { id = id }).status)
    assert.equal("cancelled", ask("GET", "/admin/jobs/{id}", { id = id }).json.status)
    assert.equal(404, ask("POST", "/admin/jobs/{id}/cancel", { id = "none" }).status)
    demo:repair()
  end

  local function ask_about_sagas()
    local item <const> = { productId = "TEST-001", quantity = 1 }
    demo:break_down("inventory", { status = 503, path = "/api/v1/stock/release" })
    demo:break_down("pricing", { status = 500 })
    gateway:post("/api/v1/orders", { items = { item } })
    local parked <const> = poll("a saga", function()
      return ask("GET", "/admin/sagas", nil, { query = "?open" }).json.sagas[1]
    end)
    local id <const> = { id = parked.id }
    ask("GET", "/admin/sagas/{id}", id)
    assert.equal(200, ask("POST", "/admin/sagas/{id}/retry", id).status)
    assert.equal(422, ask("POST", "/admin/sagas/{id}/resolve", id).status)
    ask("POST", "/admin/sagas/{id}/resolve", id, { json = { reason = "counted by hand" } })
    ask("POST", "/admin/sagas/{id}/retry", id)
    ask("GET", "/admin/sagas/{id}", { id = "none" })
  end

  local function ask_about_requests()
    local listed <const> = ask("GET", "/admin/requests", nil, { query = "?limit=1000" })
    local requests <const> = listed.json.requests
    for _, request in ipairs(requests) do
      assert.equal(200, ask("GET", "/admin/requests/{id}", { id = request.id }).status)
    end
    ask("GET", "/admin/requests/{id}", { id = requests[1].id }, { headers = TEXT })
    ask("GET", "/admin/requests/{id}", { id = "none" })
    ask("GET", "/admin/requests", nil, { query = "?status=lost" })
  end

  -- A stream has no end: what is held against the document is how it begins.
  local function ask_about_events()
    local stream <const> = assert(http.connect(gateway.admin_port))
    stream:send(http.format("GET", "/admin/events", { host = "127.0.0.1:" .. gateway.admin_port }))
    local status <const> = stream.socket:receive "*l"
    repeat
      local line <const> = stream.socket:receive "*l"
      local type <const> = line:match "^Content%-Type: (.+)$"
      if type then
        record.exchanges[#record.exchanges + 1] = {
          method = "GET", path = "/admin/events", status = tonumber(status:match " (%d+) "),
          type = type, body = "",
        }
      end
    until line == ""
    stream:close()
  end

  it("says what each call answers", function()
    ask("GET", "/metrics")
    ask("GET", "/metrics", nil, { headers = { "Accept: application/openmetrics-text" } })
    ask("GET", "/admin/status")
    ask("GET", "/admin/openapi.json")
    ask("GET", "/admin/log-level")
    ask("PUT", "/admin/log-level", nil, { json = { level = "warn" } })
    ask("PUT", "/admin/log-level", nil, { json = { level = "loud" } })
    ask("PUT", "/admin/log-level", nil, { json = { level = "info" } })
    ask_about_events()
    ask_about_scripts()
    ask_about_sagas()
    ask_about_jobs()
    ask_about_requests()
    ask_about_backends() -- the last: one of them ends
    assert.equal("", record:faults())
  end)

  it("would not agree with another answer", function()
    ask("GET", "/admin/log-level")
    record.exchanges[1].body = [[{"level": "loud"}]]
    ask("POST", "/admin/reload")
    record.exchanges[2].status = 204
    local faults <const> = record:faults()
    assert.matches("GET /admin/log%-level 200: %$%.level: 'loud' is not one of", faults)
    assert.matches("POST /admin/reload 204: this status is not described", faults)
    assert.matches("get /admin/status: nobody has asked", faults)
  end)

  it("says what is refused, and how", function()
    ask("POST", "/admin/reload", nil, { headers = { "Origin: http://evil.example" } })
    ask("POST", "/admin/reload", nil, { host = "evil.example" })
    ask("POST", "/admin/rollback", nil, { body = "generation=1" })
    ask("POST", "/admin/rollback", nil, { body = "[]", headers = JSON })
    ask("GET", "/admin/sagas", nil, { query = "?opne" })
    assert.is_nil(record:faults():match "%d%d%d:[^\n]*")
  end)

  it("says that people get text", function()
    for _, path in ipairs { "status", "backends", "routes", "generations", "sagas", "jobs",
      "log-level" } do
      assert.equal(200, ask("GET", "/admin/" .. path, nil, { headers = TEXT }).status)
    end
    ask("GET", "/admin/backends/{name}", { name = "nobody" }, { headers = TEXT })
    assert.is_nil(record:faults():match "%d%d%d:[^\n]*")
  end)
end)
