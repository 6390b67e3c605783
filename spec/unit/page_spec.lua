-- The page of the development mode, and the same as problem+json.
local World <const> = require "support.world"

local BROWSER <const> = { accept = "text/html,application/xhtml+xml,*/*;q=0.8" }
local XSS <const> = [["'><script>alert(1)</script><img src=x onerror=alert(1)>]]

describe("in development", function()
  local world, gateway

  before_each(function()
    world = World.new { development = true }
    gateway = world.gateway
  end)

  local function with(headers, more)
    local all <const> = {}
    for _, source in ipairs { headers, more or {} } do
      for name, value in pairs(source) do
        all[name] = value
      end
    end
    return all
  end

  local function get(handler, headers, target)
    gateway.route("GET /x/:id", handler)
    return world:start():request("GET", target or "/x/1", { headers = headers })
  end

  -- Runs as if it were the script routes/x.lua.
  local function script(text)
    world.files["routes/x.lua"] = text
    return assert(load(text, "@routes/x.lua", "t", world.globals))()
  end

  local BOOM <const> = "local function deep()\n  error 'boom'\nend\nreturn function()\n  deep()\n"
    .. "  return 200\nend\n"

  describe("a bug", function()
    it("is a page for browsers", function()
      local reply <const> = get(script(BOOM), BROWSER)
      assert.equal(500, reply.status)
      assert.equal("text/html; charset=utf-8", reply.headers["content-type"])
      assert.equal("default-src 'none'; style-src 'unsafe-inline'",
        reply.headers["content-security-policy"])
      assert.equal("no-store", reply.headers["cache-control"])
      assert.truthy(reply.text:find("<h1>boom</h1>", 1, true))
      assert.truthy(reply.text:find('<span class="hit"><i>2</i>', 1, true))
      assert.truthy(reply.text:find('<span class="row"><i>1</i>', 1, true))
      assert.truthy(reply.text:find("<b>routes/x.lua:2</b>", 1, true))
      assert.truthy(reply.text:find("<b>routes/x.lua:5</b>", 1, true))
      assert.falsy(reply.text:find("gateway.route", 1, true))
      assert.falsy(reply.text:find("[C]", 1, true))
    end)

    it("is a problem for others", function()
      local reply <const> = get(script(BOOM))
      assert.equal("application/problem+json", reply.headers["content-type"])
      assert.equal("routes/x.lua:2: boom", reply.json.error)
      assert.equal("routes/x.lua:2", reply.json.place)
      assert.equal("bug", reply.json.kind)
      assert.equal(">    2 |   error 'boom'", reply.json.excerpt[2])
      assert.equal("stack traceback:\n\troutes/x.lua:2: in function 'deep'\n"
        .. "\troutes/x.lua:5: in function 'handler'", reply.json.traceback)
      assert.same({ id = "1" }, reply.json.request.params)
      assert.equal("internal error", reply.json.detail)
    end)

    it("has a place though its error has none", function()
      local reply <const> = get(script "return function()\n  error({ code = 5 })\nend")
      assert.equal("routes/x.lua:2", reply.json.place)
      assert.equal('(the error is a table value: {"code":5})', reply.json.error)
    end)

    for value, said in pairs {
      ["nil"] = "(the error is a nil value)",
      ["print"] = "(the error is a function value)",
      ["true"] = "(the error is a boolean value: true)",
      ["setmetatable({}, { __tostring = function() return 'told' end })"] = "told",
      ["setmetatable({}, { __tostring = function() error 'again' end })"] = nil,
    } do
      it("may be any value: " .. value, function()
        world.globals.print = print
        local reply <const> = get(script("return function()\n  error(" .. value .. ")\nend"))
        assert.equal(500, reply.status)
        assert.equal(said, reply.json.error)
      end)
    end

    it("in a hook is one, too", function()
      local boom <const> = script(BOOM)
      gateway.route("GET /before", { before = boom }, function() return 200 end)
      gateway.route("GET /after", { after = boom }, function() return 200 end)
      world:start()
      for _, path in ipairs { "/before", "/after" } do
        local reply <const> = world:request("GET", path, { headers = BROWSER })
        assert.truthy(reply.text:find("<b>routes/x.lua:2</b>", 1, true))
      end
    end)

    it("in the answer itself is at the route", function()
      world.files["routes.lua"] = "gateway.route(...)\n"
      local reply <const> = get(function() return 200, "x", { ["x-a"] = "a\nb" } end, BROWSER)
      assert.equal(500, reply.status)
      assert.truthy(reply.text:find("the answer of route &#39;GET /x/:id&#39; cannot be sent", 1,
        true))
      assert.truthy(reply.text:find("header &#39;x-a&#39;: the value has a control character", 1,
        true))
      assert.truthy(reply.text:find('<span class="hit"><i>1</i>', 1, true))
      assert.equal("routes.lua:1", world:logged("error")[1].where)
    end)

    it("that is no status is at the route", function()
      world.files["routes.lua"] = "gateway.route(...)\n"
      assert.equal("routes.lua:1", get(function() end).json.place)
    end)

    it("can be told though the script has spoilt the request", function()
      local function spoil(req)
        req.headers, req.params, req.body, req.method = nil, 5, print, nil
        error "boom"
      end
      local reply <const> = get(spoil, BROWSER)
      assert.equal(500, reply.status)
      assert.equal("internal error", reply.json.detail)
    end)
  end)

  describe("a failure", function()
    local function fail(answer, headers)
      local b <const> = gateway.backend("pricing", { url = "http://b" })
      world.backends.pricing = function() return answer end
      return get(function()
        gateway.call(b:get("/prices/{id}", { id = "1", query = { token = "s3cr3t" } }))
        return 200
      end, headers)
    end

    it("says what it is, where, and what was called", function()
      local body <const> = fail({ kind = "timeout", delay = 0.25 }).json
      assert.equal("timeout", body.kind)
      assert.equal("pricing", body.backend)
      assert.same({ {
        backend = "pricing", method = "GET", path = "/prices/1?token=[redacted]",
        failure = "timeout", attempts = 1, duration_ms = 250, ended_ms = 250,
      } }, body.calls)
      assert.equal("pricing did not answer in time", body.detail)
      assert.is_nil(body.traceback)
    end)

    it("is a page for browsers", function()
      local reply <const> = fail({ kind = "open", retry_after = 7 }, BROWSER)
      assert.equal(503, reply.status)
      assert.equal(7, reply.headers["retry-after"])
      assert.truthy(reply.text:find(", a failure: open</p>", 1, true))
      assert.truthy(reply.text:find('<em class="bad">open</em>', 1, true))
      assert.falsy(reply.text:find("s3cr3t", 1, true))
    end)

    it("that the script has made itself is an answer like any other", function()
      local reply <const> = get(function() gateway.fail(404, "no such thing", { a = 1 }) end,
        BROWSER)
      assert.equal("application/problem+json", reply.headers["content-type"])
      assert.is_nil(reply.json.kind)
      assert.is_nil(reply.json.calls)
      assert.equal(1, reply.json.a)
    end)
  end)

  it("what was undone is on the page", function()
    local b <const> = gateway.backend("stock", { url = "http://b" })
    world.backends.stock = function() return { status = 200, json = {} } end
    local reply <const> = get(function()
      local saga <close> = gateway.saga("order", "1")
      saga:step(b:post "/reserve", b:post "/release")
      error "boom"
    end, BROWSER)
    assert.truthy(reply.text:find("Undone", 1, true))
    assert.truthy(reply.text:find("POST /release", 1, true))
  end)

  describe("nothing can get out of the page:", function()
    local function assert_safe(reply)
      assert.equal(500, reply.status)
      assert.equal("text/html; charset=utf-8", reply.headers["content-type"])
      assert.falsy(reply.text:find("<script", 1, true))
      assert.falsy(reply.text:find("<img", 1, true))
      assert.truthy(reply.text:find("&lt;script&gt;alert(1)&lt;/script&gt;", 1, true))
    end

    it("an error", function()
      assert_safe(get(function() error(XSS, 0) end, BROWSER))
    end)

    it("a path and a parameter", function()
      local hex <const> = XSS:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
      assert_safe(get(function() error "x" end, BROWSER, "/x/" .. hex))
    end)

    it("a query and its names", function()
      local hex <const> = XSS:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
      assert_safe(get(function(req)
        req.query[XSS] = "1"
        error "x"
      end, BROWSER, "/x/1?a=" .. hex))
    end)

    it("headers and their names", function()
      assert_safe(get(function() error "x" end, with(BROWSER, { ["x-a"] = XSS, [XSS] = "1" })))
    end)

    it("a body", function()
      gateway.route("POST /x", function() error "x" end)
      assert_safe(world:start():request("POST", "/x", { body = XSS, headers = BROWSER }))
    end)

    it("the source", function()
      local lines <const> = {
        "return function()",
        "  -- " .. XSS,
        "  local s = [[" .. XSS .. "]]",
        "  s = s .. '<script>' .. \"<img\"",
        "  error(s and 'x')",
        "end",
      }
      assert_safe(get(script(table.concat(lines, "\n")), BROWSER))
    end)

    it("the path of a call", function()
      local b <const> = gateway.backend("b", { url = "http://b" })
      world.backends.b = function() return { status = 200, json = {} } end
      assert_safe(get(function()
        gateway.call(b:get("/" .. XSS))
        error "x"
      end, BROWSER))
    end)

    it("control characters and what is not UTF-8", function()
      local reply <const> = get(function() error("a\0b\27[1m\xff", 0) end, BROWSER)
      assert.truthy(utf8.len(reply.text))
      assert.falsy(reply.text:find "[\0-\8\11-\31\127]")
    end)
  end)

  describe("a line of Lua in colour", function()
    local highlight

    before_each(function() highlight = world.globals.require "gateway.highlight" end)

    local function plain(html)
      return (html:gsub("<[^>]*>", ""):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"')
        :gsub("&#39;", "'"):gsub("&amp;", "&"))
    end

    it("says what it said", function()
      for _, line in ipairs {
        "", "   ", "local x <const> = 'a\\'b' .. \"c\" -- & done", "a[1] = [[long]] .. [==[x]==]",
        "s = 'no end", "s = [[no end", "if a-b then return 0x1F, 1e5 end", "--", "-", "é = ü", "\\",
        "'\\",
      } do
        assert.equal(line, plain(highlight(line)))
      end
    end)

    it("knows words, strings, numbers and comments", function()
      assert.equal('<span class="k">local</span> x = <span class="n">1</span> '
        .. '<span class="c">-- &lt;b&gt;</span>', highlight "local x = 1 -- <b>")
      assert.equal('f(<span class="s">&#39;end&#39;</span>)', highlight "f('end')")
    end)
  end)
end)


describe("in production", function()
  it("a bug is an internal error, also to browsers", function()
    local world <const> = World.new()
    world.gateway.route("GET /x", function() error "boom" end)
    local reply <const> = world:start():request("GET", "/x", { headers = BROWSER })
    assert.equal("application/problem+json", reply.headers["content-type"])
    assert.same({
      type = "about:blank", title = "Unknown", status = 500, detail = "internal error",
      correlation_id = "correlation-1",
    }, reply.json)
    assert.is_nil(package.loaded["gateway.report"])
  end)
end)
