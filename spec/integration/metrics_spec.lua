-- GET /metrics of a real gateway: what is counted, how it is written, and that it is what
-- docs/observability.md says.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local http <const> = require "support.http"
local metrics <const> = require "support.metrics"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local OPEN <const> = "application/openmetrics-text; version=1.0.0; charset=utf-8"
local PROMTOOL <const> = "build/prometheus/promtool"
local PROMETHEUS <const> = "exec build/prometheus/prometheus --config.file=%s/prometheus.yml "
  .. "--storage.tsdb.path=%s/data --web.listen-address=127.0.0.1:0 2>%s/log"

-- promtool reads what it checks from its standard input.
local function check_metrics(text)
  local folder <const> = files.folder { metrics = text }
  local code <const>, output <const>, errors <const> = process.run {
    "sh", "-c", ("%s check metrics <%s/metrics"):format(PROMTOOL, folder),
  }
  return code == 0 and output .. errors == "", output .. errors
end


describe("metrics", function()
  local demo, gateway

  local function await(name, labels, value) return metrics.await(gateway, name, labels, value) end

  local function scrape(name, labels) return metrics.scrape(gateway):value(name, labels) end

  setup(function()
    demo = shop.open { WORKERS = 2, CIRCUIT_BREAKER_THRESHOLD = 5, CIRCUIT_BREAKER_TIMEOUT = 600 }
    gateway = demo.gateway
  end)
  teardown(process.end_all)

  it("count requests by route, method and code", function()
    local route <const> = "GET /api/v1/products/:id"
    for _ = 1, 3 do gateway:get "/api/v1/products/TEST-001" end
    gateway:request("HEAD", "/api/v1/products/TEST-001")
    gateway:get "/api/v1/products/UNKNOWN"
    gateway:get "/api/v1/nowhere/at/all"
    gateway:request("BREW", "/api/v1/products/TEST-001")
    gateway:connect():send("nonsense\r\n\r\n"):finish()
    local name <const> = "moongate_http_requests_total"
    await(name, { route = route, method = "GET", code = "200" }, 3)
    await(name, { route = route, method = "HEAD", code = "200" }, 1)
    await(name, { route = route, method = "GET", code = "404" }, 1)
    await(name, { route = "none", method = "GET", code = "404" }, 1)
    await(name, { route = "none", method = "other", code = "405" }, 1)
    await(name, { route = "none", method = "other", code = "400" }, 1)
    local seconds <const> = "moongate_http_request_duration_seconds"
    assert.equal(5, scrape(seconds .. "_count", { route = route }))
    assert.equal(5, scrape(seconds .. "_bucket", { route = route, le = "+Inf" }))
    assert.is_true(scrape(seconds .. "_sum", { route = route }) > 0)
  end)

  it("count a client that does not wait as 499", function()
    demo:break_down("inventory", { latency_ms = 3000 })
    local client <const> = gateway:begin("GET", "/api/v1/products/TEST-009")
    await("moongate_http_requests_in_flight", nil, 1)
    await("moongate_backend_attempts_in_flight", { backend = "inventory" }, 1)
    client:close()
    await("moongate_http_requests_total", { code = "499" }, 1)
    await("moongate_backend_calls_total", { backend = "inventory", outcome = "cancelled" }, 1)
    demo:repair()
  end)

  it("count connections, and calls by their outcome", function()
    assert.is_true(scrape "moongate_http_connections_accepted_total" >= 8)
    local calls <const> = "moongate_backend_calls_total"
    assert.is_true(scrape(calls, { backend = "pricing", outcome = "success", code = "200" }) >= 4)
    assert.equal(1, scrape(calls, { backend = "inventory", outcome = "status", code = "404" }))
    await("moongate_backend_attempts_in_flight", { backend = "inventory" }, 0)
    local host <const> = { host = demo.settings.PRICING_SERVICE_URL }
    assert.is_true(scrape("moongate_backend_connections", host) >= 1)
    assert.is_true(scrape("moongate_backend_connections_opened_total", host) >= 1)
    assert.equal(0, scrape("moongate_backend_calls_waiting", { backend = "inventory" }))
  end)

  it("count sagas and their undos", function()
    local order <const> = { items = { { productId = "TEST-001", quantity = 1 } } }
    assert.equal(201, gateway:post("/api/v1/orders", order).status)
    await("moongate_sagas_total", { outcome = "committed" }, 1)
    order.items[2] = { productId = "TEST-002", quantity = 9999 }
    assert.equal(409, gateway:post("/api/v1/orders", order).status)
    await("moongate_sagas_total", { outcome = "undone" }, 1)
    assert.equal(1, scrape("moongate_saga_undos_total", { outcome = "done" }))
    await("moongate_sagas_open", nil, 0)
    assert.equal(0, scrape "moongate_sagas_parked")
    assert.is_true(scrape "moongate_journal_commit_duration_seconds_count" > 3)
    assert.equal(1, scrape("moongate_journal_ok", { store = "journal" }))
  end)

  it("count jobs", function()
    local report <const> = { reportType = "low_stock", startDate = "2026-01-01",
      endDate = "2026-01-31" }
    assert.equal(202, gateway:post("/api/v1/reports/generate", report).status)
    await("moongate_jobs_total", { outcome = "done" }, 1)
    await("moongate_jobs_running", nil, 0)
    assert.equal(0, scrape "moongate_jobs_waiting")
  end)

  it("show retries, and what a breaker does", function()
    demo:break_down("pricing", { status = 503 })
    for _ = 1, 4 do gateway:get "/api/v1/products/TEST-001" end
    local labels <const> = { backend = "pricing", state = "open" }
    await("moongate_breaker_state", labels, 1)
    assert.equal(0, scrape("moongate_breaker_state", { backend = "pricing", state = "closed" }))
    assert.equal(1, scrape("moongate_breaker_state", { backend = "inventory", state = "closed" }))
    local changes <const> = "moongate_breaker_transitions_total"
    assert.equal(1, scrape(changes, { backend = "pricing", to = "open" }))
    assert.is_true(scrape("moongate_backend_retries_total", { backend = "pricing" }) >= 1)
    gateway:get "/api/v1/products/TEST-001"
    local calls <const> = "moongate_backend_calls_total"
    assert.is_true(scrape(calls, { backend = "pricing", outcome = "open" }) >= 1)
    demo:repair()
  end)

  it("tell of the process and its scripts", function()
    assert.equal(1, scrape "moongate_build_info")
    assert.equal(1, scrape "moongate_generation")
    assert.equal(1, scrape("moongate_script_loads_total", { outcome = "success" }))
    assert.equal(1, scrape "moongate_script_last_load_successful")
    assert.equal(0, scrape "moongate_script_disk_differs")
    for _, worker in ipairs { "0", "1" } do
      assert.is_true(scrape("moongate_script_memory_bytes", { worker = worker }) > 100000)
    end
    assert.equal(0, scrape "moongate_log_lines_dropped_total")
    assert.equal(0, scrape("moongate_trace_spans_total", { outcome = "dropped" }))
    assert.is_true(scrape "process_cpu_seconds_total" > 0)
    assert.is_true(scrape "process_resident_memory_bytes" > 1000000)
    assert.is_true(scrape "process_open_fds" > 5)
    assert.is_true(scrape "process_max_fds" > scrape "process_open_fds")
    assert.is_true(math.abs(scrape "process_start_time_seconds" - os.time()) < 600)
  end)

  it("are what promtool takes", function()
    local ok <const>, complaints <const> = check_metrics(metrics.scrape(gateway).text)
    assert.is_true(ok, complaints)
  end)

  it("are OpenMetrics for who wants that", function()
    local function get(accept)
      return gateway:admin("GET", "/metrics", { headers = { "accept: " .. accept } })
    end
    local text <const>, open <const> = get "*/*", get "application/openmetrics-text;version=1.0.0"
    assert.equal("text/plain; version=0.0.4; charset=utf-8", text.headers["content-type"])
    assert.equal(OPEN, open.headers["content-type"])
    assert.is_truthy(open.body:find "\n# EOF\n$")
    assert.is_nil(text.body:find("# EOF", 1, true))
    assert.is_truthy(open.body:find("# TYPE moongate_http_requests counter\n", 1, true))
    assert.is_truthy(open.body:find("# TYPE moongate_build info\n", 1, true))
    assert.is_truthy(open.body:find("# UNIT moongate_script_cpu_seconds seconds\n", 1, true))
    -- A unit is part of the name it belongs to.
    for name, unit in open.body:gmatch "# UNIT (%S+) (%S+)" do
      assert.is_truthy(name:find("_" .. unit .. "$"), name)
    end
  end)

  it("are all in docs/observability.md, and nothing else is", function()
    local told <const>, families <const> = {}, metrics.scrape(gateway).families
    local text <const> = files.read "docs/observability.md"
    for name, kind, labels in text:gmatch "\n| `([%w_]+)` | (%w+) |([^|]*)|" do
      assert.is_nil(told[name], name .. " is there twice")
      told[name] = { kind = kind, labels = labels }
    end
    for name, kind in pairs(families) do
      assert.is_table(told[name], name .. " is not in the document")
      assert.equal(kind, told[name].kind, name)
    end
    for name in pairs(told) do
      assert.is_string(families[name], name .. " is not there")
    end
  end)

  it("have the labels that docs/observability.md says", function()
    local text <const> = files.read "docs/observability.md"
    for _, sample in ipairs(metrics.scrape(gateway).samples) do
      local name <const> = sample.name:gsub("_bucket$", ""):gsub("_count$", ""):gsub("_sum$", "")
      local told <const> = text:match("\n| `" .. name .. "` | %w+ |([^|]*)|") or ""
      for label in pairs(sample.labels) do
        assert.is_truthy(label == "le" or told:find("%f[%w]" .. label .. "%f[%W]"),
          name .. " has " .. label)
      end
    end
  end)

  -- Each word of a query that begins like a metric is one.
  local function assert_known(query, where)
    local scraped <const> = metrics.scrape(gateway)
    local names <const>, n = {}, 0
    for _, sample in ipairs(scraped.samples) do names[sample.name] = true end
    for name, kind in pairs(scraped.families) do
      names[name] = true
      if kind == "histogram" then names[name .. "_bucket"] = true end
    end
    for name in query:gmatch "%f[%w_][%a][%w_]*%f[^%w_]" do
      if name:find "^moongate_" or name:find "^process_" then
        assert.is_true(names[name], ("%s: there is no %s"):format(where, name))
        n = n + 1
      end
    end
    assert.is_true(n > 0 or query:find "^up" ~= nil, where)
  end

  it("are what the example alerts ask for", function()
    local path <const> = "docs/observability/alerts.yml"
    local code <const>, output <const> = process.run { PROMTOOL, "check", "rules", path }
    assert.equal(0, code, output)
    local text <const>, n = files.read(path), 0
    for name, query in text:gmatch "alert: (%w+)\n%s+expr:(.-)\n%s+[%l]+:[ \n]" do
      assert_known(query:gsub("^[%s|]+", ""), name)
      n = n + 1
    end
    assert.equal(select(2, text:gsub("%- alert: ", "")), n)
  end)

  it("are what the Grafana dashboard asks for", function()
    local dashboard <const> = cjson.decode(files.read "docs/observability/grafana.json")
    assert.is_true(#dashboard.panels > 10)
    for _, panel in ipairs(dashboard.panels) do
      assert.is_true(#panel.targets > 0, panel.title)
      for _, target in ipairs(panel.targets) do assert_known(target.expr, panel.title) end
    end
    for _, annotation in ipairs(dashboard.annotations.list) do
      assert_known(annotation.expr, annotation.name)
    end
  end)
end)


describe("the metrics of", function()
  after_each(process.end_all)

  it("a gateway with a token are for who knows it", function()
    local gateway <const> = gateways.start_with("", { ADMIN_TOKEN = "secret" })
    assert.equal(401, gateway:admin("GET", "/metrics").status)
    local headers <const> = { "authorization: Bearer secret" }
    assert.equal(200, gateway:admin("GET", "/metrics", { headers = headers }).status)
    assert.equal(405, gateway:admin("POST", "/metrics", { headers = headers }).status)
  end)

  local function counting(declaration, more)
    return ([[
local gateway <const> = require "gateway"
local metric <const> = gateway.metric
local seen <const> = %s
gateway.route("GET /seen/:what", function(req)
  seen:inc { what = req.params.what }
  return 200, {}
end)
%s]]):format(declaration, more or "")
  end

  local SEEN <const> = 'metric.counter("seen_total", { help = "Seen", labels = { "what" }, '
    .. "max_series = 3 })"

  it("scripts are shared by workers, and go on across reloads", function()
    local gateway <const> = gateways.start_with(counting(SEEN), { WORKERS = 2 })
    for _ = 1, 10 do gateway:get "/seen/cat" end
    metrics.await(gateway, "seen_total", { what = "cat" }, 10)
    gateway:save("init.lua", counting(SEEN, [[
local size <const> = metric.histogram("size_bytes", { help = "Size", buckets = { 10, 100 } })
local level <const> = metric.gauge("level", { help = "Level" })
gateway.route("GET /size", function()
  size:observe(50)
  level:set(2.5)
  level:add(-1)
  return 200, {}
end)]]))
    assert.equal(200, gateway:admin("POST", "/admin/reload").status)
    for _ = 1, 5 do gateway:get "/seen/cat" end
    gateway:get "/size"
    local scrape <const> = metrics.await(gateway, "seen_total", { what = "cat" }, 15)
    assert.equal(1.5, scrape:value "level")
    assert.equal(0, scrape:value("size_bytes_bucket", { le = "10.0" }))
    assert.equal(1, scrape:value("size_bytes_bucket", { le = "100.0" }))
    assert.equal(50, scrape:value "size_bytes_sum")
    local ok <const>, complaints <const> = check_metrics(scrape.text)
    assert.is_true(ok, complaints)
  end)

  it("scripts are bounded, and the log says so once", function()
    local gateway <const> = gateways.start_with(counting(SEEN))
    for i = 1, 20 do gateway:get("/seen/" .. i) end
    local scrape <const> = metrics.await(gateway, "seen_total", { what = "overflow" }, 17)
    assert.equal(1, scrape:value("seen_total", { what = "1" }))
    local line <const> = gateway:await_log(
      'a metric has too many series: further ones are counted as "overflow"')
    assert.equal("seen_total", line.metric)
    assert.equal(1, #gateway:log(line.message))
  end)

  it("scripts that change what they are do not load", function()
    local gateway <const> = gateways.start_with(counting(SEEN))
    gateway:save("init.lua", counting((SEEN:gsub('"what"', '"who"'))))
    local response <const> = gateway:admin("POST", "/admin/reload")
    assert.equal(422, response.status)
    local problem <const> = response.json.errors[1]
    assert.same({ "init.lua", 3 }, { problem.file, math.tointeger(problem.line) })
    assert.equal("metric 'seen_total': it has had other labels since the gateway started",
      problem.message)
    metrics.await(gateway, "moongate_script_loads_total", { outcome = "failure" }, 1)
    assert.equal(0, metrics.scrape(gateway):value "moongate_script_last_load_successful")
    assert.equal(1, metrics.scrape(gateway):value "moongate_script_disk_differs")
  end)

  it("scripts that err, or spend their budget, are counted", function()
    local gateway <const> = gateways.start_with([[
local gateway <const> = require "gateway"
gateway.route("GET /bug", function() error "a bug" end)
gateway.route("GET /loop", function() while true do end end)
]], { SCRIPT_RUN_SECONDS = 0.05 })
    assert.equal(500, gateway:get("/bug").status)
    assert.equal(500, gateway:get("/loop").status)
    metrics.await(gateway, "moongate_script_errors_total", { route = "GET /bug" }, 1)
    local stops <const>, loop <const> = "moongate_script_stops_total", { route = "GET /loop" }
    local scrape <const> = metrics.await(gateway, stops, { budget = "cpu" }, 1)
    assert.equal(1, scrape:value("moongate_script_errors_total", loop))
    assert.is_true(scrape:value("moongate_script_cpu_seconds_total", loop) > 0.03)
    assert.equal(0, scrape:value(stops, { budget = "memory" }))
  end)

  it("a gateway are scraped by a real Prometheus", function()
    local gateway <const> = gateways.start_with(counting(SEEN), { ADMIN_TOKEN = "secret" })
    gateway:await_log "admin listening"
    gateway:get "/seen/cat"
    gateway.admin_port = math.tointeger(gateway:await_log("admin listening").port)
    local folder <const> = files.folder { ["prometheus.yml"] = ([[
scrape_configs:
  - job_name: moongate
    scrape_interval: 200ms
    scrape_timeout: 200ms
    authorization: { credentials: secret }
    static_configs: [{ targets: ["127.0.0.1:%d"] }]
]]):format(gateway.admin_port) }
    process.start { "sh", "-c", PROMETHEUS:format(folder, folder, folder) }
    local port <const> = poll("a Prometheus that listens", function()
      return tonumber(files.read(folder .. "/log"):match '"Listening on" address=127.0.0.1:(%d+)')
    end)
    local function ask(query)
      local response <const> = http.request(port, "GET", "/api/v1/query?query=" .. query)
      local result <const> = response.json and response.json.data and response.json.data.result
      return result and result[1] and tonumber(result[1].value[2])
    end
    poll("a target that is up", function() return ask "up" == 1 end)
    poll("a count of requests", function()
      return ask 'moongate_http_requests_total%7Broute="GET%20/seen/:what",code="200"%7D' == 1
    end)
    assert.equal(1, ask 'seen_total%7Bwhat="cat"%7D')
    assert.equal(1, ask "moongate_build_info")
  end)
end)
