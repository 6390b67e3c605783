-- The dashboard in a real browser, in front of the whole shop: what an operator sees and does.
local browsers <const> = require "support.browser"
local files <const> = require "support.files"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local PRODUCT <const> = "/api/v1/products/TEST-001"
local SLOW <const> = 0.4 -- seconds
local INVENTORY <const> = "[aria-labelledby='backend-inventory']"

describe("the dashboard", function()
  local demo, gateway, browser, port, scripts
  local complaints <const> = {} -- of the console, in all tests

  setup(function()
    scripts = files.folder()
    os.execute("cp -r scripts/. " .. files.quote(scripts))
    demo = shop.open { DATA_DIR = files.folder(), SCRIPTS_DIR = scripts, WORKERS = 2 }
    gateway = demo.gateway
    gateway:admin("GET", "/admin/status") -- finds out the port
    port = gateway.admin_port
    browser = browsers.open()
  end)
  before_each(function()
    demo:repair()
    browser:prefer("light", "reduce")
    browser:resize(1280, 900)
  end)
  after_each(function()
    for line in browser:complaints():gmatch "[^\n]+" do
      complaints[#complaints + 1] = line
    end
  end)
  teardown(function()
    local ok <const>, problem <const> = pcall(function()
      if browser then browser:close() end
    end)
    process.end_all()
    assert(ok, problem)
  end)

  -- Anew, also if nothing but what follows the # differs.
  local function open(hash, of_port)
    browser:go "about:blank"
    browser:go(("http://127.0.0.1:%d/%s"):format(of_port or port, hash or ""))
    browser:await("#feed", "Live")
  end

  local function ask_for_products(n)
    for _ = 1, n do
      assert.equal(200, gateway:get(PRODUCT).status)
    end
  end

  local function correlation_id(response)
    return response.headers["x-correlation-id"]
  end

  -- --- what is served ---

  local function fetch(path, ...)
    local options <const> = { host = "127.0.0.1:" .. port, headers = { ... } }
    return http.request(port, "GET", path, options)
  end

  it("is served with nothing but itself allowed", function()
    local page <const> = fetch "/"
    assert.equal("text/html; charset=utf-8", page.headers["content-type"])
    local policy <const> = page.headers["content-security-policy"]
    assert.is_truthy(policy:find("default-src 'none'; script-src 'self'; style-src", 1, true))
    assert.is_nil(policy:find "unsafe")
    assert.equal("nosniff", page.headers["x-content-type-options"])
    for address in page.body:gmatch '[sh]r[ce]f?="(dashboard/[^"]+)"' do
      assert.equal(200, fetch("/" .. address).status, address)
    end
  end)

  it("is not sent again to who has it", function()
    local script <const> = fetch "/dashboard/main.js"
    assert.equal("text/javascript; charset=utf-8", script.headers["content-type"])
    local again <const> = fetch("/dashboard/main.js", "If-None-Match: " .. script.headers.etag)
    assert.same({ 304, "" }, { again.status, again.body })
    assert.equal(200, fetch("/dashboard/main.js", 'If-None-Match: "other"').status)
  end)

  it("has no files but its own", function()
    for _, path in ipairs { "/dashboard/", "/dashboard/../admin.c", "/dashboard/nothing.js" } do
      assert.equal(404, fetch(path).status, path)
    end
    assert.equal(405, http.request(port, "POST", "/", { host = "127.0.0.1:" .. port }).status)
    assert.equal(421, http.request(port, "GET", "/", { host = "evil.example" }).status)
  end)

  it("may be linked to from anywhere, and used from nowhere", function()
    local link <const> = { "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate" }
    assert.equal(200, fetch("/", link[1], link[2], "Sec-Fetch-Dest: document").status)
    assert.equal(403, fetch("/", link[1], link[2], "Sec-Fetch-Dest: iframe").status)
    assert.equal(403, fetch("/dashboard/main.js", link[1], "Sec-Fetch-Mode: no-cors").status)
    local call <const> = fetch("/admin/status", link[1], link[2], "Sec-Fetch-Dest: document")
    assert.equal(403, call.status)
  end)

  -- --- what is seen ---

  it("says which gateway this is, and that all is well", function()
    ask_for_products(5)
    open()
    browser:await("#ready", "Ready")
    browser:await("#facts", "Generation")
    assert.is_truthy(browser:text("#facts"):find("Workers%s+2"))
    browser:await("#findings", "All is well")
    assert.equal("Moongate", browser:run "return document.title")
  end)

  it("shows the traffic of each route and each backend", function()
    open()
    ask_for_products(25)
    gateway:get "/nowhere"
    browser:await("#routes", "/api/v1/products/:id")
    browser:await("#routes tbody", "ms")
    browser:await(INVENTORY, "closed")
    poll("calls of inventory", function()
      return browser:text(INVENTORY .. " .figure"):find "[1-9][%d.]*/s"
    end)
    local label <const> = browser:run([[
      return document.querySelector(arguments[0] + " .spark").getAttribute("aria-label");
    ]], INVENTORY)
    assert.is_truthy(label:find "^Calls of inventory, last 5 minutes: now [%d.]+/s")
    assert.is_true(browser:run "return document.querySelectorAll('.tile canvas').length === 4")
  end)

  it("begins with what was before it was opened", function()
    ask_for_products(10)
    poll("a second of the feed", function()
      open()
      return browser:run [[
        const label = document.querySelector("#tiles .chart").getAttribute("aria-label");
        return /highest [1-9]/.test(label);
      ]]
    end)
  end)

  it("names the backend that is slow, since when, and shows why", function()
    ask_for_products(60)
    open()
    poll("the usual", function()
      ask_for_products(5)
      return browser:run [[
        const label = document.querySelector("[aria-labelledby='backend-inventory'] .spark");
        return label && label.getAttribute("aria-label").includes("now");
      ]]
    end)
    demo:break_down("inventory", { latency_ms = SLOW * 1000 })
    local id <const> = correlation_id(gateway:get(PRODUCT))
    poll("the finding", function()
      gateway:get(PRODUCT)
      return (browser:text "#findings" or ""):find("it is slow", 1, true)
    end)
    local found <const> = browser:text "#findings"
    assert.is_truthy(found:find "inventory")
    assert.is_nil(found:find "pricing")
    assert.is_truthy(found:find "since %d%d:%d%d:%d%d")

    browser:type("#find-id", id)
    browser:press "Enter"
    browser:await(".waterfall", "inventory")
    local spent <const> = browser:text ".shares"
    assert.is_truthy(spent:find "^inventory%s+4%d%d ms, %d+ %%", spent)
    local rows <const> = browser:text ".waterfall tbody"
    for _, part in ipairs { "Received", "Script", "pricing", "Attempt 1", "wait 4" } do
      assert.is_truthy(rows:find(part, 1, true), part .. " in " .. rows)
    end
    assert.equal("#request=" .. id, browser:run "return location.hash")
  end)

  it("opens a request by its address", function()
    local id <const> = correlation_id(gateway:get(PRODUCT))
    open("#request=" .. id)
    browser:await("#requests .one", id)
    assert.is_true(browser:run [[
      return document.querySelector("#requests .one").contains(document.activeElement);
    ]])
    open "#request=never-was-here"
    browser:await("#requests .one", "No request that is remembered")
  end)

  it("lists requests by status and by route", function()
    demo:break_down("inventory", { status = 500 })
    demo:break_down("pricing", { status = 500 })
    assert.equal(502, gateway:get(PRODUCT).status)
    gateway:get "/api/v1/products?page=1&size=1"
    demo:repair()
    gateway:get "/api/v1/products?page=1&size=1"
    open "#requests=5xx"
    browser:await("#findings", "are answered with 5xx, most on GET")
    browser:await("#requests tbody", "502")
    assert.is_nil(browser:text("#requests tbody"):find("200", 1, true))
    browser:await("#routes tbody", "/api/v1/products/:id")
    browser:click "#routes tbody a[title]"
    poll("one route", function()
      local list <const> = browser:text "#requests tbody" or ""
      return list:find "GET /api/v1/products\n?" and not list:find "TEST%-001"
    end)
  end)

  -- --- what is done ---

  local function state()
    return gateway:admin("GET", "/admin/backends/inventory").json.state
  end

  it("forces a breaker open by a click, and closes it again", function()
    open()
    browser:await(INVENTORY, "closed")
    browser:click(INVENTORY .. " [data-action=force-open]")
    assert.equal("closed", state())
    browser:await(INVENTORY .. " .confirm", "All calls to it fail at once")
    browser:click(INVENTORY .. " .confirm [type=submit]")
    browser:await(INVENTORY, "forced open")
    assert.equal("forced_open", state())
    browser:await("#findings", "its breaker is forced open")
    assert.is_truthy(gateway:get(PRODUCT).json.inventory_error)
    browser:click(INVENTORY .. " [data-action=close]")
    browser:click(INVENTORY .. " .confirm [type=submit]")
    browser:await(INVENTORY, "closed")
    assert.equal("closed", state())
  end)

  it("says what is well to whoever looks at what was not", function()
    open()
    browser:await(INVENTORY, "closed")
    gateway:admin("POST", "/admin/backends/inventory/force-open")
    browser:await("#findings", "its breaker is forced open")
    browser:run "document.querySelector('#findings a').focus()"
    gateway:admin("POST", "/admin/backends/inventory/close")
    browser:await("#findings", "All is well")
  end)

  local function focused(property)
    return browser:run("return document.activeElement[arguments[0]]", property)
  end

  it("does so by keyboard alone", function()
    open()
    browser:await(INVENTORY, "closed")
    local presses = 0
    repeat
      browser:press "Tab"
      presses = presses + 1
      local label <const> = browser:run "return document.activeElement.getAttribute('aria-label')"
    until label == "Disable: inventory" or presses == 60
    browser:press "Enter"
    browser:await(INVENTORY .. " .confirm", "Disable the breaker of inventory?")
    browser:press "Escape"
    browser:await_none(INVENTORY .. " .confirm")
    assert.equal("Disable", focused "innerText")
    browser:press("Enter", "Tab", "Enter")
    browser:await(INVENTORY, "disabled")
    assert.equal("disabled", state())
    browser:await("#said", "Done: disable inventory.")
    browser:click(INVENTORY .. " [data-action=reset]")
    browser:click(INVENTORY .. " .confirm [type=submit]")
    poll("a closed breaker", function() return state() == "closed" end)
  end)

  it("shows what is wrong with the scripts, and that it is gone", function()
    local text <const> = files.read(scripts .. "/routes/products.lua")
    open()
    files.write(scripts .. "/routes/products.lua", text .. "\nlocal x =\n\n  return return\n")
    browser:await("#failure", "routes/products.lua:")
    local shown <const> = browser:text "#failure .excerpt"
    assert.is_truthy(shown:find("> +return return"), shown)
    assert.is_truthy(shown:find("local x =", 1, true))
    browser:await("#findings", "the scripts on disk cannot be loaded")
    browser:await("#facts", "differs")
    files.write(scripts .. "/routes/products.lua", text)
    browser:await_none "#failure"
    browser:await("#findings", "All is well")
  end)

  it("shows how generations differ, and goes back", function()
    local path <const> = scripts .. "/routes/products.lua"
    local text <const> = files.read(path)
    open()
    local first <const> = math.tointeger(gateway:admin("GET", "/admin/status").json.live.generation)
    files.write(path, text .. "\n-- a new line at the end\n")
    browser:await("#scripts tbody tr:nth-child(2)", "Roll back")
    browser:click "#scripts tbody tr:nth-child(2) button:nth-of-type(1)"
    browser:await("#scripts .diff", "+-- a new line at the end")
    browser:click "#scripts tbody tr:nth-child(2) button:nth-of-type(2)"
    browser:await("#scripts .confirm", "Go back to the scripts of generation " .. first)
    browser:click "#scripts .confirm [type=submit]"
    browser:await("#scripts tbody tr:nth-child(1)", "rollback to " .. first)
    browser:await("#facts", tostring(first + 2))
    browser:await("#findings", "rolled back")
    files.write(path, text)
    poll("the end of the hold", function()
      return not gateway:admin("GET", "/admin/status").json.held
    end)
  end)

  it("shows an order that cannot be undone, and resolves it", function()
    demo:break_down("inventory", { status = 503, path = "/api/v1/stock/release" })
    demo:break_down("pricing", { status = 500 })
    local order <const> = { items = { { productId = "TEST-002", quantity = 1 } } }
    local id <const> = correlation_id(gateway:post("/api/v1/orders", order))
    open()
    browser:await("#sagas", "being undone")
    browser:await("#sagas", "status 503")
    assert.equal("#request=" .. id, browser:run [[
      return document.querySelector("#sagas .story a").getAttribute("href");
    ]])
    browser:click "#sagas .actions button:nth-of-type(2)"
    browser:type("#sagas .confirm input", "counted by hand")
    browser:press "Enter"
    browser:await("#sagas", "None is open")
    demo:repair()
    demo:release_all()
  end)

  it("has an undo tried now", function()
    demo:break_down("inventory", { status = 503, path = "/api/v1/stock/release" })
    demo:break_down("pricing", { status = 500 })
    gateway:post("/api/v1/orders", { items = { { productId = "TEST-002", quantity = 1 } } })
    open()
    browser:await("#sagas", "undo is due")
    local id <const> = gateway:admin("GET", "/admin/sagas?open").json.sagas[1].id
    poll("a pause of some seconds", function()
      return gateway:admin("GET", "/admin/sagas/" .. id).json.steps[1].undo_attempts >= 6
    end)
    demo:repair()
    browser:click "#sagas .actions button:nth-of-type(1)"
    browser:click "#sagas .confirm [type=submit]"
    browser:await("#sagas", "None is open")
    browser:await("#requests tbody", "saga order") -- of no generation
    assert.is_nil(browser:text("#requests tbody"):find("null", 1, true))
    demo:await_reservations(0)
  end)

  it("shows jobs, and how they end", function()
    open()
    local answer <const> = gateway:post("/api/v1/reports/generate",
      { reportType = "inventory_summary", startDate = "2026-01-01", endDate = "2026-01-31" })
    assert.equal(202, answer.status, answer.body)
    browser:await("#jobs", answer.json.jobId)
    browser:await("#jobs", "done")
  end)

  -- --- for everybody ---

  it("fits a phone", function()
    open("#request=" .. correlation_id(gateway:get(PRODUCT)))
    browser:resize(375, 800)
    browser:await("#requests .one", "inventory")
    browser:await("#backends", "inventory")
    assert.is_true(browser:run "return document.documentElement.scrollWidth <= 375")
  end)

  it("breaks what is too long", function()
    local init <const> = files.read(scripts .. "/init.lua")
    files.write(scripts .. "/init.lua", init .. [[
      local g <const> = require "gateway"
      g.route("GET /long", function() g.log.warn(("W"):rep(400)) return 200, {} end)
    ]])
    poll("the route", function() return gateway:get("/long").status == 200 end)
    open("#request=" .. correlation_id(gateway:get "/long"))
    browser:await("#requests .one", "WWW")
    assert.is_true(browser:run "return document.documentElement.scrollWidth <= innerWidth")
    files.write(scripts .. "/init.lua", init)
    poll("the end of the route", function() return gateway:get("/long").status == 404 end)
  end)

  it("is dark for who wants it dark", function()
    open()
    local background <const> = "return getComputedStyle(document.body).backgroundColor"
    assert.equal("rgb(247, 247, 245)", browser:run(background))
    browser:prefer "dark"
    assert.equal("rgb(15, 17, 21)", browser:run(background))
  end)

  -- axe-core is run by DevTools, since the page's own policy would not have it.
  local function accessibility_problems()
    local pipe <close> = assert(io.popen "gzip -dc spec/support/vendor/axe.min.js.gz")
    browser:devtools("Runtime.evaluate", { expression = pipe:read "a" })
    local result <const> = browser:devtools("Runtime.evaluate", {
      expression = [[axe.run().then((found) => found.violations.map((one) => one.id + ": " +
        one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")).join("\n"))]],
      awaitPromise = true,
      returnByValue = true,
    })
    return result.result.value
  end

  for _, scheme in ipairs { "light", "dark" } do
    it("has nothing that axe complains of, " .. scheme, function()
      browser:prefer(scheme, "reduce")
      local id <const> = correlation_id(gateway:get(PRODUCT))
      open("#request=" .. id)
      browser:await("#requests .one", id)
      ask_for_products(3)
      browser:await("#routes tbody", "ms")
      assert.equal("", accessibility_problems())
    end)
  end

  it("comes back when the gateway does, and says so meanwhile", function()
    open()
    browser:run [[
      window.seen = [];
      new MutationObserver(() => window.seen.push(document.getElementById("feed").innerText))
        .observe(document.getElementById("feed"), { subtree: true, childList: true,
          characterData: true });
    ]]
    gateway:stop()
    browser:await("#feed", "Not connected")
    browser:await("#findings", "its live feed is lost")
    demo:start_gateway { ADMIN_PORT = port, PORT = gateway.port }
    gateway = demo.gateway
    browser:await("#feed", "Live")
    browser:await("#findings", "All is well")
    browser:complaints() -- of what was refused meanwhile
  end)

  it("asks for the token, and keeps it for the tab", function()
    local guarded <const> = demo:start_gateway {
      ADMIN_TOKEN = "öffne dich €", DATA_DIR = files.folder(),
    }
    local listening <const> = guarded:await_log "admin listening"
    browser:go "about:blank"
    browser:go(("http://127.0.0.1:%d/"):format(math.tointeger(listening.port)))
    browser:await("#token", "ADMIN_TOKEN")
    browser:type("#token-value", "wrong")
    browser:press "Enter"
    browser:await("#token", "That is not the token")
    browser:type("#token-value", "öffne dich €")
    browser:press "Enter"
    browser:await("#feed", "Live")
    open("", math.tointeger(listening.port))
    assert.is_nil(browser:text "#token")
    browser:complaints() -- of the 401s
  end)

  it("asked nobody else for anything, and broke none of its rules", function()
    assert.same({}, complaints)
    for _, address in ipairs(browser:requested()) do
      local is_ours <const> = address:find "^http://127%.0%.0%.1:%d+/"
      assert.is_truthy(is_ours or not address:find "^%a+://[%w.]+%.%w", address)
    end
  end)
end)
