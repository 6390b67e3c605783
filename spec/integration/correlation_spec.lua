local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local UUID_V7 <const> = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-7%x%x%x%-[89ab]%x%x%x%-"
  .. ("%x"):rep(12) .. "$"


describe("correlation", function()
  local demo, gateway

  setup(function()
    demo = shop.open()
    gateway = demo.gateway
  end)
  before_each(function() demo:repair() end)
  teardown(process.end_all)

  describe("ids", function()
    local function id_of(response)
      return response.headers["x-correlation-id"]
    end

    local function id_for(...)
      return id_of(gateway:get("/", ...))
    end

    it("are taken from the caller", function()
      for _, id in ipairs { "a", "Az09._-", ("x"):rep(128) } do
        assert.equal(id, id_for("X-Correlation-ID: " .. id))
      end
      assert.equal("small-letters", id_for "x-correlation-id: small-letters")
    end)

    it("are made where there is none", function()
      local one, other = id_for(), id_for()
      assert.is_truthy(one:find(UUID_V7), one)
      assert.not_equal(one, other)
    end)

    it("are made where the caller's is malformed", function()
      for _, id in ipairs { "", "with space", "semi;colon", "quote\"", "slash/", "\xc3\xa9",
        ("x"):rep(129) } do
        assert.is_truthy(id_for("X-Correlation-ID: " .. id):find(UUID_V7), id)
      end
      assert.is_truthy(id_for("X-Correlation-ID: a", "X-Correlation-ID: b"):find(UUID_V7))
    end)

    it("are on every response, errors too, and in the problem that is told", function()
      demo:break_down("inventory", { status = 500 })
      local json = "Content-Type: application/json"
      for _, case in ipairs {
        { 404, "GET", "/nope" },
        { 405, "DELETE", "/" },
        { 400, "GET", "/%00" },
        { 400, "POST", "/api/v1/orders", "{", json },
        { 415, "POST", "/api/v1/orders", "{}" },
        { 422, "POST", "/api/v1/orders", "{}", json },
        { 413, "POST", "/api/v1/orders", ("x"):rep(1024 * 1024 + 1), json },
        { 502, "GET", "/api/v1/products" },
      } do
        local response = gateway:request(case[2], case[3],
          { body = case[4], headers = { "X-Correlation-ID: c-1", case[5] } })
        assert.equal(case[1], response.status)
        assert.equal("c-1", id_of(response), case[3])
        assert.equal("c-1", response.json.correlation_id)
      end
      local options = gateway:request("OPTIONS", "/", { headers = { "X-Correlation-ID: c-2" } })
      assert.equal("c-2", id_of(options))
    end)

    it("are made where the request is not understood", function()
      local response = gateway:connect():send("GET\r\n\r\n"):finish()
      assert.equal(400, response.status)
      assert.is_truthy(id_of(response):find(UUID_V7))
    end)

    it("are on every backend call", function()
      local response = gateway:get("/api/v1/products/TEST-001", "X-Correlation-ID: call-1")
      for _, name in ipairs { "inventory", "pricing" } do
        local asked = demo:asked(name, response)
        assert.equal(1, #asked)
        assert.equal("call-1", asked[1].correlation_id)
      end
    end)

    it("are on the calls that undo an order", function()
      local response = gateway:post("/api/v1/orders", { items = {
        { productId = "TEST-001", quantity = 1 },
        { productId = "NOPE", quantity = 1 },
      } })
      local paths = {}
      for i, request in ipairs(demo:asked("inventory", response)) do
        paths[i] = request.path
      end
      local reserve, release = "/api/v1/stock/reserve", "/api/v1/stock/release"
      assert.same({ reserve, reserve, release }, paths)
      local line = gateway:await_log("a saga is undone",
        function(found) return found.correlation_id == id_of(response) end)
      assert.equal("POST /api/v1/orders", line.route)
    end)

    it("are on the calls of a job", function()
      local response = gateway:post("/api/v1/reports/generate",
        { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" })
      assert.equal(202, response.status)
      poll("the job's call", function() return #demo:asked("inventory", response) == 1 end)
    end)
  end)


  describe("log lines", function()
    it("are JSON and say what a request was", function()
      local response = gateway:get("/api/v1/products/TEST-001?verbose=1")
      local line = gateway:log_of(response)
      assert.is_truthy(line.time:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", line.time)
      assert.same({ "info", "request" }, { line.level, line.message })
      assert.same({ "GET", "/api/v1/products/TEST-001", "GET /api/v1/products/:id" },
        { line.method, line.path, line.route })
      assert.same({ 200, "127.0.0.1" }, { line.status, line.client })
      assert.equal(#response.body, line.bytes)
      assert.is_true(line.duration_ms > 0)
    end)

    it("say what a request asked of the backends", function()
      demo:break_down("pricing", { status = 503 })
      local line = gateway:log_of(gateway:get("/api/v1/products/TEST-001"))
      assert.equal(2, #line.calls)
      table.sort(line.calls, function(a, b) return a.backend < b.backend end)
      local inventory, pricing = line.calls[1], line.calls[2]
      assert.same({ "inventory", 1, 200 },
        { inventory.backend, inventory.attempts, inventory.status })
      assert.is_nil(inventory.failure)
      assert.is_true(inventory.duration_ms > 0 and inventory.duration_ms <= line.duration_ms)
      assert.same({ "pricing", 3, 503, "status" },
        { pricing.backend, pricing.attempts, pricing.status, pricing.failure })
    end)

    it("have a line for what no route answers, and for what is no request", function()
      local line = gateway:log_of(gateway:get("/nope"))
      assert.same({ 404, "/nope" }, { line.status, line.path })
      assert.is_nil(line.route)
      line = gateway:log_of(gateway:connect():send("GET / HTTP/9.9\r\n\r\n"):finish())
      assert.equal(505, line.status)
    end)

    it("keep control characters and quotes inside its strings", function()
      local line = gateway:log_of(gateway:get("/%22%0A%01\\\"{}"))
      assert.equal(400, line.status)
    end)

    it("have one line per request", function()
      local response = gateway:get("/")
      gateway:log_of(gateway:get("/"))
      local count = 0
      for _, line in ipairs(gateway:log("request")) do
        if line.correlation_id == response.headers["x-correlation-id"] then count = count + 1 end
      end
      assert.equal(1, count)
    end)
  end)
end)
