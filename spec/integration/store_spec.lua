-- gateway.store over real processes, several workers, and kill -9.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local gateway <const> = require "support.gateway"
local process <const> = require "support.process"

local SCRIPTS <const> = [[
  local gateway = require "gateway"
  local store = gateway.store "test"

  gateway.route("GET /get/:key", function(req)
    local value, version = store:get(req.params.key)
    if value == nil then return 404 end
    return 200, { value = value, version = version }
  end)

  gateway.route("PUT /put/:key", function(req)
    store:put(req.params.key, req:json())
    return 204
  end)

  gateway.route("POST /add/:key", function(req)
    return 200, { sum = store:add(req.params.key, 1, { max = 50 }) or gateway.json.null }
  end)

  gateway.route("POST /update", function()
    return 200, { n = store:update("n", function(n) return (n or 0) + 1 end) }
  end)

  gateway.route("GET /list", function(req)
    local entries, more = store:list(req.query.prefix, { limit = 2, after = req.query.after })
    return 200, { entries = entries, more = more }
  end)

  gateway.route("POST /together", function()
    local done, index = store:transaction {
      { put = "x", value = 1 }, { expect = "y" }, { put = "y", value = 2 },
    }
    return 200, { done = done, index = index }
  end)

  gateway.route("POST /sorted", function()
    table.sort({ 1, 2 }, function() return store:get "a" end)
    return 204
  end)
]]


describe("a store", function()
  teardown(process.end_all)

  local data, server

  lazy_setup(function()
    data = files.folder()
    server = gateway.start_with(SCRIPTS, { DATA_DIR = data, WORKERS = 4 })
  end)

  -- Sends them all before it reads an answer.
  local function at_once(n, path)
    local connections <const>, answers <const> = {}, {}
    for i = 1, n do
      connections[i] = server:begin("POST", path)
    end
    for i, connection in ipairs(connections) do
      answers[i] = connection:finish()
    end
    return answers
  end

  it("keeps what was put, whichever worker asks", function()
    server:request("PUT", "/put/a", { json = { n = 1 } })
    for _ = 1, 8 do
      assert.same({ n = 1 }, server:get("/get/a").json.value)
    end
    assert.equal(404, server:get("/get/b").status)
  end)

  it("adds for many at once, and stops at the bound", function()
    local sums <const>, refused = {}, 0
    for _, answer in ipairs(at_once(60, "/add/counter")) do
      local sum <const> = answer.json.sum
      if sum == cjson.null then refused = refused + 1 else sums[sum] = true end
    end
    assert.equal(50, #sums)
    assert.equal(10, refused)
  end)

  it("updates for many at once, and loses none", function()
    for _, answer in ipairs(at_once(30, "/update")) do
      assert.equal(200, answer.status)
    end
    assert.equal(30, server:get("/get/n").json.value)
  end)

  it("makes all changes or none", function()
    assert.same({ done = true }, server:post("/together").json)
    assert.same({ done = false, index = 2 }, server:post("/together").json)
  end)

  it("lists in order, part by part", function()
    for _, key in ipairs { "l-3", "l-1", "l-2" } do
      server:request("PUT", "/put/" .. key, { json = key })
    end
    local first <const> = server:get("/list?prefix=l-").json
    assert.is_true(first.more)
    assert.equal("l-1", first.entries[1].key)
    assert.equal("l-2", first.entries[2].value)
    local rest <const> = server:get("/list?prefix=l-&after=l-2").json
    assert.is_false(rest.more)
    assert.equal("l-3", rest.entries[1].key)
  end)

  it("refuses to wait where that is not possible", function()
    assert.equal(500, server:post("/sorted").status)
    assert.equal(200, server:get("/get/a").status)
  end)

  it("bears clients that do not wait", function()
    for _ = 1, 50 do
      server:begin("POST", "/add/impatient"):close()
    end
    assert.equal(200, server:get("/get/a").status)
  end)

  it("has it again after kill -9", function()
    server:request("PUT", "/put/last", { json = "words" })
    local before <const> = server:get("/get/last").json
    server.process:kill()
    server = gateway.start_with(SCRIPTS, { DATA_DIR = data, WORKERS = 2 })
    assert.same(before, server:get("/get/last").json)
  end)

  it("is readable by nobody else", function()
    local pipe <close> = io.popen("stat -c %a " .. files.quote(data .. "/store-test.db"))
    assert.equal("600", pipe:read "l")
  end)

  it("is only of one process", function()
    local code <const>, _, errors <const> =
      process.run({ gateway.binary, "serve", "--port", "0", "--data-dir", data }, {})
    assert.equal(1, code)
    assert.truthy(errors:find("another gateway uses this folder", 1, true))
  end)

  it("says what is wrong with its file, until it has been put right", function()
    local folder <const> = files.folder { ["store-test.db"] = ("rubbish"):rep(1000) }
    local damaged <const> = gateway.start_with(SCRIPTS, { DATA_DIR = folder })
    local answer <const> = damaged:get "/get/a"
    assert.equal(503, answer.status)
    assert.truthy(answer.json.detail:find("the file is damaged", 1, true), answer.body)
    assert.equal(503, damaged:request("PUT", "/put/a", { json = 1 }).status)
    os.remove(folder .. "/store-test.db")
    assert.equal(204, damaged:request("PUT", "/put/a", { json = 1 }).status)
    assert.equal(1, damaged:get("/get/a").json.value)
  end)

  it("is not opened by a check", function()
    local folder <const> = files.folder()
    local scripts <const> = files.folder { ["init.lua"] = SCRIPTS }
    assert.equal(0, (process.run({ gateway.binary, "check",
      "--data-dir", folder, "--scripts-dir", scripts }, {})))
    assert.equal("", files.read(folder .. "/store-test.db"))
  end)
end)


describe("the demo inventory", function()
  teardown(process.end_all)

  local function start(data)
    return gateway.start { SCRIPTS_DIR = "scripts/demo/inventory", DATA_DIR = data, WORKERS = 2 }
  end

  local function reserve(inventory, order, quantity)
    return inventory:post("/api/v1/stock/reserve",
      { productId = "TEST-001", quantity = quantity, orderId = order })
  end

  it("keeps its ledger where it has a folder", function()
    local data <const> = files.folder()
    local inventory = start(data)
    local first <const> = reserve(inventory, "o1", 7).json
    inventory:request("PUT", "/demo/stock", { json = { productId = "TEST-001", stock = 10 } })
    inventory.process:kill()
    inventory = start(data)
    assert.same({ first }, inventory:get("/demo/reservations").json.reservations)
    assert.same(first, reserve(inventory, "o1", 7).json)
    assert.equal(409, reserve(inventory, "o2", 4).status)
    local product <const> = inventory:get("/api/v1/products/TEST-001").json
    assert.equal(10, product.stockLevel)
    assert.equal(7, product.reservedStock)
    inventory:stop()
  end)
end)
