-- What `moongate check` finds, and what it must not find. The command itself is run by the
-- integration specs.
local check <const> = require "support.check"
local files <const> = require "support.files"
local budget <const> = require "gateway.check.budget"
local lexer <const> = require "gateway.check.lexer"

local BACKENDS <const> = [[
local gateway <const> = require "gateway"
return {
  inventory = gateway.backend("inventory", { url = "http://inventory" }),
  pricing = gateway.backend("pricing", { url = "http://pricing" }),
}
]]

-- A route whose handler is `body`, from line 4 on.
local function handler(body)
  return {
    ["backends.lua"] = BACKENDS,
    ["init.lua"] = ([[
local gateway <const> = require "gateway"
local b <const> = require "backends"
gateway.route("POST /shops/:shop/:id", function(req)
%s
end)
]]):format(body),
  }
end


-- An endless loop is waited for.
budget.seconds = 0.1


describe("check", function()
  it("finds nothing wrong with what is right", function()
    assert.same({}, check [[
      local gateway <const> = require "gateway"
      gateway.route("GET /", function() return 200 end)
    ]])
    assert.same({}, check(handler [[
  local saga <close> = gateway.saga("order", "1")
  saga:step(b.inventory:post("/x/{id}", { id = req.params.id, json = {}, timeout = 1 }))
  saga:commit()
  if b.cache then return 200, b.cache:state() end
  return 200, gateway.gather({ b.pricing:get "/y" }, { limit = 2 })]]))
  end)

  it("finds each syntax error, where the compiler stumbles", function()
    assert.same({
      "init.lua:3:17: syntax error near 'y'",
      "lib/a.lua:2:1: unexpected symbol near <eof>",
      "lib/b.lua:1:7: '}' expected near 'z'",
    }, (check {
      ["init.lua"] = 'require "lib.a"\nrequire "lib.b"\nlocal x handler y\n',
      ["lib/a.lua"] = "local x =\n",
      ["lib/b.lua"] = "x={ y z }",
    }))
  end)

  it("finds globals, read and set, also in handlers", function()
    assert.same({
      "init.lua:4:3: unknown global 'pirnt' (did you mean 'print'?)",
      "init.lua:5:3: global 'total' cannot be set; say 'local'",
      "init.lua:6:10: unknown global 'io'",
    }, (check(handler "  pirnt(1)\n  total = 1\n  return io.open")))
  end)

  it("finds a global once, also where it is used as the scripts load", function()
    assert.same({
      "init.lua:1:11: unknown global 'undefined'",
      "init.lua:2:1: global 'x' cannot be set; say 'local'",
    }, (check "local a = undefined.field + 1\nx = a"))
  end)

  it("finds metrics that cannot be, and goes on", function()
    assert.same({
      "init.lua:2:26: metric 'orders': the name of a counter ends in '_total'",
      "init.lua:3:42: metric 'x_total': '_total' at the end means something else to Prometheus",
      "init.lua:5:1: a route is declared as \"GET /path/:param\"",
    }, (check [[
local gateway <const> = require "gateway"
  gateway.metric.counter("orders", { help = "Orders" })
local bad <const> = gateway.metric.gauge("x_total", { help = "X" }) bad:set(1)

gateway.route("get /", function() end)]]))
  end)

  it("finds methods that a metric does not have", function()
    assert.same({ "init.lua:3:56: a counter has no 'increment'" }, (check {
      ["seen.lua"] = [[
local metric <const> = require("gateway").metric
return { all = metric.counter("seen_total", { help = "Seen" }) }]],
      ["init.lua"] = [[
local gateway <const> = require "gateway"
local seen <const> = require "seen"
gateway.route("GET /", function() return 200, seen.all:increment() end)]],
    }))
  end)

  it("finds backends and functions that are not there", function()
    assert.same({
      "init.lua:4:18: b has no 'invetory' (did you mean 'inventory'?)",
      "init.lua:5:11: gateway has no 'gahter' (did you mean 'gather'?)",
      "init.lua:6:23: a backend has no 'gett' (did you mean 'get'?)",
      "init.lua:7:6: os has no 'execute'",
      "init.lua:8:11: gateway.version cannot be set: it is shared by all scripts",
      "init.lua:9:31: log has no 'wran' (did you mean 'warn'?)",
    }, (check(handler [[
  gateway.call(b.invetory:get "/x")
  gateway.gahter {}
  local y = b.pricing:gett "/y"
  os.execute "ls"
  gateway.version = 1
  local log = gateway.log log.wran(y) ]])))
  end)

  it("follows a local name to what it stands for", function()
    assert.same({ "init.lua:4:27: b has no 'invetory' (did you mean 'inventory'?)" },
      (check(handler "  local stock <const> = b.invetory\n  return stock:get '/x'") ))
  end)

  it("finds functions that a module of the scripts has not", function()
    local sources <const> = handler [[
  local money <const> = require "lib.money"
  money.prase(1)
  money.late()]]
    sources["lib/money.lua"] = "return { parse = function() end }"
    sources["lib/other.lua"] = 'local m = require "lib.money"\nfunction m.late() end'
    sources["init.lua"] = sources["init.lua"] .. 'require "lib.other"'
    assert.same({ "init.lua:5:9: money has no 'prase' (did you mean 'parse'?)" }, (check(sources)))
  end)

  it("finds a module that returns nothing", function()
    local sources <const> = handler '  return 200, require "lib.empty".x()'
    sources["init.lua"] = sources["init.lua"] .. 'require "lib.empty"'
    sources["lib/empty.lua"] = "local empty = {} function empty.x() end"
    assert.same({ "init.lua:4:35: module 'lib.empty' returns nothing, so it has no 'x'" },
      (check(sources)))
  end)

  it("tells dot from colon", function()
    assert.same({
      "init.lua:4:31: call it with a colon: b.pricing:get(...)",
      "init.lua:5:11: call it with a dot: gateway.call(...)",
      "init.lua:6:17: call it with a dot: string.rep(...)",
    }, (check(handler [[
  local r <const> = b.pricing.get("/x")
  gateway:call(r)
  return string:rep(3), b.pricing.get(b.pricing, "/x"), b.pricing.name, ("x"):rep(3)]] )))
  end)

  it("does not judge what it cannot know", function()
    local sources <const> = handler [[
  local name = req.params.id
  local state <const> = require "lib.state"
  local dynamic <const> = require "lib.dynamic"
  local c = b
  c = { invetory = b.inventory }
  if gateway.telemetry then gateway.telemetry() end
  local maybe = b.cache and b.cache:get "/x"
  return 200, { b[name]:get "/x", state.last and state.last.x, state.count.x, dynamic.anything(),
    c.invetory:get "/x", maybe }]]
    sources["lib/state.lua"] = "return { count = 0 }"
    sources["lib/dynamic.lua"] = "return setmetatable({}, { __index = function() return 1 end })"
    assert.same({}, (check(sources)))
  end)

  it("finds wrong options and values in calls", function()
    assert.same({
      "init.lua:4:36: unknown option 'timout' (and '/x/{id}' has no such parameter)"
        .. " (did you mean 'timeout'?)",
      "init.lua:5:18: '{id}' of '/x/{id}' has no value",
      "init.lua:6:19: '{id}' of '/x/{id}' has no value",
      "init.lua:6:32: option 'timeout' must be a number of seconds above 0",
      "init.lua:6:47: option 'raw' must be true or false",
      "init.lua:7:24: unknown option 'limits' (did you mean 'limit'?)",
      "init.lua:8:16: gateway.fail wants a status from 400 to 599",
      "init.lua:9:19: there is no job 'report'",
    }, (check(handler [[
  b.pricing:get("/x/{id}", { id=1, timout = 5 })
  b.pricing:post("/x/{id}")
  b.pricing:patch("/x/{id}", { timeout = "5", raw = 1, json = {} })
  gateway.gather({}, { limits = 3 })
  gateway.fail(200, "no")
  gateway.enqueue("report")]])))
  end)

  it("does not judge options that it cannot read", function()
    assert.same({}, (check(handler [[
  local options, name = { id = 1 }, "id"
  b.pricing:get("/x/{id}", options)
  b.pricing:get("/x/{id}", { [name] = 1, timeout = req.timeout, query = {}, fallback = {} })
  b.pricing:get("/x/" .. name, { anything = 1 })
  local function send(...) return b.pricing:get(...) end
  return send("/x/{id}", { ids = 1 })]])))
  end)

  it("finds parameters that the route has not", function()
    assert.same({
      "init.lua:4:26: route 'POST /shops/:shop/:id' has no parameter 'shopp'"
        .. " (did you mean 'shop'?)",
    }, (check(handler "  return 200, req.params.shopp, req.params.id")))
  end)

  it("finds sagas that nothing closes", function()
    local text <const> = ": warning: a saga that is not bound with <close> is undone only after the"
      .. " answer: local saga <close> = gateway.saga(...)"
    assert.same({ "init.lua:4:24" .. text, "init.lua:5:11" .. text, "init.lua:6:11" .. text },
      (check(handler [[
  local saga = gateway.saga("a", "1")
  gateway.saga("b", "2")
  gateway.saga("c", "3"):commit()
  local kept = gateway.saga("d", "4")
  local guard <close> = kept
  saga:commit()]])))
    assert.same({}, (check [[
      local gateway <const> = require "gateway"
      local function open() local saga = gateway.saga("a", "1") return saga end
      gateway.route("GET /", function() local saga <close> = open() end)
    ]]))
  end)

  it("goes on after each wrong declaration", function()
    assert.same({
      "init.lua:2:17: backend 'x': 'url' is missing",
      "init.lua:3:1: a route is declared as \"GET /path/:param\"",
      "init.lua:5:3: route 'GET /y': unknown option 'deadlin' (did you mean 'deadline'?)",
      "init.lua:8:15: route 'GET /z/:b': there is such a route already: 'GET /z/:a' at init.lua:7",
      "init.lua:9:1: gateway.after wants a function",
      "init.lua:10:13: gateway.env: scripts may not read 'SECRET'",
      "init.lua:11:15: warning: route 'GET /a/../b': no request has such a path",
    }, (check [[
local gateway <const> = require "gateway"
gateway.backend("x", {})
gateway.route("get /x", print)
gateway.route("GET /y", {
  deadlin = 1,
}, print)
gateway.route("GET /z/:a", print)
gateway.route("GET /z/:b", print)
gateway.after(1)
gateway.env("SECRET")
gateway.route("GET /a/../b", print)
]]))
  end)

  it("tells a module's error once, and nothing that follows from it", function()
    assert.same({
      "init.lua:4:9: module 'missing' not found: there is no missing.lua and no missing/init.lua in"
        .. " the scripts folder, and it is none of gateway, gateway.json, cjson, cjson.safe",
      "lib/bad.lua:2:1: no",
      "lib/worse.lua:1:23: attempt to index a nil value (field 'x')",
    }, (check {
      ["init.lua"] = [[
local bad <const> = require "lib.bad"
local again <const> = require "lib.bad"
local worse <const> = require "lib.worse"
require "missing"
local gateway <const> = require "gateway"
gateway.route("GET /", { before = bad.filter }, worse.handler)
gateway.backend("x", { url = bad.url })
local text = bad.a .. again.b.c(1) + 2
error(text) ]],
      ["lib/bad.lua"] = "\nerror 'no'",
      ["lib/worse.lua"] = "local t = {} return t.x.y",
    }))
  end)

  it("ends what does not end", function()
    for _, text in ipairs {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "coroutine.wrap(function() while true do end end)()",
    } do
      assert.same({ "init.lua:1:1: still running after a second of CPU time: an endless loop?" },
        (check(text)))
    end
  end)

  it("takes files that nobody requires for what they are", function()
    assert.same({
      "old.lua:1:1: warning: is not required by init.lua, so it is not part of the gateway",
      "old.lua:2:1: warning: global 'x' cannot be set; say 'local'",
    }, (check {
      ["init.lua"] = 'return function() return require "lib.lazy" end',
      ["lib/lazy.lua"] = "",
      ["old.lua"] = "\nx = 1",
      ["demo/one/init.lua"] = 'require "shared"\nbroken',
      ["demo/one/shared.lua"] = "-- shared",
      ["demo/shared.lua"] = "-- shared",
    }))
  end)

  it("finds what a handler requires and is not there", function()
    assert.same({
      "init.lua:4:11: module 'lib.nothing' not found: there is no lib/nothing.lua and no"
        .. " lib/nothing/init.lua in the scripts folder, and it is none of gateway, gateway.json,"
        .. " cjson, cjson.safe",
    }, (check(handler '  require "lib.nothing"')))
    local lines = check(handler '  require "backend"')
    assert.matches("cjson.safe (did you mean 'backends'?)", lines[1], 1, true)
    lines = check 'require "lib.x"'
    assert.not_matches("did you mean", lines[1])
  end)

  it("believes the server", function()
    assert.same({ "init.lua:1:1: no memory" },
      (check("local x", { server = "init.lua:1: no memory" })))
    assert.same({ "init.lua:1:1: no", "init.lua:1:1: not enough memory" },
      (check("local x", { server = "not enough memory\ninit.lua:1: no" })))
  end)

  it("needs an init.lua", function()
    local lines <const> = check {}
    assert.equal(1, #lines)
    assert.matches("^init.lua:1:1: module 'init' not found", lines[1])
  end)

  it("copes with what is no Lua", function()
    for _, text in ipairs { "\0", "\xff\xfe", "#!/bin/sh", "\27Lua", ("("):rep(150), "x = '" } do
      assert.equal(1, #(check(text)), ("%q"):format(text))
    end
  end)
end)


describe("check --run", function()
  local function run(body)
    return check(handler(body), { run = true })
  end

  it("calls each route", function()
    local lines <const>, ran <const> = run "  return 200"
    assert.same({}, lines)
    assert.same({ 1, 0, 0, n = 3 }, ran)
  end)

  it("finds what a handler returns wrongly", function()
    assert.same({
      "init.lua:3:15: route 'POST /shops/:shop/:id' returned nothing where the status belongs"
        .. " (POST /shops/:shop/:id with the body {}, while the backends answer)",
    }, (run "  gateway.call(b.pricing:get '/x')"))
  end)

  it("finds a bug that no answer is needed for", function()
    assert.same({
      "init.lua:4:21: attempt to index a nil value (field 'items')"
        .. " (POST /shops/:shop/:id with the body {}, while the backends answer)",
    }, (run "  return req:json().items[1]"))
  end)

  it("finds a failure that is not looked at", function()
    assert.same({
      "init.lua:5:21: attempt to index a nil value (field 'json')"
        .. " (POST /shops/:shop/:id with the body {}, while no backend can be reached)",
    }, (run [[
  local price = gateway.call(b.pricing:get("/x", { fallback = true }))
  return 200, price.json.amount]]))
  end)

  it("does not tell what may come of a made-up answer", function()
    local lines <const>, ran <const> = run [[
  local price = gateway.call(b.pricing:get "/x").json
  return 200, tonumber(price.amount) * 2]]
    assert.same({}, lines)
    assert.equal(1, ran[3])
  end)

  it("counts handlers that never ran", function()
    local lines <const>, ran <const> = check([[
      local gateway <const> = require "gateway"
      gateway.before(function() return 401 end)
      gateway.route("GET /", function() return 200 end)
    ]], { run = true })
    assert.same({}, lines)
    assert.equal(1, ran[2])
  end)

  it("ends a handler that does not end", function()
    local lines <const> = run "  while true do end"
    assert.equal(1, #lines)
    assert.matches("^init.lua:4:%d+: still running after a second of CPU time", lines[1])
  end)

  it("takes answers, lists and loops as they come", function()
    assert.same({}, (run [[
  local sum = 0
  for _, item in ipairs(gateway.call(b.pricing:get "/x").json.items) do
    sum = sum + item.price * 2
  end
  for name, value in pairs(gateway.call(b.pricing:get "/y").json) do
    req[name] = value
  end
  local page = "1"
  repeat page = gateway.call(b.pricing:get("/z", { query = { page = page } })).json.next
  until not page
  return 200, { sum = sum }]]))
  end)
end)


-- The fenced blocks of docs/cookbook.md by the file name in their first line.
local function printed_scripts()
  local sources <const> = {}
  for block in files.read("docs/cookbook.md"):gmatch "\n```lua\n(.-)\n```" do
    sources[block:match "^%-%- (%S+%.lua)\n"] = block .. "\n"
  end
  return sources
end


describe("the scripts that ship", function()
  local function sources_of(folder)
    local sources <const> = {}
    local pipe <close> = io.popen(("find -L %s -name '*.lua' -not -path '*/spec/*'")
      :format(files.quote(folder)))
    for path in pipe:lines() do
      sources[path:sub(#folder + 2)] = files.read(path)
    end
    return sources
  end

  local function with(sources, name, text)
    local all <const> = {}
    for path, other in pairs(sources) do
      all[path] = path == name and text or other
    end
    return all
  end

  for _, folder in ipairs { "scripts", "scripts/demo/inventory", "scripts/demo/pricing" } do
    it("are clean: " .. folder, function()
      assert.same({}, (check(sources_of(folder), { run = true })))
    end)
  end

  it("are clean: the cookbook's", function()
    assert.same({}, (check(printed_scripts(), { run = true })))
  end)

  -- Whatever an editor leaves behind, check has something to say of it and does not fail itself.
  it("may be spoilt in any way", function()
    budget.seconds = 0.02
    math.randomseed(5)
    local sources <const> = sources_of "scripts/demo/pricing"
    local names <const> = {}
    for name in pairs(sources) do
      names[#names + 1] = name
    end
    table.sort(names)
    for _ = 1, 150 do
      local name <const> = names[math.random(#names)]
      local tokens <const> = lexer.tokens(sources[name])
      local one <const>, other <const> = tokens[math.random(#tokens)], tokens[math.random(#tokens)]
      local pattern <const> = one.text:gsub("%p", "%%%0")
      local spoilt <const> = sources[name]:gsub(pattern, (other.text:gsub("%%", "%%%%")), 1)
      assert.is_table((check(with(sources, name, spoilt), { run = true })))
    end
    budget.seconds = 0.1
  end)
end)
