local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local OPEN <const> = "inventory is not called for now, after repeated failures"


describe("the breaker", function()
  teardown(process.end_all)

  -- With the threshold that a gateway has if nobody says anything: five failures.
  describe("of a backend that died", function()
    local demo, gateway

    setup(function()
      demo = shop.open { WORKERS = 2, CIRCUIT_BREAKER_THRESHOLD = "" }
      gateway = demo.gateway
    end)

    local function product()
      return gateway:get("/api/v1/products/TEST-001")
    end

    local function inventory_call(response)
      for _, call in ipairs(gateway:log_of(response).calls) do
        if call.backend == "inventory" then return call end
      end
    end

    it("is not opened by a backend that says no", function()
      for _ = 1, 10 do
        assert.equal(404, gateway:get("/api/v1/products/NOPE").status)
      end
      assert.equal("closed", gateway:get("/health/backends").json.backends.inventory.breaker)
    end)

    -- Each attempt is one: the second of these calls ends with the fifth.
    it("opens after five failures, and from then on the answer is there at once", function()
      demo:kill "inventory"
      for _, attempts in ipairs { 3, 2 } do
        local response = product()
        assert.equal(200, response.status)
        assert.equal("inventory cannot be reached", response.json.inventory_error)
        assert.same({ "connect", attempts },
          { inventory_call(response).failure, inventory_call(response).attempts })
      end
      local response = product()
      assert.equal(200, response.status)
      assert.equal(OPEN, response.json.inventory_error)
      assert.equal(19.99, response.json.price)
      assert.same({ "open", 0 },
        { inventory_call(response).failure, inventory_call(response).attempts })
    end)

    it("is shared by all workers", function()
      for _ = 1, 20 do
        assert.equal(OPEN, product().json.inventory_error)
      end
    end)

    it("is of that backend only", function()
      local response = gateway:get("/health/backends")
      assert.equal(503, response.status)
      assert.same({
        status = "unhealthy",
        backends = {
          inventory = { status = "unhealthy", breaker = "open", error = OPEN },
          pricing = { status = "healthy", breaker = "closed" },
        },
      }, response.json)
    end)

    it("tells clients when to come again", function()
      for _, response in ipairs {
        gateway:get("/api/v1/products"),
        gateway:post("/api/v1/orders", { items = { { productId = "TEST-001", quantity = 1 } } }),
      } do
        assert.equal(503, response.status)
        assert.equal(OPEN, response.json.detail)
        local seconds = tonumber(response.headers["retry-after"])
        assert.is_true(seconds >= 1 and seconds <= 60)
      end
    end)

    it("lets an order through untouched that never reached the inventory", function()
      local response = gateway:post("/api/v1/orders",
        { items = { { productId = "TEST-001", quantity = 1 } } })
      assert.is_nil(response.json.undone)
      assert.is_nil(response.json.undo_failed)
    end)
  end)


  describe("of a backend that recovers", function()
    it("lets trials in, and closes", function()
      local demo = shop.open { CIRCUIT_BREAKER_THRESHOLD = 2, CIRCUIT_BREAKER_TIMEOUT = 1 }
      local gateway = demo.gateway
      local function breaker()
        return gateway:get("/health/backends").json.backends.inventory.breaker
      end
      demo:break_down("inventory", { status = 500 })
      for _ = 1, 3 do
        gateway:get("/api/v1/products/TEST-001")
      end
      assert.equal(OPEN, gateway:get("/api/v1/products/TEST-001").json.inventory_error)

      demo:repair()
      poll("a product with all that belongs to it", function()
        return not gateway:get("/api/v1/products/TEST-001").json.inventory_error
      end)
      poll("a closed breaker", function() return breaker() == "closed" end)
      for _ = 1, 10 do
        assert.is_nil(gateway:get("/api/v1/products/TEST-001").json.inventory_error)
      end
    end)

    it("opens again if a trial fails", function()
      local demo = shop.open { CIRCUIT_BREAKER_THRESHOLD = 2, CIRCUIT_BREAKER_TIMEOUT = 1 }
      demo:kill "pricing"
      local function reason()
        return demo.gateway:get("/api/v1/products/TEST-001").json.pricing_error
      end
      assert.equal("pricing cannot be reached", reason())
      local open = "pricing is not called for now, after repeated failures"
      assert.equal(open, reason())
      poll("a trial", function() return reason() == "pricing cannot be reached" end)
      assert.equal(open, reason())
    end)
  end)
end)
