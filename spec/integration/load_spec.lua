local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local MANY <const> = 1000


describe("many clients", function()
  local demo, gateway

  setup(function()
    demo = shop.open { WORKERS = 2 }
    gateway = demo.gateway
  end)
  teardown(process.end_all)

  -- So many connections, all open at once.
  local function connect_all(n)
    local connections = {}
    for i = 1, n do
      connections[i] = gateway:connect()
    end
    return connections
  end

  -- How often the inventory was asked for a product, of its last 200 requests.
  local function calls_of(id)
    local calls = 0
    for _, request in ipairs(demo.inventory:get("/demo/requests").json.requests) do
      if request.path == "/api/v1/products/" .. id then calls = calls + 1 end
    end
    return calls
  end

  it("at once are all answered, on connections that stay open", function()
    local connections = connect_all(MANY)
    for _ = 1, 2 do
      for _, connection in ipairs(connections) do
        connection:send "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
      end
      for _, connection in ipairs(connections) do
        assert.equal(200, connection:receive().status)
      end
    end
    for _, connection in ipairs(connections) do
      connection:close()
    end
  end)

  it("at once have all their products", function()
    local connections, ids = connect_all(MANY), {}
    for i, connection in ipairs(connections) do
      ids[i] = ("TEST-%03d"):format(i % 8 + 1)
      connection:send(("GET /api/v1/products/%s HTTP/1.1\r\nHost: x\r\n\r\n"):format(ids[i]))
    end
    for i, connection in ipairs(connections) do
      local response = connection:finish()
      assert.equal(200, response.status)
      assert.equal(ids[i], response.json.id)
      assert.is_nil(response.json.inventory_error)
      assert.is_number(response.json.price)
    end
  end)

  it("may go without waiting for the answer, and leave no work behind", function()
    demo:break_down("inventory", { latency_ms = 60000, path = "/api/v1/products/TEST-009" })
    local connections = {}
    for i = 1, 100 do
      connections[i] = gateway:begin("GET", "/api/v1/products/TEST-009")
    end
    poll("their calls", function() return calls_of "TEST-009" == 100 end)
    for _, connection in ipairs(connections) do
      connection:close()
    end
    poll("a log line of each", function()
      local gone = 0
      for _, line in ipairs(gateway:log "request") do
        if line.status == 499 then gone = gone + 1 end
      end
      return gone == 100
    end)
    demo:repair()
    assert.equal(200, gateway:get("/api/v1/products/TEST-009").status)
  end)

  it("may place orders, none of which gets lost", function()
    local connections = {}
    for i = 1, 100 do
      connections[i] = gateway:begin("POST", "/api/v1/orders", { json = { items = {
        { productId = "TEST-025", quantity = 3 },
        { productId = "TEST-014", quantity = 1 },
      } } })
    end
    local ids = {}
    for _, connection in ipairs(connections) do
      local response = connection:finish()
      assert.equal(201, response.status)
      ids[response.json.orderId] = true
    end
    local reservations = demo:release_all()
    assert.equal(200, #reservations)
    for _, reservation in ipairs(reservations) do
      assert.is_true(ids[reservation.orderId])
    end
    assert.same({}, demo:reservations())
  end)
end)
