-- The eleven routes of docs/cookbook.md, as they are printed, in front of the demo backends.
local files <const> = require "support.files"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"
local gateways <const> = require "support.gateway"
local metrics <const> = require "support.metrics"
local shop <const> = require "support.live_shop"

local KEY <const> = "k3y"

-- The fenced blocks of Lua by the file name in their first line.
local function printed()
  local scripts <const>, n = {}, 0
  for block in files.read("docs/cookbook.md"):gmatch "\n```lua\n(.-)\n```" do
    local name <const> = assert(block:match "^%-%- (%S+%.lua)\n", block)
    assert(not scripts[name], name .. " is printed twice")
    scripts[name], n = block .. "\n", n + 1
  end
  return scripts, n
end

local function folder_with(scripts)
  local folder <const> = files.folder()
  os.execute("mkdir " .. files.quote(folder .. "/routes"))
  for name, text in pairs(scripts) do
    files.write(folder .. "/" .. name, text)
  end
  return folder
end


describe("the cookbook", function()
  local demo, gateway

  setup(function()
    demo = shop.open {
      SCRIPTS_DIR = folder_with(printed()),
      SCRIPT_ENV = "API_KEY",
      API_KEY = KEY,
    }
    gateway = demo.gateway
  end)
  before_each(function() demo:repair() end)
  teardown(process.end_all)

  it("has eleven routes, their backends and an init.lua that names each", function()
    local scripts, n = printed()
    assert.equal(13, n)
    for name in pairs(scripts) do
      local module = name:match "^routes/(.*)%.lua$"
      if module then
        assert.is_truthy(scripts["init.lua"]:find(('require "routes.%s"'):format(module), 1, true))
      end
    end
  end)

  it("1: a parameter", function()
    local response = gateway:get "/hello/moon%20base"
    assert.equal(200, response.status)
    assert.same({ hello = "moon base" }, response.json)
  end)

  it("2: one call with a fallback", function()
    assert.same({ id = "TEST-001", stock = 120 }, gateway:get("/stock/TEST-001").json)
    demo:break_down("inventory", { status = 500 })
    local response = gateway:get "/stock/TEST-001"
    assert.equal(200, response.status)
    assert.is_truthy(response.body:find('"stock":null', 1, true))
  end)

  it("2: one call with a limit", function()
    demo:break_down("inventory", { latency_ms = 5000 })
    local response = gateway:get "/stock/TEST-001"
    assert.equal(200, response.status)
    assert.is_true(gateway:log_of(response).duration_ms < 4000)
  end)

  it("3: a fan-out with half an answer", function()
    local response = gateway:get "/product/TEST-001"
    assert.equal(200, response.status)
    assert.equal(19.99, response.json.price)
    assert.is_string(response.json.name)
    assert.equal(404, gateway:get("/product/NONE").status)
    demo:break_down("pricing", { status = 500 })
    local half = gateway:get "/product/TEST-001"
    assert.equal(200, half.status)
    assert.equal("pricing answered 500", half.json.price_error)
    assert.equal(response.json.name, half.json.name)
    demo:break_down("inventory", { status = 500 })
    assert.equal(502, gateway:get("/product/TEST-001").status)
  end)

  it("4: the fastest of two", function()
    demo:break_down("inventory", { latency_ms = 3000 })
    local response = gateway:get "/exists/TEST-001"
    assert.same({ exists = true, told_by = "pricing" }, response.json)
    assert.is_true(gateway:log_of(response).duration_ms < 2500)
    demo:repair()
    demo:break_down("pricing", { status = 500 })
    assert.equal("inventory", gateway:get("/exists/TEST-001").json.told_by)
    demo:repair()
    assert.equal(404, gateway:get("/exists/NONE").status)
  end)

  it("5: a page of a list", function()
    local page = gateway:get("/catalogue?page=2&size=2").json
    assert.same({ 2, 13, 2 }, { page.page, page.pages, #page.items })
    assert.equal("TEST-003", page.items[1].id)
    assert.is_number(page.items[1].price)
    assert.equal(10, #gateway:get("/catalogue").json.items)
    assert.is_truthy(gateway:get("/catalogue?page=99").body:find('"items":[]', 1, true))
    for _, query in ipairs { "page=no", "page=0", "size=101", "page=1.5" } do
      assert.equal(400, gateway:get("/catalogue?" .. query).status, query)
    end
    demo:break_down("pricing", { status = 500, path = "/api/v1/prices/TEST-001" })
    local items = gateway:get("/catalogue?size=2").json.items
    assert.is_nil(items[1].price)
    assert.is_number(items[2].price)
  end)

  it("6: a body that is checked", function()
    local response = gateway:post("/quote", { product = "TEST-001", quantity = 2 })
    assert.equal(200, response.status, response.body)
    assert.is_truthy(tonumber(response.json.total))
    assert.equal("EUR", response.json.currency)
    response = gateway:post("/quote", { quantity = 0 })
    assert.equal(422, response.status)
    assert.same({ "product", "quantity" },
      { response.json.errors[1].field, response.json.errors[2].field })
    assert.equal(422, gateway:request("POST", "/quote",
      { body = "7", headers = { "Content-Type: application/json" } }).status)
    assert.equal(415, gateway:request("POST", "/quote", { body = "{}" }).status)
  end)

  it("7: both steps or neither", function()
    local response = gateway:post("/bundle/TEST-001/TEST-002")
    assert.equal(201, response.status, response.body)
    assert.equal("/bundle/" .. response.json.order, response.headers.location)
    assert.equal(2, #demo:release_all())
    response = gateway:post("/bundle/TEST-001/NONE")
    assert.equal(404, response.status)
    assert.equal("/api/v1/stock/release", response.json.undone[1].path)
    assert.equal(0, #demo:reservations())
  end)

  it("8: who has the key", function()
    for _, header in ipairs { "X-None: 1", "X-Api-Key: other", "X-Api-Key: " } do
      local response = gateway:get("/guarded", header)
      assert.equal(401, response.status)
      assert.equal("ApiKey", response.headers["www-authenticate"])
      assert.equal("no-store", response.headers["cache-control"])
      assert.is_falsy(response.body:find("cheese", 1, true))
    end
    local response = gateway:get("/guarded", "X-Api-Key: " .. KEY)
    assert.equal(200, response.status)
    assert.is_truthy(response.json.secret:find("cheese", 1, true))
    assert.equal("no-store", response.headers["cache-control"])
  end)

  it("9: a backend's answer as it is", function()
    local response = gateway:get "/raw/products/TEST-001"
    local own = demo.inventory:get "/api/v1/products/TEST-001"
    assert.equal(200, response.status)
    assert.equal(own.headers["content-type"], response.headers["content-type"])
    assert.equal("TEST-001", response.json.id)
    assert.equal(#own.body, #response.body)
  end)

  it("9: a backend that says that nothing has changed", function()
    local backend = rough.start()
    local other = gateways.start {
      SCRIPTS_DIR = folder_with(printed()),
      SCRIPT_ENV = "API_KEY",
      INVENTORY_SERVICE_URL = backend.url,
    }
    backend:plan { { status = 304, headers = { ETag = '"v1"' } } }
    local response = other:get("/raw/products/1", 'If-None-Match: "v1"')
    assert.equal(304, response.status)
    assert.equal('"v1"', response.headers.etag)
  end)

  it("10: work in the background", function()
    local response = gateway:post("/stocktakes", { products = { "TEST-001", "TEST-002" } })
    assert.equal(202, response.status)
    local done = poll("the job's end", function()
      local job = gateway:get(response.headers.location).json
      return job.status == "done" and job
    end)
    assert.equal(100, done.progress)
    assert.equal(2, done.result.products)
    assert.is_true(done.result.stock >= 120)
    assert.equal(404, gateway:get("/stocktakes/none").status)
    assert.equal(422, gateway:post("/stocktakes", { products = 5 }).status)
  end)

  it("11: a metric", function()
    local response = gateway:get "/counted/TEST-001"
    assert.equal(200, response.status)
    local labels <const> = { category = response.json.category }
    metrics.await(gateway, "shop_products_looked_up_total", labels, 1)
  end)
end)
