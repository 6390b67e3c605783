local files <const> = require "support.files"
local http <const> = require "support.http"
local load <const> = require "load"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local readme <const> = require "readme"
local socket <const> = require "socket"
local stack <const> = require "stack"

local GATEWAY <const> = stack.ports["api-gateway"]
local PRODUCT <const> = "/api/v1/products/TEST-001"


describe("docker-compose.yml", function()
  local seconds

  setup(function()
    stack.down()
    seconds = stack.up { CIRCUIT_BREAKER_TIMEOUT = 1, DRAIN_SECONDS = 0 }
  end)
  teardown(process.end_all)

  local function ask(method, path, options)
    return http.request(GATEWAY, method, path, options or {})
  end

  it("brings all three services up, and well, within a minute", function()
    assert.is_true(seconds < 60, seconds)
    for _, service in ipairs(stack.services) do
      assert.equal("healthy", stack.inspect(service, "{{.State.Health.Status}}"))
    end
  end)

  it("gives them no more than they need", function()
    local format <const> = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}"
      .. " {{.HostConfig.Privileged}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}"
      .. " {{.HostConfig.RestartPolicy.Name}}"
    for _, service in ipairs(stack.services) do
      assert.equal("10001:10001 true false [ALL] [no-new-privileges:true] unless-stopped",
        stack.inspect(service, format))
      assert.is_true(tonumber(stack.inspect(service, "{{.HostConfig.Memory}}")) > 0)
      assert.is_true(tonumber(stack.inspect(service, "{{.HostConfig.NanoCpus}}")) > 0)
    end
  end)

  it("does what README.md says", function()
    local said <const> = readme.run("## Try it", stack.ports)
    local function answer(i) return said[i].json end
    assert.equal(10, #said)
    assert.same({ "TEST-001", 19.99 }, { answer(1).id, answer(1).price })
    assert.equal("CONFIRMED", answer(2).status)
    assert.equal("healthy", answer(3).status)
    assert.is_string(answer(5).pricing_error)
    assert.is_truthy(said[6].output:find("502 Bad Gateway", 1, true), said[6].output)
    assert.is_truthy(said[6].output:find('"undone":[{', 1, true), said[6].output)
    assert.equal(1, #answer(7).reservations)
    assert.equal(answer(2).orderId, answer(7).reservations[1].orderId)
    assert.equal("open", answer(9).backends.pricing.breaker)
    poll("pricing's breaker to close", function()
      return ask("GET", PRODUCT).json.price
        and ask("GET", "/health/backends").json.backends.pricing.breaker == "closed"
    end)
  end)

  it("answers each route of the gateway", function()
    local function post(path, json) return ask("POST", path, { json = json }) end

    local report <const> = post("/api/v1/reports/generate",
      { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" })
    assert.equal(202, report.status)
    local order <const> =
      post("/api/v1/orders", { items = { { productId = "TEST-002", quantity = 1 } } })
    assert.equal(201, order.status)
    for _, path in ipairs {
      "/", "/health", "/ready", "/health/backends", "/api/v1/products?page=2&size=5", PRODUCT,
      "/api/v1/orders/" .. order.json.orderId, "/api/v1/reports",
      "/api/v1/reports/status/" .. report.json.jobId,
    } do
      assert.equal(200, ask("GET", path).status, path)
    end
    assert.equal(404, ask("GET", "/api/v1/products/NOPE").status)
    local results <const> =
      post("/api/v1/products/bulk-check", { productIds = { "TEST-002", "NOPE" } }).json.results
    assert.equal("TEST-002", results[1].id)
    assert.is_string(results[2].error)
    poll("the report", function()
      return ask("GET", report.headers.location).json.status == "done"
    end)
    local made <const> = "/api/v1/reports/" .. report.json.jobId
    assert.equal(200, ask("GET", made).status)
    local csv <const> = ask("GET", made, { headers = { "Accept: text/csv" } })
    assert.is_truthy(csv.headers["content-type"]:find("text/csv", 1, true))
  end)

  it("has the correlation id in the log of all three, each line of it JSON", function()
    local id <const> = "compose-" .. GATEWAY
    assert.equal(200, ask("GET", PRODUCT, { headers = { "X-Correlation-ID: " .. id } }).status)
    for _, service in ipairs(stack.services) do
      poll("the id in the log of " .. service, function()
        for _, line in ipairs(stack.log(service)) do
          if line.message == "request" and line.correlation_id == id then return true end
        end
      end)
    end
  end)

  -- As editors do: into the file itself, or into another one that then takes its name.
  local save <const> = {
    [0] = files.write,
    function(path, text)
      files.write(path .. "~", text)
      assert(os.rename(path .. "~", path))
    end,
  }

  it("serves a script that is saved within two seconds, and no request fails", function()
    local home <const> = stack.scripts .. "/routes/home.lua"
    local before <const> = files.read(home)
    local clients <const> = load.start(4, GATEWAY, "GET", PRODUCT)
    clients:await("an answer", function() return true end)
    local took <const> = {}
    for i = 1, 5 do
      local saved <const> = socket.gettime()
      save[i % 2](home, before
        .. ("\ngateway.route('GET /edited', function() return 200, { edit = %d } end)\n"):format(i))
      poll("an edit that is live", function()
        local response <const> = ask("GET", "/edited")
        return response.status == 200 and response.json.edit == i
      end)
      took[i] = socket.gettime() - saved
    end
    table.sort(took)
    assert.is_true(took[3] < 2, took[3]) -- of five; one may meet a machine that is busy with others
    files.write(home, before)
    local answers <const> = clients:stop()
    assert.is_true(#answers > 50, #answers)
    for _, answer in ipairs(answers) do
      assert.equal(200, answer.status, answer.failure or answer.body)
    end
  end)

  it("keeps the admin port to the container", function()
    assert.equal("", stack.try("docker port " .. stack.id "api-gateway" .. " 8900"):match "^%d*")
    local said <const> = stack.compose "exec -T api-gateway moongate generations"
    assert.is_truthy(said:find("live", 1, true), said)
  end)

  it("leaves nothing when it is down", function()
    stack.down()
    local own <const> = "--filter label=com.docker.compose.project=" .. stack.project
    assert.equal("", stack.run("docker ps -aq %s", own))
    assert.equal("", stack.run("docker network ls -q %s", own))
    assert.equal("", stack.run("docker volume ls -q %s", own))
  end)
end)
