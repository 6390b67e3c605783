-- gateway.testing, as an operator's spec uses it. That it does so inside the binary, over the real
-- core's own judgement, the integration specs show.
require "support.world"
local budget <const> = require "gateway.check.budget"
local testing <const> = require "gateway.testing"

local BACKENDS <const> = [[
local gateway <const> = require "gateway"
return { stock = gateway.backend("stock", { url = "http://stock", timeout = 10 }) }
]]

-- A gateway whose one route, POST /x/:id, has this handler.
local function load(handler, options)
  options = options or {}
  options.scripts = {
    backends = BACKENDS,
    init = ([[
      local gateway <const> = require "gateway"
      local b <const> = require "backends"
      gateway.route("POST /x/:id", { deadline = 20 }, function(req) %s end)
    ]]):format(handler),
  }
  return testing.load(options)
end

local function raised_by(fn, ...)
  local ok <const>, raised <const> = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(raised)
end


describe("testing.load", function()
  it("loads the scripts in their sandbox, afresh each time", function()
    assert.matches("global 'count' cannot be set", load("count = 1"):request("POST", "/x/1").bug)
    local scripts <const> = { init = [[
      local gateway <const> = require "gateway"
      local n = 0
      gateway.route("GET /", function() n = n + 1 return 200, { n = n } end)
    ]] }
    for _ = 1, 2 do
      assert.equal(1, testing.load({ scripts = scripts }):request("GET", "/").json.n)
    end
  end)

  it("raises what is wrong with the scripts", function()
    assert.matches("init.lua:1: unknown global 'io'",
      raised_by(testing.load, { scripts = { init = "local f = io.open" } }))
  end)

  it("ends what does not end", function()
    budget.seconds = 0.05
    local LOOPS <const> = {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "coroutine.wrap(function() while true do end end)()",
    }
    for _, text in ipairs(LOOPS) do
      assert.matches("init.lua:1: still running after a second",
        raised_by(testing.load, { scripts = { init = text } }))
      local raised <const> = raised_by(function() load(text):request("POST", "/x/1") end)
      assert.matches("spec.lua:%d+: still running after a second .*init.lua:3: in", raised)
    end
    assert.is_nil(debug.gethook())
    budget.seconds = 1
  end)

  it("takes variables of the environment", function()
    local handler <const> = [[
      local g <const> = require "gateway"
      return 200, { g.env("PORT", "none"), g.development }
    ]]
    assert.same({ "none", false }, load(handler):request("POST", "/x/1").json)
    assert.same({ "7", true }, load(handler, { env = { PORT = "7" }, development = true })
      :request("POST", "/x/1").json)
  end)

  it("refuses options it does not know", function()
    assert.matches("spec.lua:%d+: testing.load has no option 'evn' %(did you mean 'env'%?%)",
      raised_by(function() testing.load { evn = {} } end))
  end)
end)


describe("a request", function()
  it("goes to its route, and gives what was answered", function()
    local gw <const> = load [[
      local seen = { req.params.id, req.query.q, req.headers.accept, req:json().n }
      return 201, seen, { ["x-y"] = "z" }
    ]]
    local response <const> = gw:request("POST", "/x/a%2Fb?q=1+2", {
      json = { n = 5 }, headers = { Accept = "text/csv" },
    })
    assert.equal(201, response.status)
    assert.same({ "a/b", "1 2", "text/csv", 5 }, response.json)
    assert.equal("z", response.headers["x-y"])
    assert.equal("application/json", response.headers["content-type"])
    assert.equal(0, response.took)
  end)

  it("is answered as the core does where there is no route", function()
    local gw <const> = load "return 200"
    assert.equal(404, gw:request("GET", "/y").status)
    assert.equal(405, gw:request("GET", "/x/1").status)
    assert.equal(400, gw:request("GET", "/%zz").status)
    assert.equal(200, gw:request("GET", "/health").status)
  end)

  it("tells of a bug", function()
    local response <const> = load("return req.nothing.x"):request("POST", "/x/1")
    assert.equal(500, response.status)
    assert.matches("init.lua:%d+: attempt to index a nil value %(field 'nothing'%)", response.bug)
    assert.is_nil(load("return 500"):request("POST", "/x/1").bug)
  end)

  it("may be hung up on", function()
    local gw <const> = load [[
      local saga <close> = gateway.saga("order", "1")
      saga:step(b.stock:post "/reserve", b.stock:post "/release")
      gateway.sleep(10)
      saga:commit()
      return 200
    ]]
    gw.backend("stock"):on("*", { status = 201, latency = 1 })
    gw:request("POST", "/x/1", { hang_up = 5 })
    local calls <const> = gw.backend("stock"):calls()
    assert.equal("/release", calls[2].path)
    assert.equal(5, calls[2].at)
  end)

  it("refuses what it does not know", function()
    local gw <const> = load "return 200"
    assert.matches("has no option 'jsno' %(did you mean 'json'%?%)",
      raised_by(gw.request, gw, "POST", "/x/1", { jsno = {} }))
    assert.matches("wants a method and a path", raised_by(gw.request, gw, "POST"))
    assert.matches("with a colon", raised_by(gw.request, "POST", "/x/1"))
  end)
end)


describe("a fake backend", function()
  local CALL <const> = [[
    local response = gateway.call(b.stock:post("/items/{id}", {
      id = req.params.id, query = { a = 1 }, json = { n = 1 }, headers = { ["X-A"] = "b" },
      fallback = true,
    }))
    local failed = response.error
    return 200, { json = response.json, body = response.body, status = response.status,
      error = failed and { failed.kind, failed.status, failed.json } }
  ]]

  local function answer(...)
    local gw <const> = load(CALL)
    gw.backend("stock"):on("POST /items/{id}", ...)
    return gw:request("POST", "/x/7"), gw
  end

  it("answers as it is told", function()
    assert.same({ status = 200, json = { a = 1 } }, (answer { json = { a = 1 } }).json)
    assert.same({ status = 202, body = "text" }, (answer { status = 202, body = "text" }).json)
    assert.same({ status = 200, body = "" }, (answer {}).json)
    assert.same({ error = { "status", 503, { detail = "no" } } },
      (answer { status = 503, json = { detail = "no" } }).json)
    assert.same({ error = { "status", 302 } }, (answer { status = 302 }).json)
    for _, kind in ipairs { "connect", "dns", "tls", "timeout", "open", "refused", "too_large" } do
      assert.same({ error = { kind } }, (answer { fail = kind }).json)
    end
    assert.same({ error = { "decode", 200 } },
      (answer { body = "{", headers = { ["Content-Type"] = "application/json" } }).json)
  end)

  it("answers what a function makes of the call", function()
    local response <const> = answer(function(call)
      return { json = { call.method, call.path, call.query, call.json, call.headers["x-a"] } }
    end)
    assert.same({ "POST", "/items/7", { a = "1" }, { n = 1 }, "b" }, response.json.json)
  end)

  it("answers one after the other, the last one for ever", function()
    local gw <const> = load(CALL)
    gw.backend("stock"):on("POST /items/{id}", { json = 1 }, { json = 2 })
    for _, expected in ipairs { 1, 2, 2 } do
      assert.equal(expected, gw:request("POST", "/x/7").json.json)
    end
  end)

  it("does what was said last", function()
    local gw <const> = load(CALL)
    gw.backend("stock"):on("*", { json = 1 }):on("POST /items/7", { json = 2 })
    assert.equal(2, gw:request("POST", "/x/7").json.json)
    assert.equal(1, gw:request("POST", "/x/8").json.json)
    gw.backend("stock"):on("*", { json = 3 })
    assert.equal(3, gw:request("POST", "/x/7").json.json)
  end)

  it("takes its time, which takes none", function()
    local response <const>, gw <const> = answer { json = 1, latency = 4 }
    assert.equal(4, response.took)
    assert.equal(4, gw:now())
    local late <const> = answer { json = 1, latency = 11 }
    assert.same({ error = { "timeout" } }, late.json)
    assert.equal(10, late.took)
  end)

  it("notes the calls", function()
    local _, gw <const> = answer {}
    assert.same({ {
      method = "POST", path = "/items/7", query = { a = "1" }, json = { n = 1 }, at = 0,
      headers = { ["x-a"] = "b", ["content-type"] = "application/json" },
    } }, gw.backend("stock"):calls())
  end)

  it("fails the test over a call that nobody answers, though the script copes", function()
    local gw <const> = load(CALL)
    local raised <const> = raised_by(function() gw:request("POST", "/x/7") end)
    assert.matches("testing_spec.lua:%d+: the test gives no answer to\n  stock: POST /items/7",
      raised)
    gw.backend("stock"):on("*", {})
    assert.equal(200, gw:request("POST", "/x/7").status)
  end)

  it("has a breaker that says what it is told", function()
    local gw <const> = load "return 200, b.stock:state()"
    assert.equal("closed", gw:request("POST", "/x/1").body)
    gw.backend("stock"):set_state "open"
    assert.equal("open", gw:request("POST", "/x/1").body)
    assert.matches("state of a breaker", raised_by(gw.backend("stock").set_state, gw, "broken"))
  end)

  it("refuses what is no call and no answer", function()
    local gw <const> = load "return 200"
    local stock <const> = gw.backend("stock")
    for text, arguments in pairs {
      ["on%(%) wants \"GET /path/{id}\""] = { "get /x", {} },
      ["wants an answer"] = { "GET /x" },
      ["an answer has no 'latncy' %(did you mean 'latency'%?%)"] = { "*", { latncy = 1 } },
      ["'status' must be a status"] = { "*", { status = "200" } },
      ["'fail' must be a failure's kind"] = { "*", { fail = "conect" } },
      ["an answer is a table or a function"] = { "*", 200 },
    } do
      assert.matches(text, raised_by(stock.on, stock, table.unpack(arguments)))
    end
    assert.matches("declare no backend 'stok' %(did you mean 'stock'%?%)",
      raised_by(gw.backend, "stok"))
  end)
end)


describe("the rest", function()
  it("is modules of their own, and the log", function()
    local gw <const> = load "require 'gateway'.log.warn('careful', { n = 1 }) return 200"
    assert.equal("stock", gw:require("backends").stock.name)
    gw:request("POST", "/x/1")
    assert.equal("careful", gw:logs("warn")[1].message)
    assert.same({ n = 1 }, gw:logs()[1].fields)
    assert.same({}, gw:logs "error")
  end)
end)
