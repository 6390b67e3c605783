local gateways <const> = require "support.gateway"
local http <const> = require "support.http"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local SCRIPTS <const> = [[
local gateway <const> = require "gateway"

gateway.route("GET /", function() return 200, "home" end)

gateway.route("GET /slow", { deadline = 120 }, function(req)
  gateway.log.info("begun", { n = req.query.n })
  gateway.sleep(tonumber(req.query.seconds))
  return 200, "slept"
end)
]]


describe("shutting down", function()
  teardown(process.end_all)

  -- A gateway with a request in work that takes so many seconds, and the request's connection.
  local function start_busy(seconds, settings)
    local gateway = gateways.start_with(SCRIPTS, settings)
    local connection = gateway:begin("GET", "/slow?seconds=" .. seconds)
    gateway:await_log "begun"
    return gateway, connection
  end

  local function has_ended(gateway)
    assert.equal(0, gateway.process:wait())
    assert.equal("", gateway.process:errors())
    assert.is_nil(http.connect(gateway.port))
  end

  it("says so at once, and still accepts for a while", function()
    local gateway = gateways.start_with(SCRIPTS, { DRAIN_SECONDS = 2, WORKERS = 2 })
    assert.equal(200, gateway:get("/ready").status)
    gateway.process:signal "TERM"
    gateway:await_log "shutting down"
    local response = gateway:get("/ready")
    assert.equal(503, response.status)
    assert.same({ status = "not ready", reason = "shutting down" }, response.json)
    assert.equal("close", response.headers.connection) -- come back by a new one
    assert.equal(200, gateway:get("/").status)
    assert.equal(200, gateway:get("/health").status)
    has_ended(gateway)
  end)

  it("finishes what is in work, and accepts nothing more", function()
    local gateway, busy = start_busy(1)
    local idle = gateway:connect()
    assert.equal(200, idle:request("GET", "/").status)
    gateway.process:signal "TERM"
    assert.is_true(idle:is_closed())
    assert.is_nil(http.connect(gateway.port))
    local response = busy:receive()
    assert.same({ 200, "slept", "close" },
      { response.status, response.body, response.headers.connection })
    assert.is_true(busy:is_closed())
    has_ended(gateway)
  end)

  it("finishes a request that is not all there yet", function()
    local gateway = gateways.start_with(SCRIPTS)
    local connection = gateway:connect():send "GET / HTTP/1.1\r\n"
    assert.equal(200, gateway:get("/").status)
    gateway.process:signal "TERM"
    gateway:await_log "shutting down"
    connection:send "Host: x\r\n\r\n"
    assert.equal("home", connection:receive().body)
    has_ended(gateway)
  end)

  it("cancels what takes longer than SERVICE_TIMEOUT", function()
    local gateway, busy = start_busy(60, { SERVICE_TIMEOUT = 1 })
    gateway.process:signal "TERM"
    local response = busy:finish()
    assert.equal(503, response.status)
    has_ended(gateway)
  end)

  it("does not wait for a body without end", function()
    local gateway = gateways.start_with({ ["init.lua"] = SCRIPTS .. [[
      gateway.route("POST /", function() return 200 end)
    ]] }, { SERVICE_TIMEOUT = 1 })
    local connection = gateway:connect()
    connection:send "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"
    assert.equal(200, gateway:get("/").status)
    gateway.process:signal "TERM"
    assert.equal(503, connection:finish().status)
    has_ended(gateway)
  end)

  it("is over at once when asked twice", function()
    local gateway = gateways.start_with(SCRIPTS, { DRAIN_SECONDS = 3600 })
    gateway.process:signal "TERM"
    gateway:await_log "shutting down"
    gateway.process:signal "TERM"
    has_ended(gateway)
  end)

  it("is asked for by SIGINT, too", function()
    local gateway = gateways.start_with(SCRIPTS)
    gateway.process:signal "INT"
    has_ended(gateway)
  end)

  it("does not mind clients that hang on", function()
    local gateway = gateways.start_with(SCRIPTS, { WORKERS = 2 })
    local connections = {}
    for i = 1, 50 do
      connections[i] = gateway:connect()
      assert.equal(200, connections[i]:request("GET", "/").status)
    end
    gateway.process:signal "TERM"
    has_ended(gateway)
    for _, connection in ipairs(connections) do
      assert.is_true(connection:is_closed())
      connection:close()
    end
  end)


  describe("in the middle of an order", function()
    local demo

    before_each(function() demo = shop.open { SERVICE_TIMEOUT = 2 } end)

    local function place()
      return demo.gateway:begin("POST", "/api/v1/orders",
        { json = { items = { { productId = "TEST-001", quantity = 1 } } } })
    end

    it("confirms it", function()
      demo:break_down("pricing", { latency_ms = 500 })
      local connection = place()
      demo:await_reservations(1)
      demo.gateway.process:signal "TERM"
      local response = connection:finish()
      assert.equal(201, response.status)
      has_ended(demo.gateway)
      assert.equal(1, #demo:reservations())
    end)

    it("or undoes it", function()
      demo:break_down("pricing", { latency_ms = 60000 })
      local connection = place()
      demo:await_reservations(1)
      demo.gateway.process:signal "TERM"
      local response = connection:finish()
      assert.equal(504, response.status)
      assert.equal(1, #response.json.undone)
      has_ended(demo.gateway)
      assert.same({}, demo:reservations())
    end)

    it("undoes it also when the client has gone", function()
      demo:break_down("pricing", { latency_ms = 60000 })
      local connection = place()
      demo:await_reservations(1)
      demo:break_down("inventory", { latency_ms = 500 })
      connection:close()
      demo.gateway.process:signal "TERM"
      has_ended(demo.gateway)
      assert.same({}, demo:reservations())
    end)
  end)

end)
