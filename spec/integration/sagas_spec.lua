-- Orders whose gateway is killed, or ended, in the middle of them: what is promised outlives it.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local RELEASE <const> = "/api/v1/stock/release"
local CALCULATE <const> = "/api/v1/prices/calculate"
local TWO <const> = { items = {
  { productId = "TEST-001", quantity = 2 },
  { productId = "TEST-002", quantity = 1 },
} }


describe("orders in a journal", function()
  local demo

  before_each(function() demo = shop.open { DATA_DIR = files.folder(), WORKERS = 2 } end)
  after_each(process.end_all)

  local function order_state(id)
    return demo.gateway:get("/api/v1/orders/" .. id).json
  end

  local function await_status(id, status)
    return poll("an order that is " .. status, function()
      local order = order_state(id)
      return order.status == status and order
    end)
  end

  local OF_THE_ORDER <const> = { headers = { ["x-correlation-id"] = "the-order" } }

  -- An order whose prices do not come; its id. Pricing has begun: a client whose end arrives with
  -- its request is answered, however long that takes.
  local function begin_order()
    demo:break_down("pricing", { latency_ms = 60000, path = CALCULATE })
    local connection = demo.gateway:begin("POST", "/api/v1/orders", {
      json = TWO,
      headers = { "X-Correlation-ID: the-order" },
    })
    demo:await_reservations(2)
    poll("pricing at work", function() return #demo:asked("pricing", OF_THE_ORDER) > 0 end)
    return demo:reservations()[1].orderId, connection
  end

  local function is_ready()
    return demo.gateway:get("/ready").status == 200
  end

  it("are confirmed for good", function()
    local response = demo.gateway:post("/api/v1/orders", TWO)
    assert.equal(201, response.status)
    assert.equal("/api/v1/orders/" .. response.json.orderId, response.headers.location)
    demo:kill "gateway"
    demo:start_gateway()
    assert.same(response.json, order_state(response.json.orderId))
    assert.is_true(is_ready())
    assert.equal(2, #demo:reservations())
  end)

  it("are pending while they are placed", function()
    local id, connection = begin_order()
    assert.same({ orderId = id, status = "PENDING" }, order_state(id))
    connection:close()
    local order = await_status(id, "FAILED")
    assert.equal("the request was cancelled", order.reason)
    assert.same({}, demo:reservations())
  end)

  it("are undone after a crash, before the gateway is ready", function()
    local id = begin_order()
    demo:kill "gateway"
    assert.equal(2, #demo:reservations())
    demo:start_gateway()
    poll("a gateway that is ready", is_ready)
    assert.same({}, demo:reservations())
    local order = order_state(id)
    assert.equal("FAILED", order.status)
    assert.equal("the gateway ended before it was committed", order.reason)
    assert.equal(2, #order.undone)
    assert.equal(RELEASE, order.undone[1].path)
    local line = demo.gateway:await_log "a saga is undone"
    assert.equal("the-order", line.correlation_id)
  end)

  it("are undone with the correlation id of the request", function()
    begin_order()
    demo:kill "gateway"
    demo:start_gateway()
    demo:await_reservations(0)
    local asked = demo:asked("inventory", OF_THE_ORDER)
    assert.equal(RELEASE, asked[#asked].path)
  end)

  it("are undone after the backend has come back, and until then the gateway is ready", function()
    local id = begin_order()
    demo:kill "gateway"
    demo:kill "inventory"
    demo:start_gateway()
    poll("a gateway that is ready", is_ready)
    local order = order_state(id)
    assert.equal("COMPENSATING", order.status)
    assert.equal("inventory cannot be reached", order.undo_failed[1].reason)
    assert.equal("TEST-002", order.undo_failed[1].body.productId)
    demo:revive "inventory"
    await_status(id, "FAILED")
  end)

  it("are undone by the next process if this one ends before they could be", function()
    local id, connection = begin_order()
    demo:break_down("inventory", { status = 503, path = RELEASE })
    connection:close()
    await_status(id, "COMPENSATING")
    demo.gateway:await_log "an undo failed"
    assert.equal(0, demo.gateway:stop())
    demo:repair()
    demo:start_gateway()
    demo:await_reservations(0)
    assert.equal("the request was cancelled", await_status(id, "FAILED").reason)
  end)

  it("that cannot be undone are tried again until they can", function()
    demo:break_down("inventory", { status = 503, path = RELEASE })
    demo:break_down("pricing", { status = 500 })
    local response = demo.gateway:post("/api/v1/orders", TWO)
    assert.equal(502, response.status)
    assert.equal(2, #response.json.undo_failed)
    assert.equal(2, #demo:reservations())
    demo:repair()
    demo:await_reservations(0)
    demo.gateway:await_log "a saga has been undone"
  end)

  it("that never were are not found", function()
    assert.equal(404, demo.gateway:get("/api/v1/orders/ORDER-1").status)
  end)

  it("are in one gateway's journal alone", function()
    local folder = demo.settings.DATA_DIR
    local code, _, errors = process.run({ gateways.binary, "serve" },
      { DATA_DIR = folder, HOST = "127.0.0.1", PORT = 0, SCRIPTS_DIR = "scripts" })
    assert.equal(1, code)
    assert.is_truthy(errors:find("another gateway uses this folder", 1, true), errors)
  end)
end)


describe("a journal that cannot be used", function()
  teardown(process.end_all)

  -- Orders until one is refused; how many were confirmed.
  local function order_until_refused(gateway)
    for n = 0, 1000 do
      local response = gateway:post("/api/v1/orders", TWO)
      if response.status ~= 201 then
        assert.equal(503, response.status, response.body)
        assert.is_truthy(response.json.detail:find("^the journal cannot be written: "))
        return n
      end
    end
    error "the disk has no end"
  end

  it("as its disk is full stops orders until there is room", function()
    local disk = files.folder()
    if not files.mount(disk, "1m") then
      pending "a small disk of its own: this machine does not let us mount one"
      return
    end
    local ok, raised = pcall(function()
      local demo = shop.open { DATA_DIR = disk }
      local gateway = demo.gateway
      files.fill(disk .. "/filler")
      local confirmed = order_until_refused(gateway)
      assert.equal("journal", gateway:get("/ready").json.reason)
      assert.equal(200, gateway:get("/api/v1/products/TEST-001").status)
      assert.equal(2 * confirmed, #demo:reservations())
      os.remove(disk .. "/filler")
      poll("a gateway that is ready", function() return gateway:get("/ready").status == 200 end)
      assert.equal(201, gateway:post("/api/v1/orders", TWO).status)
      gateway:stop()
    end)
    files.unmount(disk)
    assert(ok, raised)
  end)

  it("stops orders and nothing else, until it can be", function()
    local folder = files.folder() .. "/later"
    local demo = shop.open { DATA_DIR = folder }
    local gateway = demo.gateway
    local refused = gateway:post("/api/v1/orders", TWO)
    assert.equal(503, refused.status)
    assert.is_truthy(refused.json.detail:find("the journal cannot be written: .*no such folder"))
    assert.equal(503, gateway:get("/api/v1/orders/ORDER-1").status)
    assert.same({}, demo:asked("inventory", refused))
    assert.equal(200, gateway:get("/api/v1/products/TEST-001").status)
    assert.equal(200, gateway:get("/health").status)
    local ready = gateway:get("/ready")
    assert.equal(503, ready.status)
    assert.equal("journal", ready.json.reason)

    os.execute("mkdir " .. files.quote(folder))
    poll("a gateway that is ready", function() return gateway:get("/ready").status == 200 end)
    assert.equal(201, gateway:post("/api/v1/orders", TWO).status)
  end)
end)


describe("without DATA_DIR", function()
  teardown(process.end_all)

  it("there is one warning", function()
    local demo = shop.open()
    local response = demo.gateway:post("/api/v1/orders", TWO)
    assert.equal(201, response.status)
    local warned = 0
    for _, line in ipairs(demo.gateway:log_until(response)) do
      if line.message:find("DATA_DIR", 1, true) then warned = warned + 1 end
    end
    assert.equal(1, warned)
  end)
end)
