-- Traces: what a collector is sent of requests, jobs and undos, and what it cannot do to them.
local collectors <const> = require "support.collector"
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"
local socket <const> = require "socket"

-- SpanKind, and the code of an error.
local INTERNAL <const>, SERVER <const>, CLIENT <const>, CONSUMER <const> = 1, 2, 3, 5
local ERROR <const> = 2

local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local slow <const> = gateway.backend("slow", { url = %q, timeout = 20 })
local quick <const> = gateway.backend("quick", { url = %q, retry_budget = 1 })

gateway.route("GET /pages/:id", function(req)
  gateway.log.warn("a page is made", { id = req.params.id })
  local page <const> = gateway.gather {
    one = slow:get("/one/{id}", { id = req.params.id, query = { token = "hunter2" } }),
    two = quick:get "/two",
  }
  return 200, { one = page.one.status, two = page.two.status }
end)

gateway.route("GET /forged", function(req)
  return 200, gateway.call(quick:get("/two", { headers = { [req.query.name] = "00" } })).json
end)

gateway.route("POST /orders/:id", { deadline = 30 }, function(req)
  local saga <close> = gateway.saga("order", req.params.id)
  saga:step(quick:post "/reserve", quick:post "/release")
  gateway.call(slow:post("/price", {}))
  saga:commit()
  return 201
end)

gateway.job("nap", function() gateway.call(quick:get "/in-job") end)
gateway.route("POST /jobs", function() return 202, { id = gateway.enqueue "nap" } end)
gateway.route("GET /health", function() return 200 end)
]]

local CALLER <const> = "0af7651916cd43dd8448eb211c80319c"
local PARENT <const> = "b7ad6b7169203331"

local function traceparent(flags)
  return ("traceparent: 00-%s-%s-%s"):format(CALLER, PARENT, flags)
end

describe("traces", function()
  local collector, slow, quick, gateway

  local function start(settings)
    local given <const> = {
      OTEL_EXPORTER_OTLP_ENDPOINT = collector.url,
      OTEL_BSP_SCHEDULE_DELAY = 20,
    }
    for name, value in pairs(settings or {}) do
      given[name] = value
    end
    gateway = gateways.start_with(SCRIPT:format(slow.url, quick.url), given)
  end

  local function open(settings)
    collector, slow, quick = collectors.start(), rough.start(), rough.start()
    start(settings)
  end

  -- The root of the trace of the request that got this response.
  local function root_of(response)
    local id <const> = response.headers["x-correlation-id"]
    return collector:await { kind = SERVER, ["moongate.correlation_id"] = id }
  end

  -- The span id that a backend was sent.
  local function parent_sent(backend, path)
    local requests <const> = backend:received(path)
    return requests[#requests].traceparent:match "^00%-%x+%-(%x+)%-%x+$"
  end

  describe("of requests", function()
    setup(function()
      open {
        OTEL_SERVICE_NAME = "edge",
        OTEL_RESOURCE_ATTRIBUTES = "deployment.environment.name=spec,team=a%20b",
        OTEL_EXPORTER_OTLP_HEADERS = "api-key=hunter2",
      }
    end)
    teardown(process.end_all)

    it("are trees: the request, its calls, their attempts", function()
      local root <const> = root_of(gateway:get "/pages/7?token=hunter2")
      assert.equal("GET /pages/:id", root.name)
      assert.is_nil(root.parentSpanId)
      assert.equal("/pages/7", root.attributes["url.path"])
      assert.equal("/pages/:id", root.attributes["http.route"])
      assert.equal(200, root.attributes["http.response.status_code"])
      local calls <const> = collector:below(root, { kind = CLIENT })
      assert.equal(2, #calls)
      for _, call in ipairs(calls) do
        local attempts <const> = collector:below(call, { kind = CLIENT })
        assert.equal(1, #attempts)
        assert.equal("GET", attempts[1].name)
        local backend <const> = call.name == "call slow" and slow or quick
        local path <const> = backend == slow and "/one/7?token=hunter2" or "/two"
        assert.equal(parent_sent(backend, path), attempts[1].spanId)
        assert.equal("127.0.0.1", attempts[1].attributes["server.address"])
        assert.equal(backend.port, attempts[1].attributes["server.port"])
        assert.is_true(root.starts <= call.starts and call.starts <= attempts[1].starts)
        assert.is_true(attempts[1].ends <= root.ends)
      end
    end)

    it("have the stretches of scripts, and what they log", function()
      local root <const> = root_of(gateway:get "/pages/8")
      assert.equal(2, #collector:below(root, { name = "script", kind = INTERNAL }))
      assert.equal("log", root.events[1].name)
      assert.equal("a page is made", root.events[1].attributes["moongate.log.message"])
    end)

    it("keep the secrets of queries", function()
      for _, body in ipairs(collector:bodies()) do
        assert.is_nil(body:find("hunter2", 1, true))
      end
    end)

    it("say who sends them, with the headers that are set", function()
      local root <const> = root_of(gateway:get "/pages/9")
      assert.equal("edge", root.resource["service.name"])
      assert.equal("spec", root.resource["deployment.environment.name"])
      assert.equal("a b", root.resource.team)
      assert.equal("hunter2", collector.server:received("/v1/traces")[1].export.api_key)
    end)

    it("have an attempt for each try", function()
      quick:plan({ { status = 503 }, {} }, "/two")
      local root <const> = root_of(gateway:get "/pages/10")
      local call <const> = collector:below(root, { name = "call quick" })[1]
      local attempts <const> = collector:below(call, { kind = CLIENT })
      assert.equal(2, #attempts)
      assert.equal(2, call.attributes["moongate.attempts"])
      assert.is_nil(call.status)
      assert.same({ "503", ERROR },
        { attempts[1].attributes["error.type"], attempts[1].status.code })
      assert.same({ 200, 1 }, { attempts[2].attributes["http.response.status_code"],
        attempts[2].attributes["http.request.resend_count"] })
      assert.equal(parent_sent(quick, "/two"), attempts[2].spanId)
      assert.equal(1, #collector:below(call, { name = "pause" }))
    end)

    it("go on where the caller's ends", function()
      local root <const> =
        root_of(gateway:get("/pages/11", traceparent "01", "tracestate: rojo=1", "TraceState: x=2"))
      assert.same({ CALLER, PARENT, "rojo=1,x=2" },
        { root.traceId, root.parentSpanId, root.traceState })
      assert.equal(0x301, root.flags) -- sampled; the parent is known to be somebody else's
      local sent <const> = slow:received("/one/11?token=hunter2")[1]
      assert.equal("rojo=1,x=2", sent.tracestate)
      assert.is_truthy(sent.traceparent:find("^00%-" .. CALLER .. "%-%x+%-01$"))
    end)

    it("are not sent where the caller does not sample, but go on", function()
      local unsampled <const> = gateway:get("/pages/12", traceparent "00")
      local sent <const> = slow:received("/one/12?token=hunter2")[1]
      assert.is_truthy(sent.traceparent:find("^00%-" .. CALLER .. "%-%x+%-00$"))
      assert.not_equal(PARENT, parent_sent(slow, "/one/12?token=hunter2"))
      root_of(gateway:get "/pages/13")
      assert.same({}, collector:find {
        ["moongate.correlation_id"] = unsampled.headers["x-correlation-id"] })
    end)

    it("tell errors", function()
      slow:plan({ { status = 500 } }, "/one/14?token=hunter2")
      local root <const> = root_of(gateway:get "/pages/14")
      assert.same({ 502, "502", ERROR }, { root.attributes["http.response.status_code"],
        root.attributes["error.type"], root.status.code })
      local lost <const> = root_of(gateway:get "/nowhere/15")
      assert.same({ "GET", "GET", 404 }, { lost.name, lost.attributes["http.request.method"],
        lost.attributes["http.response.status_code"] })
      assert.is_nil(lost.status)
    end)

    it("are not of those who ask whether it is alive", function()
      local health <const> = gateway:get "/health"
      root_of(gateway:get "/pages/16")
      assert.same({}, collector:find {
        ["moongate.correlation_id"] = health.headers["x-correlation-id"] })
    end)

    it("are not for scripts to write", function()
      for _, name in ipairs { "traceparent", "TraceState" } do
        assert.equal(500, gateway:get("/forged?name=" .. name).status)
        local reason <const> = ("headers: '%s' cannot be set"):format(name)
        poll("an error in the log", function()
          for _, line in ipairs(gateway:log()) do
            if line.level == "error" and line.message:find(reason, 1, true) then return true end
          end
        end)
      end
    end)

    it("are OTLP as OpenTelemetry's own classes read it", function()
      assert.matches("^%d+ requests, 0 with faults\n$", collector:complaints())
    end)
  end)

  describe("of work without a request", function()
    after_each(process.end_all)

    it("are of jobs", function()
      open()
      local id <const> = gateway:post("/jobs").json.id
      local root <const> = collector:await { name = "job nap" }
      assert.same({ CONSUMER, "nap", id },
        { root.kind, root.attributes["moongate.job.kind"], root.attributes["moongate.job.id"] })
      local call <const> = collector:below(root, { name = "call quick" })[1]
      assert.equal(parent_sent(quick, "/in-job"), collector:below(call)[1].spanId)
    end)

    it("are of steps and undos, in the trace of their request", function()
      open()
      slow:plan({ { status = 500 } }, "/price")
      local root <const> = root_of(gateway:post "/orders/1")
      local step <const> = collector:below(root, { name = "saga_step" })[1]
      local call <const> = collector:below(step, { name = "call quick" })[1]
      assert.equal(parent_sent(quick, "/reserve"), collector:below(call)[1].spanId)
      assert.same({ "order", "1" },
        { step.attributes["moongate.saga.kind"], step.attributes["moongate.saga.id"] })
      local undo <const> = collector:below(root, { name = "undo quick" })[1]
      local attempt <const> = collector:below(undo)[1]
      assert.equal(parent_sent(quick, "/release"), attempt.spanId)
      assert.equal("POST", attempt.name)
    end)

    it("are of undos after a crash, with the id of the order and of its request", function()
      local data <const> = files.folder()
      open { DATA_DIR = data }
      slow:plan({ { fault = "hang" } }, "/price")
      gateway:begin("POST", "/orders/2", { headers = { "X-Correlation-ID: the-order" } })
      slow:await_received(1)
      gateway.process:kill()
      start { DATA_DIR = data }
      local root <const> = collector:await { name = "undo saga order" }
      assert.same({ "2", "the-order" }, { root.attributes["moongate.saga.id"],
        root.attributes["moongate.correlation_id"] })
      local undo <const> = collector:below(root, { name = "undo quick" })[1]
      assert.equal(parent_sent(quick, "/release"), collector:below(undo)[1].spanId)
    end)
  end)

  describe("that are not wanted", function()
    after_each(process.end_all)

    local function check_none(settings, flags)
      open(settings)
      assert.equal(200, gateway:get("/pages/1").status)
      assert.equal(flags, slow:received()[1].traceparent:match "%-(%x%x)$")
      assert.equal(0, gateway:stop())
      assert.same({}, collector:bodies())
    end

    it("are not sampled, but have ids", function()
      check_none({ OTEL_TRACES_SAMPLER = "always_off" }, "02")
    end)

    it("nor by a ratio of none", function()
      check_none({ OTEL_TRACES_SAMPLER = "traceidratio", OTEL_TRACES_SAMPLER_ARG = "0" }, "02")
    end)

    it("nor where OpenTelemetry is switched off", function()
      check_none({ OTEL_SDK_DISABLED = "true" }, "02")
    end)

    it("are sampled, but not exported, without an exporter", function()
      check_none({ OTEL_TRACES_EXPORTER = "none" }, "03")
    end)
  end)

  describe("and a collector", function()
    after_each(process.end_all)

    local function ask(n)
      for i = 1, n do
        local began <const> = socket.gettime()
        assert.equal(200, gateway:get("/pages/" .. i).status)
        assert.is_true(socket.gettime() - began < 2)
      end
    end

    it("that is away costs traces, and nothing else", function()
      open {
        OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_TIMEOUT = 300,
      }
      ask(5)
      local line <const> = gateway:await_log "traces are dropped"
      assert.same({ "warn", "Connection refused" }, { line.level, line.reason })
      assert.is_true(line.spans > 0)
      local metrics <const> = gateway:admin("GET", "/metrics").body
      local dropped <const> = metrics:match 'moongate_trace_spans_total{outcome="dropped"} (%d+)'
      assert.is_true(tonumber(dropped) >= line.spans)
      assert.equal(0, gateway:stop())
    end)

    it("that breaks off has refused nothing", function()
      open { OTEL_EXPORTER_OTLP_TIMEOUT = 300 }
      collector.server:plan({ { fault = "cut" } }, "/v1/traces")
      ask(1)
      local line <const> = gateway:await_log "traces are dropped"
      assert.equal("the connection ended within the response", line.reason)
      assert.is_nil(line.status)
    end)

    it("that hangs fills the queue, and nothing else", function()
      open { OTEL_BSP_MAX_QUEUE_SIZE = 20, OTEL_EXPORTER_OTLP_TIMEOUT = 600 }
      collector.server:plan({ { fault = "hang" } }, "/v1/traces")
      ask(1)
      poll("a batch under way", function() return #collector:bodies() > 0 end)
      ask(20)
      local line <const> = gateway:await_log "traces are dropped"
      assert.is_true(line.spans > 20)
      local began <const> = socket.gettime()
      assert.equal(0, gateway:stop())
      assert.is_true(socket.gettime() - began < 6)
    end)

    it("that is busy is asked again", function()
      open()
      collector.server:plan({ { status = 503, headers = { ["Retry-After"] = 0 } }, {} },
        "/v1/traces")
      ask(1)
      poll("another try", function() return #collector:bodies() == 2 end)
      local bodies <const> = collector:bodies()
      assert.equal(bodies[1], bodies[2])
    end)

    it("has at the end what was still waiting", function()
      open { OTEL_BSP_SCHEDULE_DELAY = 600000 }
      ask(3)
      assert.same({}, collector:bodies())
      assert.equal(0, gateway:stop())
      assert.equal(3, #collector:find { kind = SERVER })
    end)
  end)

  it("with a bad setting stop the start", function()
    local code <const>, _ <const>, errors <const> = process.run({ gateways.binary, "serve" }, {
      OTEL_EXPORTER_OTLP_HEADERS = "api-key hunter2",
    })
    assert.equal(2, code)
    assert.equal("moongate: OTEL_EXPORTER_OTLP_HEADERS: its value is not key=value, comma "
      .. "separated and percent-encoded\n", errors)
    process.end_all()
  end)
end)
