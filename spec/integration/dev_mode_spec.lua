-- What a failing script shows: everything in development, nothing in production; and the log that
-- goes with it.
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"

-- Longer than Lua shows a file's name.
local LONG <const> = ("a_very_long_name_"):rep(6)

local INIT <const> = ([[
local gateway <const> = require "gateway"
require "%s"
local thing <const> = gateway.backend("thing", { url = gateway.env "INVENTORY_SERVICE_URL" })
local nowhere <const> = gateway.backend("nowhere", { url = "http://127.0.0.1:1", attempts = 2 })

local function deep(response)
  return response.json.no.such
end

gateway.route("GET /boom/:id", function(req)
  local response <const> = gateway.call(thing:get("/things/{id}", { id = req.params.id }))
  return 200, { told = deep(response) }
end)
gateway.route("POST /boom", function() error { code = 7 } end)
gateway.route("GET /down", function()
  gateway.call(thing:get "/before")
  return 200, gateway.call(nowhere:get "/x").json
end)
gateway.route("GET /nan", function()
  return 200, { price = 0 / 0 }
end)
gateway.route("GET /header", function() return 200, "x", { ["x-a"] = "a\r\nb" } end)
gateway.route("GET /before", { before = function() error "boom before" end }, function() end)
gateway.route("GET /after", { after = function() error "boom after" end }, function()
  return 200
end)
gateway.route("GET /map", function()
  gateway.map({ 1, 2 }, function(i) gateway.call(thing:get("/{i}", { i = i })).json.a.b = 1 end)
end)
gateway.route("GET /overflow", function()
  local function recurse(n) return 1 + recurse(n + 1) end
  return 200, recurse(1)
end)
gateway.route("GET /many", function()
  for i = 1, 20 do gateway.call(thing:get("/{i}", { i = i })) end
  error "boom many"
end)
gateway.route("GET /own", function() gateway.fail(404, "no such thing") end)
]]):format(LONG)

local SCRIPTS <const> = {
  ["init.lua"] = INIT,
  [LONG .. ".lua"] = [[
local gateway <const> = require "gateway"
gateway.route("GET /long", function()
  error "boom long"
end)
]],
}

local ACCEPT <const> = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
local SECRET <const> = "s3cr3t-7ff1"
local FAILING <const> = {
  "/boom/1", "/down", "/nan", "/header", "/before", "/after", "/map", "/overflow",
}


describe("development", function()
  local backend, gateway

  setup(function()
    backend = rough.start()
    gateway = gateways.start_with(SCRIPTS, {
      GATEWAY_ENV = "development",
      INVENTORY_SERVICE_URL = backend.url,
    })
  end)
  teardown(process.end_all)

  local function page(path, ...)
    local response = gateway:get(path, ACCEPT, ...)
    assert.equal("text/html; charset=utf-8", response.headers["content-type"], response.body)
    return response
  end

  local function has(response, text)
    assert.is_truthy(response.body:find(text, 1, true), text .. " is not in " .. response.body)
  end

  local function has_not(response, text)
    assert.is_falsy(response.body:find(text, 1, true), text)
  end

  it("shows browsers a page, others a problem", function()
    assert.equal(500, page("/boom/1").status)
    for _, accept in ipairs { "Accept: */*", "Accept: application/json", "X-None: 1" } do
      local response = gateway:get("/boom/1", accept)
      assert.equal("application/problem+json", response.headers["content-type"])
      assert.equal("init.lua:7", response.json.place)
    end
  end)

  it("allows the page nothing but its own style", function()
    local response = page "/boom/1"
    assert.equal("default-src 'none'; style-src 'unsafe-inline'",
      response.headers["content-security-policy"])
    has_not(response, "<script")
    for _, reference in ipairs { "src=", "href=", "url(", "@import" } do
      has_not(response, reference)
    end
  end)

  it("marks the line, from the bytes that are loaded", function()
    local response = page "/boom/1"
    has(response, "attempt to index a nil value (field &#39;no&#39;)")
    has(response, '<span class="hit"><i>7</i>')
    has(response, '<span class="row"><i>2</i>')
    has(response, '<span class="row"><i>12</i>')
    has_not(response, "<i>13</i>")
    local lines = gateway:get("/boom/1").json.excerpt
    assert.equal(">    7 |   return response.json.no.such", lines[6])
  end)

  it("has the traceback in the operator's files only", function()
    local trace = gateway:get("/boom/1").json.traceback
    assert.equal("stack traceback:\n\tinit.lua:7: in function 'deep'\n"
      .. "\tinit.lua:12: in function 'handler'", trace)
    has(page "/boom/1", "<b>init.lua:12</b>")
    has_not(page "/boom/1", "[C]")
    has_not(page "/boom/1", "gateway.route:")
  end)

  it("lists the calls made so far", function()
    local calls = gateway:get("/boom/1").json.calls
    assert.equal(1, #calls)
    assert.same({ "thing", "GET", "/things/1", 200, 1 }, {
      calls[1].backend, calls[1].method, calls[1].path, calls[1].status, calls[1].attempts,
    })
    assert.is_true(calls[1].duration_ms > 0 and calls[1].ended_ms >= calls[1].duration_ms)
    has(page "/boom/1", "GET /things/1")
    assert.equal(2, #gateway:get("/map").json.calls)
  end)

  it("shows the request without its secrets", function()
    local response = page("/boom/1?page=2&api_key=" .. SECRET, "Authorization: Bearer " .. SECRET,
      "Cookie: session=" .. SECRET, "Proxy-Authorization: " .. SECRET, "X-Api-Key: " .. SECRET,
      "Set-Cookie: " .. SECRET, "X-Shown: yes", "Referer: http:/" .. "/x/?token=" .. SECRET)
    has_not(response, SECRET)
    has(response, "<dt>x-shown</dt><dd>yes</dd>")
    has(response, "<dt>page</dt><dd>2</dd>")
    has(response, "<dt>id</dt><dd>1</dd>")
    has(response, '<dt>authorization</dt><dd class="hidden">hidden</dd>')
    local posted = gateway:post("/boom", { password = SECRET, name = "ann" })
    assert.is_falsy(posted.body:find(SECRET, 1, true))
    assert.is_truthy(posted.json.request.body:find('"name":"ann"', 1, true))
    assert.equal('(the error is a table value: {"code":7})', posted.json.error)
    assert.equal("init.lua:14", posted.json.place)
  end)

  it("escapes what a client sends", function()
    local response = page("/boom/%3Cscript%3Ealert(1)%3C%2Fscript%3E?%3Cb%3E=%3Ci%3E",
      "X-Evil: \"'><script>alert(2)</script>")
    has_not(response, "<script")
    has_not(response, "<b>=")
    has(response, "&lt;script&gt;alert(1)")
    has(response, "&quot;&#39;&gt;&lt;script&gt;alert(2)")
  end)

  it("tells of failures that are no bugs", function()
    local response = gateway:get "/down"
    assert.equal(502, response.status)
    assert.same({ "connect", "nowhere", "init.lua:17" },
      { response.json.kind, response.json.backend, response.json.place })
    assert.equal(2, #response.json.calls)
    assert.same({ "nowhere", "connect", 2, "/x" }, {
      response.json.calls[2].backend, response.json.calls[2].failure,
      response.json.calls[2].attempts, response.json.calls[2].path,
    })
    assert.equal(502, page("/down").status)
    has(page "/down", "init.lua:17, a failure: connect")
  end)

  it("leaves a script's own problem as it is", function()
    local response = gateway:get("/own", ACCEPT)
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.is_nil(response.json.kind)
  end)

  it("says of an answer that cannot be sent which route and what it was", function()
    local response = gateway:get "/nan"
    assert.equal("init.lua:19", response.json.place)
    assert.is_truthy(response.json.error:find("the answer of route 'GET /nan' cannot be sent", 1,
      true), response.json.error)
    assert.is_truthy(response.json.error:find("price", 1, true))
    local line = gateway:await_log(response.json.error)
    assert.equal("init.lua:19", line.where)
    assert.equal("init.lua:22", gateway:get("/header").json.place)
  end)

  it("has the place of a hook's error", function()
    assert.equal("init.lua:23", gateway:get("/before").json.place)
    assert.equal("init.lua:24", gateway:get("/after").json.place)
    assert.equal(500, page("/after").status)
  end)

  it("finds a file whose name is too long to be shown", function()
    local response = gateway:get "/long"
    assert.is_truthy(response.json.place:find("^%.%.%..*_name_%.lua:3$"), response.json.place)
    assert.equal('>    3 |   error "boom long"', response.json.excerpt[3])
    has(page "/long", '<span class="hit"><i>3</i>')
  end)

  it("says how many calls it does not show", function()
    local response = gateway:get "/many"
    assert.same({ 16, 4 }, { #response.json.calls, response.json.calls_not_shown })
    has(page "/many", "and 4 more")
  end)

  it("shows a page for each way to fail", function()
    for _, path in ipairs(FAILING) do
      assert.is_true(page(path).status >= 500, path)
    end
  end)
end)


describe("production", function()
  local gateway

  setup(function()
    gateway = gateways.start_with(SCRIPTS, { INVENTORY_SERVICE_URL = rough.start().url })
  end)
  teardown(process.end_all)

  it("shows nothing of it, to anybody", function()
    for _, path in ipairs(FAILING) do
      for _, accept in ipairs { ACCEPT, "Accept: */*" } do
        local response = gateway:get(path, accept)
        assert.is_true(response.status >= 500, path)
        assert.equal("application/problem+json", response.headers["content-type"])
        for _, word in ipairs { ".lua", "traceback", "boom", "excerpt", "response", "calls", "kind",
          "attempt", "recurse" } do
          assert.is_falsy(response.body:find(word, 1, true), path .. ": " .. response.body)
        end
      end
    end
  end)

  it("has it all in the log", function()
    gateway:get "/nan" -- and before: once is enough
    local line = poll("the bug", function()
      for _, one in ipairs(gateway:log()) do
        if one.where == "init.lua:19" and one.level == "error" then return one end
      end
    end)
    assert.is_truthy(line.message:find("GET /nan", 1, true))
    assert.is_truthy(line.message:find("price", 1, true))
  end)
end)


describe("the log for people", function()
  teardown(process.end_all)

  local function start(arguments, environment)
    local settings =
      { HOST = "127.0.0.1", PORT = 0, ADMIN_PORT = 0, WORKERS = 1, DRAIN_SECONDS = 0, TZ = "UTC" }
    for name, value in pairs(environment or {}) do
      settings[name] = value
    end
    local serving = process.start({ gateways.binary, "serve", table.unpack(arguments) }, settings)
    return poll("a line", function() return serving:output():match "^([^\n]*)\n" end)
  end

  it("is coloured with --dev", function()
    local line = start { "--dev", "--scripts-dir", "scripts" }
    local start_of_line = "^\27%[2m%d%d:%d%d:%d%d%.%d%d%d\27%[0m\27%[36m  info \27%[0mlistening"
    assert.is_truthy(line:find(start_of_line),
      line)
  end)

  it("honours NO_COLOR", function()
    local line = start({ "--dev", "--scripts-dir", "scripts" }, { NO_COLOR = "1" })
    assert.is_truthy(line:find("^%d%d:%d%d:%d%d%.%d%d%d  info listening  "))
  end)

  it("has no colour where nobody asked for it", function()
    local line = start({ "--scripts-dir", "scripts" }, { LOG_FORMAT = "text" })
    assert.is_truthy(line:find("^%d%d:%d%d:%d%d%.%d%d%d  info listening  "))
  end)

  it("is JSON where nobody looks on", function()
    local line = start { "--scripts-dir", "scripts", "--gateway-env", "development" }
    assert.is_truthy(line:find '^{"time":')
  end)
end)
