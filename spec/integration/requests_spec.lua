-- The last requests and where the time of each went: what an operator finds of one by its
-- correlation id.
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local ORDER <const> = { items = { { productId = "TEST-001", quantity = 1 } } }
local PRODUCT <const> = "/api/v1/products/TEST-001"

-- The list that the query asks for.
local function list(gateway, query)
  local response <const> = gateway:admin("GET", "/admin/requests" .. (query and "?" .. query or ""))
  assert.equal(200, response.status, response.body)
  return response.json.requests
end

local function details(gateway, id)
  local response <const> = gateway:admin("GET", "/admin/requests/" .. id)
  assert.equal(200, response.status, response.body)
  return response.json
end

-- All there is of that correlation id's only record of this kind, once it is there.
local function find(gateway, correlation_id, kind)
  return poll("the record of " .. correlation_id, function()
    for _, request in ipairs(list(gateway, "correlation_id=" .. correlation_id)) do
      if request.kind == (kind or "request") then return details(gateway, request.id) end
    end
  end)
end

local function of_kind(record, kind)
  local spans <const> = {}
  for _, span in ipairs(record.spans) do
    if span.kind == kind then spans[#spans + 1] = span end
  end
  return spans
end

local function by_index(record)
  local spans <const> = {}
  for _, span in ipairs(record.spans) do
    assert.is_nil(spans[span.index])
    spans[span.index] = span
  end
  return spans
end

-- Whether `span` is somewhere below the backend's call.
local function is_below(record, span, backend)
  local spans <const> = by_index(record)
  while span do
    if span.kind == "call" then return span.backend == backend end
    span = type(span.parent) == "number" and spans[span.parent] or nil
  end
  return false
end

describe("the last requests of the shop", function()
  local demo, gateway

  setup(function()
    demo = shop.open { WORKERS = 2 }
    gateway = demo.gateway
  end)
  before_each(function() demo:repair() end)
  teardown(process.end_all)

  local function get(path, id)
    return gateway:get(path, "X-Correlation-ID: " .. id)
  end

  local function post(path, id, json)
    return gateway:request("POST", path, { json = json, headers = { "X-Correlation-ID: " .. id } })
  end

  it("say that the wait was for inventory, where it was slow", function()
    demo:break_down("inventory", { latency_ms = 250 })
    assert.equal(200, get(PRODUCT .. "?token=secret", "slow-1").status)
    local record = find(gateway, "slow-1")
    assert.same({ "GET", PRODUCT, "GET /api/v1/products/:id", 200, "inventory" }, {
      record.method, record.path, record.route, record.status, record.slowest_call,
    })
    assert.is_true(record.duration_ms >= 250)
    local longest
    for _, wait in ipairs(of_kind(record, "wait")) do
      if not longest or wait.duration_ms > longest.duration_ms then longest = wait end
    end
    assert.is_true(longest.duration_ms >= 240)
    assert.is_true(is_below(record, longest, "inventory"))
    assert.equal(2, #of_kind(record, "call"))
    assert.is_true(#of_kind(record, "script") >= 2)
    assert.equal(1, #of_kind(record, "parse"))
    assert.is_nil(gateway:admin("GET", "/admin/requests/" .. record.id).body:find "secret")
  end)

  it("are a tree in time", function()
    get(PRODUCT, "tree-1")
    local record = find(gateway, "tree-1")
    local spans = by_index(record)
    assert.equal("request", spans[0].kind)
    for _, span in pairs(spans) do
      local parent = spans[span.parent]
      if span.index > 0 then
        assert.is_true(span.start_ms >= parent.start_ms)
        assert.is_true(span.start_ms + span.duration_ms
          <= parent.start_ms + parent.duration_ms + 5)
      end
    end
    assert.equal(0, record.spans_dropped)
    assert.is_truthy(record.trace_id:find "^%x+$")
    assert.equal(32, #record.trace_id)
  end)

  it("show retries, and the pauses between them", function()
    demo:break_down("inventory", { status = 503 })
    get(PRODUCT, "retried-1")
    local record = find(gateway, "retried-1")
    local attempts = {}
    for _, attempt in ipairs(of_kind(record, "attempt")) do
      if attempt.backend == "inventory" then attempts[#attempts + 1] = attempt end
    end
    assert.equal(3, #attempts)
    assert.same({ 1, 503, "status" },
      { attempts[1].attempt, attempts[1].status, attempts[1].failure })
    assert.equal(3, attempts[3].attempt)
    assert.equal(2, #of_kind(record, "pause"))
  end)

  it("show the steps of an order and its undo", function()
    demo:break_down("pricing", { status = 500 })
    assert.equal(502, post("/api/v1/orders", "undone-1", ORDER).status)
    local record = find(gateway, "undone-1")
    assert.equal("error", record.kept)
    local steps, undos = of_kind(record, "saga_step"), of_kind(record, "undo")
    assert.same({ 1, 1 }, { #steps, #undos })
    assert.same({ "inventory", "POST /api/v1/stock/release", 200 },
      { undos[1].backend, undos[1].name, undos[1].status })
    local reserve
    for _, call in ipairs(of_kind(record, "call")) do
      if call.parent == steps[1].index then reserve = call end
    end
    assert.equal("POST /api/v1/stock/reserve", reserve.name)
    assert.is_true(#record.log > 0)
    assert.same({ "warn", "a saga is undone" }, { record.log[1].level, record.log[1].message })
  end)

  it("show an undo that goes on after the answer, by the same correlation id", function()
    demo:break_down("inventory", { status = 503, path = "/api/v1/stock/release" })
    demo:break_down("pricing", { status = 500 })
    assert.equal(502, post("/api/v1/orders", "parked-1", ORDER).status)
    assert.equal(3, #of_kind(find(gateway, "parked-1"), "undo"))
    demo:repair()
    local record = find(gateway, "parked-1", "undo")
    assert.equal("saga order", record.route)
    assert.is_true(#of_kind(record, "undo") >= 1)
    demo:await_reservations(0)
  end)

  it("show a job by the correlation id of who wanted it", function()
    local response = post("/api/v1/reports/generate", "job-1",
      { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" })
    assert.equal(202, response.status)
    assert.equal(1, #of_kind(find(gateway, "job-1"), "enqueue"))
    local record = find(gateway, "job-1", "job")
    assert.equal(response.json.jobId, record.path)
    assert.equal("inventory", of_kind(record, "call")[1].backend)
  end)

  it("have a client that hung up", function()
    demo:break_down("inventory", { latency_ms = 2000 })
    local connection = gateway:begin("GET", PRODUCT, { headers = { "X-Correlation-ID: gone-1" } })
    poll("its call", function()
      for _, request in ipairs(demo.inventory:get("/demo/requests").json.requests) do
        if request.correlation_id == "gone-1" then return true end
      end
    end)
    connection:close()
    local record = find(gateway, "gone-1")
    assert.same({ 499, "error" }, { record.status, record.kept })
    for _, call in ipairs(of_kind(record, "call")) do
      assert.equal(call.backend == "inventory" and "cancelled" or nil, call.failure)
    end
  end)

  it("have those that are no route's, and that the server answers itself", function()
    assert.equal(404, get("/nowhere", "nowhere-1").status)
    local record = find(gateway, "nowhere-1")
    assert.same({ 404, "/nowhere" }, { record.status, record.path })
    assert.equal(require "cjson".null, record.route)
    gateway:connect():send "GET / HTTP/1.1\r\n\r\n":close()
    poll("a request without a host", function() return #list(gateway, "status=400") == 1 end)
  end)

  it("have no probes", function()
    gateway:get "/health"
    gateway:get "/ready"
    for _, request in ipairs(list(gateway)) do
      assert.is_nil(request.path:find "^/health$")
      assert.is_nil(request.path:find "^/ready$")
    end
  end)

  it("are the newest first, of both workers, and as many as are wanted", function()
    for i = 1, 12 do
      get(PRODUCT, "many-" .. i)
    end
    find(gateway, "many-12")
    local last
    for _, request in ipairs(list(gateway, "limit=10")) do
      assert.is_true(not last or request.started_at <= last)
      last = request.started_at
    end
    assert.equal(10, #list(gateway, "limit=10"))
    poll("both workers", function()
      get(PRODUCT, "more")
      local seen = {}
      for _, request in ipairs(list(gateway, "correlation_id=more")) do
        seen[request.worker] = true
      end
      return seen[0] and seen[1]
    end)
  end)

  it("are found by route, status and duration", function()
    demo:break_down("pricing", { latency_ms = 120 })
    get(PRODUCT, "found-1")
    find(gateway, "found-1")
    for _, request in ipairs(list(gateway, "min_ms=120&route=GET%20/api/v1/products/:id")) do
      assert.is_true(request.duration_ms >= 120)
      assert.equal("GET /api/v1/products/:id", request.route)
    end
    get("/nowhere", "found-2")
    find(gateway, "found-2")
    assert.equal(1, #list(gateway, "status=4xx&correlation_id=found-2"))
    assert.equal(1, #list(gateway, "status=404&correlation_id=found-2"))
    assert.equal(0, #list(gateway, "status=5xx&correlation_id=found-2"))
    assert.equal(0, #list(gateway, "correlation_id=found-3"))
  end)

  it("refuse what makes no sense", function()
    for _, query in ipairs { "status=6xx", "status=9", "limit=0", "limit=x", "min_ms=-1", "x=1" } do
      assert.equal(400, gateway:admin("GET", "/admin/requests?" .. query).status, query)
    end
    assert.equal(404, gateway:admin("GET", "/admin/requests/0000000000000000").status)
    assert.equal(405, gateway:admin("POST", "/admin/requests").status)
  end)

  it("are told to people, too", function()
    get(PRODUCT, "people-1")
    local record = find(gateway, "people-1")
    local function command(...)
      local words = { gateways.binary, "requests", "--admin-port", gateway.admin_port, ... }
      local code, out = process.run(words)
      assert.equal(0, code)
      return out
    end
    assert.is_truthy(command():find(record.id, 1, true))
    assert.is_truthy(command("people-1"):find("^" .. record.id .. "  %S+  200 "))
    local text = command(record.id)
    assert.is_truthy(text:find("correlation id people-1", 1, true), text)
    assert.is_truthy(text:find("call inventory GET " .. PRODUCT .. " -> 200", 1, true), text)
  end)
end)

describe("the last requests", function()
  local gateway
  after_each(process.end_all)

  it("show a breaker that opens, and what it does not send", function()
    gateway = gateways.start_with [[
      local gateway <const> = require "gateway"
      local nobody <const> = gateway.backend("nobody",
        { url = "http://127.0.0.1:1", threshold = 2, attempts = 1 })
      gateway.route("GET /", function() return 200, gateway.call(nobody:get "/x").json end)
    ]]
    for i = 1, 3 do
      gateway:get("/", "X-Correlation-ID: breaker-" .. i)
    end
    assert.same({}, of_kind(find(gateway, "breaker-1"), "breaker"))
    assert.equal("closed to open", of_kind(find(gateway, "breaker-2"), "breaker")[1].note)
    local last = find(gateway, "breaker-3")
    assert.equal("open: not sent", of_kind(last, "breaker")[1].note)
    assert.same({}, of_kind(last, "attempt"))
    assert.equal(503, last.status)
  end)

  it("say which generation answered", function()
    local script = [[
      local gateway <const> = require "gateway"
      gateway.route("GET /", function() gateway.log.warn "%s"; return 200, {} end)
    ]]
    gateway = gateways.start_with(script:format "one")
    gateway:get("/", "X-Correlation-ID: old")
    gateway:save("init.lua", script:format "two")
    gateway:await_generation(2)
    gateway:get("/", "X-Correlation-ID: new")
    local old, new = find(gateway, "old"), find(gateway, "new")
    assert.same({ 1, 2 }, { old.generation, new.generation })
    assert.same({ "one", "init.lua:2" }, { old.log[1].message, old.log[1].where })
    assert.equal("two", new.log[1].message)
  end)

  it("need not be kept", function()
    gateway = gateways.start_with([[
      require "gateway".route("GET /", function() return 200, {} end)
    ]], { RECENT_REQUESTS = 0 })
    local response = gateway:get "/"
    assert.equal(200, gateway:log_of(response).status)
    assert.same({}, list(gateway))
  end)
end)
