local collectors <const> = require "support.collector"
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local socket <const> = require "socket"

local HOME <const> = [[
local gateway <const> = require "gateway"
gateway.route("GET /", function() return 200 end)
]]


local function run(arguments, environment)
  return process.run({ gateways.binary, table.unpack(arguments) }, environment)
end


-- Exactly one line, as operators find in their service manager.
local function assert_one_line(text)
  assert.is_truthy(text:find "^[^\n]+\n$", text)
end


describe("moongate", function()
  teardown(process.end_all)

  it("says its version", function()
    for _, command in ipairs { "version", "--version" } do
      local code, out = run { command }
      assert.equal(0, code)
      assert.is_truthy(out:find "^moongate %S+\n$", out)
    end
  end)

  it("explains itself", function()
    local code, out = run { "help" }
    assert.equal(0, code)
    for _, word in ipairs { "serve", "check", "routes", "test", "demo", "version",
      "SCRIPTS_DIR" } do
      assert.is_truthy(out:find(word, 1, true), word)
    end
  end)

  it("writes its log nowhere else where standard output is closed", function()
    local scripts <const> = files.folder { ["init.lua"] = HOME }
    local started <const> = process.start { "sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh",
      gateways.binary, "serve", "--scripts-dir", scripts, "--host", "127.0.0.1", "--port", 0,
      "--admin-port", 0 }
    for stream = 0, 2 do
      poll("a standard stream", function()
        local pipe <const> = io.popen(("readlink /proc/%d/fd/%d"):format(started.pid, stream))
        local target <const> = pipe:read "a"
        pipe:close()
        return target == "/dev/null\n"
      end)
    end
    started:kill()
  end)

  it("refuses a command that is none", function()
    local code, out, err = run { "sevre" }
    assert.same({ 2, "" }, { code, out })
    assert_one_line(err)
    assert.is_truthy(err:find("sevre", 1, true))
    code, out = run {}
    assert.same({ 2, "" }, { code, out })
  end)


  describe("serve", function()
    it("stops at a bad setting, and names it", function()
      for name, value in pairs {
        PORT = "80O0",
        WORKERS = "-1",
        LOG_LEVEL = "loud",
        GATEWAY_ENV = "prod",
        DRAIN_SECONDS = "soon",
        SERVICE_TIMEOUT = "0",
        CIRCUIT_BREAKER_THRESHOLD = "0",
        CIRCUIT_BREAKER_TIMEOUT = "1e9",
        INVENTORY_SERVICE_URL = "inventory:8001",
        PRICING_SERVICE_URL = "ftp://pricing",
        MAX_BODY_BYTES = "1 MiB",
      } do
        local code, out, err = run({ "serve" }, { [name] = value })
        assert.same({ 2, "" }, { code, out }, name)
        assert_one_line(err)
        assert.is_truthy(err:find(('%s: "%s"'):format(name, value), 1, true), err)
      end
    end)

    it("stops at a bad flag, and names it", function()
      for _, arguments in ipairs {
        { "--port=65536" },
        { "--port", "x" },
        { "--prot", "1" },
        { "--port" },
        { "port" },
      } do
        local code, out, err = run { "serve", table.unpack(arguments) }
        assert.same({ 2, "" }, { code, out })
        assert_one_line(err)
        assert.is_truthy(err:lower():find(arguments[1]:match "%a+", 1, true), err)
      end
    end)

    it("lets flags override the environment", function()
      local gateway = gateways.start_with(HOME, { WORKERS = 1 })
      local other = process.start({ gateways.binary, "serve", "--port=0", "--workers", "2" },
        { PORT = gateway.port, ADMIN_PORT = 0, WORKERS = 1, HOST = "127.0.0.1", DRAIN_SECONDS = 0 })
      local line = poll("the line that it listens", function()
        return other:output():match "[^\n]*listening[^\n]*\n"
      end)
      assert.is_truthy(line:find('"workers":2', 1, true))
    end)

    it("stops if its port is taken by another program", function()
      local other = assert(socket.bind("127.0.0.1", 0))
      local _, port = other:getsockname()
      local code, out, err = run({ "serve", "--port", port, "--host", "127.0.0.1" })
      other:close()
      assert.same({ 1, "" }, { code, out })
      assert_one_line(err)
      assert.is_truthy(err:find(port, 1, true), err)
    end)

    it("stops if its port is taken by another gateway", function()
      local gateway = gateways.start_with(HOME)
      local code, out, err = run({ "serve", "--port", gateway.port, "--host", "127.0.0.1" })
      assert.same({ 1, "" }, { code, out })
      assert_one_line(err)
    end)

    it("stops if its host is not there", function()
      local code, _, err = run { "serve", "--port", "0", "--host", "no.such.host.invalid" }
      assert.equal(1, code)
      assert_one_line(err)
      assert.is_truthy(err:find("no.such.host.invalid", 1, true), err)
    end)

    it("stops if the scripts are broken, and says where", function()
      local folder = files.folder { ["init.lua"] = "local x = 1\nlocal = 2\n" }
      local code, out, err = run { "serve", "--port", "0", "--scripts-dir", folder }
      assert.same({ 1, "" }, { code, out })
      assert_one_line(err)
      assert.is_truthy(err:find("init.lua:2:", 1, true), err)
    end)

    it("stops if there are no scripts", function()
      local code, _, err = run { "serve", "--port", "0", "--scripts-dir", "/nowhere" }
      assert.equal(1, code)
      assert_one_line(err)
      assert.is_truthy(err:find("/nowhere", 1, true), err)
    end)

    it("does without its backends", function()
      local gateway = gateways.start {
        INVENTORY_SERVICE_URL = "http://no.such.host.invalid",
        PRICING_SERVICE_URL = "http://127.0.0.1:1",
      }
      assert.equal(200, gateway:get("/ready").status)
      local backends = gateway:get("/health/backends").json.backends
      assert.equal("inventory cannot be found", backends.inventory.error)
      assert.equal("pricing cannot be reached", backends.pricing.error)
    end)
  end)


  describe("check", function()
    local function check(scripts)
      return run { "check", "--scripts-dir", files.folder(scripts) }
    end

    it("finds nothing wrong with our scripts", function()
      for _, folder in ipairs { "scripts", "scripts/demo/inventory", "scripts/demo/pricing" } do
        local code, out, err = run { "check", "--scripts-dir", folder }
        assert.same({ 0, "" }, { code, err })
        assert.is_truthy(out:find("nothing wrong", 1, true))
      end
    end)

    it("says in which file and line something is", function()
      for place, scripts in pairs {
        ["init.lua:1:"] = { ["init.lua"] = "x = 1" },
        ["init.lua:2:"] = { ["init.lua"] = "\nprint(undefined)" },
        ["other.lua:3:"] = { ["init.lua"] = 'require "other"', ["other.lua"] = "\n\nerror 'no'" },
        ["init.lua:3:"] = {
          ["init.lua"] = HOME .. 'gateway.route("GET /", function() end)',
        },
      } do
        local code, out, err = check(scripts)
        assert.same({ 1, "" }, { code, out })
        assert.is_truthy(err:find(place, 1, true), err)
      end
    end)

    it("misses what init.lua requires", function()
      local code, _, err = check { ["init.lua"] = 'require "missing"' }
      assert.equal(1, code)
      assert.is_truthy(err:find("init.lua:1:9: module 'missing' not found", 1, true), err)
      code, _, err = check { ["other.lua"] = "" }
      assert.equal(1, code)
      assert.is_truthy(err:find("init", 1, true), err)
    end)
  end)


  it("routes lists them, with deadline and place", function()
    local code, out, err = run { "routes", "--scripts-dir", "scripts" }
    assert.same({ 0, "" }, { code, err })
    for _, label in ipairs {
      "GET /",
      "GET /health",
      "GET /ready",
      "GET /health/backends",
      "GET /api/v1/products",
      "GET /api/v1/products/:id",
      "POST /api/v1/products/bulk-check",
      "POST /api/v1/orders",
      "POST /api/v1/reports/generate",
      "GET /api/v1/reports/status/:jobId",
      "GET /api/v1/reports/:jobId",
    } do
      assert.is_truthy(("\n" .. out):find("\n" .. label .. " ", 1, true), label)
    end
    assert.is_truthy(out:find "GET /api/v1/products/:id +5.0 s +routes/products%.lua:%d+\n", out)
  end)


  describe("demo", function()
    -- Ports that are free: nothing else takes them in the moment until they are used.
    local function free_ports(n)
      local bound, ports = {}, {}
      for i = 1, n do
        bound[i] = assert(socket.bind("127.0.0.1", 0))
        ports[i] = select(2, bound[i]:getsockname())
      end
      for _, one in ipairs(bound) do
        one:close()
      end
      return table.unpack(ports)
    end

    local function start(environment)
      local port, inventory, pricing = free_ports(3)
      local demo = process.start({ gateways.binary, "demo", "--port", port, "--host", "127.0.0.1",
        "--admin-port", "0", "--inventory-port=" .. inventory, "--pricing-port", pricing },
        environment)
      for _, one in ipairs { port, inventory, pricing } do
        poll("an open port", function()
          local connection = http.connect(one)
          if connection then connection:close() end
          return connection
        end)
      end
      return demo, port
    end

    local function children_of(demo)
      local children = {}
      local path = ("/proc/%s/task/%s/children"):format(demo.pid, demo.pid)
      for pid in files.read(path):gmatch "%d+" do
        children[#children + 1] = pid
      end
      return children
    end

    local function await_end_of(pids)
      for _, pid in ipairs(pids) do
        poll("the end of " .. pid, function() return not process.exists(pid) end)
      end
    end

    it("runs three processes, and shows what to try", function()
      local demo, port = start()
      local children = children_of(demo)
      assert.equal(3, #children)
      local product = http.request(port, "GET", "/api/v1/products/TEST-001")
      assert.equal(200, product.status)
      assert.equal(19.99, product.json.price)
      local order = http.request(port, "POST", "/api/v1/orders", { json = {
        items = { { productId = "TEST-001", quantity = 2 } }, discountCodes = { "SUMMER20" } } })
      assert.equal(201, order.status)
      assert.equal(3, select(2, demo:output():gsub("\n  curl ", "")))
      assert.is_truthy(demo:output():find(":" .. port, 1, true))
      demo:signal "TERM"
      assert.equal(0, demo:wait())
      await_end_of(children)
    end)

    it("makes one trace of a request, through three services", function()
      local collector = collectors.start()
      local demo, port = start { OTEL_EXPORTER_OTLP_ENDPOINT = collector.url,
        OTEL_BSP_SCHEDULE_DELAY = 20 }
      assert.equal(200, http.request(port, "GET", "/api/v1/products/TEST-001").status)
      -- The server span of a service, and the attempt of the gateway's that it is below.
      local function await_span(name)
        return poll("a span of " .. name, function()
          for _, span in ipairs(collector:find { kind = 2 }) do
            if span.resource["service.name"] == name then return span end
          end
        end)
      end
      local root = await_span "moongate"
      assert.equal("GET /api/v1/products/:id", root.name)
      for _, name in ipairs { "inventory", "pricing" } do
        local span = await_span(name)
        assert.equal(root.traceId, span.traceId)
        local attempt = collector:await { spanId = span.parentSpanId }
        assert.same({ 3, name }, { attempt.kind, attempt.attributes["moongate.backend"] })
      end
      demo:signal "TERM"
      assert.equal(0, demo:wait())
    end)

    it("has one journal, the gateway's", function()
      local demo, port = start { DATA_DIR = files.folder() }
      assert.equal(200, http.request(port, "GET", "/ready").status)
      assert.is_nil(demo:output():find("DATA_DIR", 1, true))
      demo:signal "TERM"
      assert.equal(0, demo:wait())
    end)

    it("leaves nothing running when it is killed", function()
      local demo = start()
      local children = children_of(demo)
      assert.equal(3, #children)
      demo:kill()
      await_end_of(children)
    end)

    it("ends when one of the three does", function()
      local demo = start()
      local children = children_of(demo)
      os.execute("kill -KILL " .. children[1])
      demo:expect(1)
      assert.equal(1, demo:wait())
      await_end_of(children)
    end)

    for _, flags in ipairs {
      "--inventory-port x", "--port 8001", "--pricing-port 70000", "--bogus 1", "--workers abc",
    } do
      it("refuses " .. flags .. " before anything starts", function()
        local arguments = { "demo" }
        for word in flags:gmatch "%S+" do
          arguments[#arguments + 1] = word
        end
        local code, out, err = run(arguments)
        assert.equal(2, code)
        assert.equal("", out)
        assert_one_line(err)
      end)
    end
  end)
end)
