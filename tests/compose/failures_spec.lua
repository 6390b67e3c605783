local http <const> = require "support.http"
local load <const> = require "load"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local socket <const> = require "socket"
local stack <const> = require "stack"

local GATEWAY <const> = stack.ports["api-gateway"]
local INVENTORY <const> = stack.ports["inventory-service"]
local PRICING <const> = stack.ports["pricing-service"]
local PRODUCT <const> = "/api/v1/products/TEST-001"
local DOCKER_HOST <const> = os.getenv "DOCKER_HOST"


describe("in containers", function()
  setup(function()
    stack.up {
      CIRCUIT_BREAKER_TIMEOUT = 1,
      SERVICE_TIMEOUT = 10,
      DRAIN_SECONDS = 3,
      STOP_GRACE_PERIOD = "30s",
    }
  end)
  before_each(function()
    http.request(INVENTORY, "DELETE", "/demo/faults")
    http.request(PRICING, "DELETE", "/demo/faults")
  end)
  teardown(process.end_all)

  local function get(path)
    return http.request(GATEWAY, "GET", path, {})
  end

  local function slow_down(port, path, ms)
    local faults <const> = { latency_ms = ms, path = path }
    assert.equal(200, http.request(port, "PUT", "/demo/faults", { json = faults }).status)
  end

  local function address_of(service)
    return stack.inspect(service, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
  end


  describe("a backend", function()
    -- A container that takes the address which is free now, so that who comes back gets another.
    local function squat()
      return stack.run("docker run -d --rm --network %s_moongate --entrypoint sleep %s 300",
        stack.project, os.getenv "MOONGATE_IMAGE")
    end

    it("may be stopped and started at another address, and no request fails", function()
      local clients <const> = load.start(4, GATEWAY, "GET", PRODUCT)
      local function is_whole(answer) return answer.body:find('"sku"', 1, true) ~= nil end
      clients:await("a whole product", is_whole)

      local before <const> = address_of "inventory-service"
      local id <const> = stack.id "inventory-service"
      stack.run("docker stop %s", id)
      clients:await("half a product", function(answer) return not is_whole(answer) end)

      local squatter <const> = squat()
      finally(function() stack.run("docker rm -fv %s", squatter) end)
      stack.run("docker start %s", id)
      stack.await_answer "inventory-service"
      assert.not_equal(before, address_of "inventory-service")
      local back <const> = socket.gettime()
      clients:await("a whole product again", function(answer)
        return answer.at > back and is_whole(answer)
      end)

      for _, answer in ipairs(clients:stop()) do
        assert.equal(200, answer.status, answer.failure or answer.body)
      end
    end)
  end)


  describe("the gateway", function()
    -- The first has stock without end, of the other there is enough.
    local ORDER <const> = '{"items":[{"productId":"TEST-025","quantity":1},'
      .. '{"productId":"TEST-012","quantity":1}]}'

    local function reservations()
      return http.request(INVENTORY, "GET", "/demo/reservations").json.reservations
    end

    -- How many units are reserved, by order.
    local function by_order()
      local orders <const> = {}
      for _, one in ipairs(reservations()) do
        orders[one.orderId] = (orders[one.orderId] or 0) + one.quantity
      end
      return orders
    end

    local function ids_of_confirmed(answers)
      local ids <const> = {}
      for _, answer in ipairs(answers) do
        if answer.status == 201 then ids[#ids + 1] = answer.body:match '"orderId":"([^"]+)"' end
      end
      return ids
    end

    it("may be killed in the middle of orders: the volume's journal heals them", function()
      slow_down(PRICING, "/api/v1/prices/calculate", 300)
      local clients <const> = load.start(6, GATEWAY, "POST", "/api/v1/orders", ORDER)
      clients:await("a confirmed order", function(answer) return answer.status == 201 end)
      poll("orders in work", function() return #reservations() > 0 end)
      local id <const> = stack.id "api-gateway"
      stack.run("docker kill -s KILL %s", id)
      local confirmed <const> = ids_of_confirmed(clients:stop())
      local left <const> = by_order()
      for _, order_id in ipairs(confirmed) do
        left[order_id] = nil
      end
      assert.is_truthy(next(left), "it was killed while nothing was in work")

      stack.run("docker start %s", id)
      stack.await_healthy { "api-gateway" }
      poll("the end of what was open", function()
        return get("/ready").status == 200
          and stack.compose "exec -T api-gateway moongate sagas --open":find "ORDER%-" == nil
      end)
      local reserved <const> = by_order()
      for _, order_id in ipairs(confirmed) do
        assert.equal(2, reserved[order_id], order_id)
      end
      for order_id, units in pairs(reserved) do
        assert.equal(2, units, order_id)
        assert.equal("CONFIRMED", get("/api/v1/orders/" .. order_id).json.status)
      end
      local product <const> = http.request(INVENTORY, "GET", "/api/v1/products/TEST-012").json
      local n = 0
      for _ in pairs(reserved) do n = n + 1 end
      assert.equal(n, product.reservedStock)
    end)

    it("is stopped without a request that fails", function()
      local id <const> = stack.id "api-gateway"
      local clients <const> = load.start(4, GATEWAY, "GET", PRODUCT)
      clients:await("an answer", function() return true end)
      local stop <const> = process.start({ "docker", "stop", id }, { DOCKER_HOST = DOCKER_HOST })

      -- As a load balancer does: who hears that it is not ready sends nothing more.
      poll("a gateway that is not ready", function() return get("/ready").status == 503 end)
      slow_down(PRICING, "/api/v1/prices/TEST-001", 4000)
      local slow <const> = assert(http.connect(GATEWAY)):send(http.format("GET", PRODUCT))
      for _, answer in ipairs(clients:stop()) do
        assert.equal(200, answer.status, answer.failure or answer.body)
      end
      local answer <const> = slow:finish() -- it took longer than the gateway accepted
      assert.same({ 200, 19.99 }, { answer.status, answer.json.price })

      poll("the end of docker stop", function() return stop:exit_code() end, 40)
      assert.equal("0", stack.inspect("api-gateway", "{{.State.ExitCode}}"))
      stack.run("docker start %s", id)
      stack.await_healthy { "api-gateway" }
    end)
  end)
end)
