-- What operators see of sagas and may do to them: by the admin listener, and by commands.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local RELEASE <const> = "/api/v1/stock/release"
local ORDER <const> = { items = { { productId = "TEST-001", quantity = 1 } } }

describe("operators", function()
  local demo, gateway

  setup(function()
    demo = shop.open { DATA_DIR = files.folder(), WORKERS = 2 }
    gateway = demo.gateway
  end)
  before_each(function()
    demo:repair()
    demo:release_all()
  end)
  teardown(process.end_all)

  -- An order that has failed and cannot be undone; its id.
  local function parked_order()
    demo:break_down("inventory", { status = 503, path = RELEASE })
    demo:break_down("pricing", { status = 500 })
    assert.equal(502, gateway:post("/api/v1/orders", ORDER).status)
    return demo:reservations()[1].orderId
  end

  local function command(...)
    gateway:admin("GET", "/admin/status") -- finds out the port
    local words = { gateways.binary, ... }
    table.move({ "--admin-port", gateway.admin_port }, 1, 2, #words + 1, words)
    return process.run(words)
  end

  local function show(id)
    return gateway:admin("GET", "/admin/sagas/" .. id)
  end

  it("list what is open, and all", function()
    local confirmed = gateway:post("/api/v1/orders", ORDER).json.orderId
    demo:release_all()
    local id = parked_order()
    local open = gateway:admin("GET", "/admin/sagas?open").json.sagas
    assert.equal(1, #open)
    assert.same({ id, "order", "compensating" }, { open[1].id, open[1].kind, open[1].state })
    assert.equal("pricing answered 500", open[1].reason)
    local all = gateway:admin("GET", "/admin/sagas").json.sagas
    assert.equal(id, all[1].id)
    assert.equal(confirmed, all[2].id)
    local code, out = command("sagas", "--open")
    assert.equal(0, code)
    assert.is_truthy(out:find("^compensating +%S+  order " .. id:gsub("%-", "%%-")), out)
    demo:repair()
    demo:await_reservations(0)
  end)

  it("see one with its steps and undos", function()
    local id = parked_order()
    local saga = show(id).json
    assert.equal("compensating", saga.state)
    local step = saga.steps[1]
    assert.equal("/api/v1/stock/reserve", step.act.path)
    assert.equal("done", step.outcome)
    assert.equal("pending", step.undo_state)
    assert.is_true(step.undo_attempts >= 3)
    assert.equal("status 503", step.undo_error)
    assert.is_string(step.undo_next_at)
    assert.is_truthy(step.undo.body:find(id, 1, true))
    local code, out = command("sagas", id)
    assert.equal(0, code)
    assert.is_truthy(out:find("undo pending", 1, true), out)
    assert.is_truthy(out:find("status 503", 1, true), out)
    demo:repair()
    demo:await_reservations(0)
  end)

  it("have one tried now", function()
    local id = parked_order()
    demo:repair()
    local code = command("retry", id)
    assert.equal(0, code)
    poll("an order that is undone", function() return show(id).json.state == "undone" end)
    assert.same({}, demo:reservations())
    local again, _, errors = command("retry", id)
    assert.equal(1, again)
    assert.is_truthy(errors:find("it is not being undone", 1, true), errors)
  end)

  it("resolve one that is not to be tried any more", function()
    local id = parked_order()
    assert.equal(422, gateway:admin("POST", "/admin/sagas/" .. id .. "/resolve").status)
    local code = command("resolve", id, "--reason", "counted by hand")
    assert.equal(0, code)
    local saga = show(id).json
    assert.same({ "resolved", "counted by hand" }, { saga.state, saga.reason })
    assert.equal("left", saga.steps[1].undo_state)
    assert.is_nil(saga.steps[1].undo_next_at)
    demo:repair()
    local order = gateway:get("/api/v1/orders/" .. id).json
    assert.same({ "FAILED", "resolved by an operator" }, { order.status, order.reason })
    demo:kill "gateway"
    gateway = demo:start_gateway()
    poll("a gateway that is ready", function() return gateway:get("/ready").status == 200 end)
    assert.equal(1, #demo:reservations())
    assert.equal("resolved", show(id).json.state)
  end)

  it("are told what cannot be", function()
    assert.equal(404, show("ORDER-1").status)
    assert.equal(404, gateway:admin("GET", "/admin/sagas/x/y").status)
    assert.equal(405, gateway:admin("POST", "/admin/sagas").status)
    assert.equal(405, gateway:admin("POST", "/admin/sagas/x").status)
    assert.equal(405, gateway:admin("GET", "/admin/sagas/x/retry").status)
    for _, words in ipairs {
      { "retry" }, { "resolve", "x" }, { "sagas", "x", "--open" }, { "sagas", "--reason", "x" },
    } do
      local code, _, errors = command(table.unpack(words))
      assert.equal(2, code, errors)
    end
  end)
end)
