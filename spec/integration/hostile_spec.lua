-- Scripts that would take the processor, the memory or the process for themselves: each is ended by
-- itself, and the next request on the same worker is fine.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"

local BUDGET <const>, MEMORY <const> = "script_budget", "script_memory"

-- name, what becomes of it, the handler's body. A kind: answered 500, and that kind is logged,
-- once. "error": 500 with an ordinary error, before anything is spent. "any": 500, by either. A
-- number: that status. "fine": 200, with time enough.
local HOSTILE <const> = {
  -- --- the processor ---
  { "an endless loop", BUDGET, "while true do end" },
  { "a goto loop", BUDGET, "::again:: goto again" },
  { "an endless for", BUDGET, "for _ = 1, math.huge do end" },
  { "a repeat with continue", BUDGET, "repeat goto continue ::continue:: until false" },
  { "tail calls", BUDGET, "local function f() return f() end f()" },
  { "a pcall in a loop", BUDGET, "while true do pcall(function() while true do end end) end" },
  { "an xpcall whose handler loops", BUDGET,
    "xpcall(function() while true do end end, function() while true do end end)" },
  { "an xpcall whose handler loops, after an error", BUDGET,
    "xpcall(error, function() while true do end end)" },
  { "nested handlers in a loop", BUDGET, [[
    local function spin() while true do end end
    while true do xpcall(function() xpcall(spin, spin) end, spin) end ]] },
  { "pcall of pcall", BUDGET, [[
    while true do pcall(pcall, pcall, function() while true do end end) end ]] },
  { "a coroutine", BUDGET, "coroutine.wrap(function() while true do end end)()" },
  { "a coroutine in a loop of resumes", BUDGET, [[
    while true do coroutine.resume(coroutine.create(function() while true do end end)) end ]] },
  { "a coroutine in a coroutine", BUDGET, [[
    local function spin() while true do end end
    while true do pcall(coroutine.wrap(function()
      while true do coroutine.resume(coroutine.create(spin)) end
    end)) end ]] },
  { "a generator without an end", BUDGET,
    "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end" },
  { "a coroutine whose variable yields as it is closed", BUDGET, [[
    local co = coroutine.create(function()
      pcall(function()
        local x <close> = setmetatable({}, { __close = coroutine.yield })
        while true do end
      end)
      while true do end
    end)
    while true do coroutine.resume(co) end ]] },
  { "a coroutine whose variable loops as it is closed", BUDGET, [[
    local function spin() while true do end end
    local co = coroutine.create(function()
      local x <close> = setmetatable({}, { __close = spin })
      coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co) ]] },
  { "a wrap whose variable loops after its error", BUDGET, [[
    local function spin() while true do end end
    while true do pcall(coroutine.wrap(function()
      local x <close> = setmetatable({}, { __close = spin })
      while true do end
    end)) end ]] },
  { "a comparator", BUDGET, "table.sort({ 3, 2, 1 }, function() while true do end end)" },
  { "a comparator that is pcall", BUDGET, [[
    local item = setmetatable({}, { __call = function() while true do end end })
    local items = {}
    for i = 1, 10000 do items[i] = item end
    while true do pcall(table.sort, items, pcall) end ]] },
  { "a gsub callback", BUDGET, "(('x'):rep(100)):gsub('x', function() while true do end end)" },
  { "a gsub callback that is pcall", BUDGET, [[
    while true do (('x'):rep(100000)):gsub('.', pcall) end ]] },
  { "a reader of load", BUDGET, "load(function() while true do end end)" },
  { "a reader of load that has always more", 500, [[
    return load(function() return 'x = 1 ' end) and 200 or 500 ]] },
  { "__index", BUDGET, [[
    return setmetatable({}, { __index = function() while true do end end }).x ]] },
  { "__newindex", BUDGET, [[
    setmetatable({}, { __newindex = function() while true do end end }).x = 1 ]] },
  { "__len in #", BUDGET, [[
    return #setmetatable({}, { __len = function() while true do end end }) ]] },
  { "__eq", BUDGET, [[
    local meta = { __eq = function() while true do end end }
    return setmetatable({}, meta) == setmetatable({}, meta) ]] },
  { "__concat", BUDGET, [[
    return 'x' .. setmetatable({}, { __concat = function() while true do end end }) ]] },
  { "__close", BUDGET, [[
    local x <close> = setmetatable({}, { __close = function() while true do end end }) ]] },
  { "__close once it is stopped", BUDGET, [[
    local function spin() while true do end end
    local x <close> = setmetatable({}, { __close = spin })
    local y <close> = setmetatable({}, { __close = spin })
    spin() ]] },
  { "__tostring of an error", BUDGET,
    "error(setmetatable({}, { __tostring = function() while true do end end }))" },
  { "__tostring in the log", BUDGET,
    "print(setmetatable({}, { __tostring = function() while true do end end }))" },
  { "__name that is no text", "error", "error(setmetatable({}, { __name = {}, __tostring = 1 }))" },
  { "__pairs", BUDGET, [[
    for _ in pairs(setmetatable({}, { __pairs = function() while true do end end })) do end ]] },
  { "what falls back", BUDGET,
    "gateway.call(nowhere:get('/', { fallback = function() while true do end end }))" },
  { "what is expected", BUDGET,
    "gateway.call(backend:get('/', { expect = function() while true do end end }))" },
  { "a child", BUDGET, [[
    pcall(gateway.map, { 1, 2, 3 }, function(i) if i == 2 then while true do end end end)
    return 200 ]] },
  { "many children that take little each", BUDGET, [[
    local items = {}
    for i = 1, 1000 do items[i] = i end
    pcall(gateway.map, items, function()
      for _ = 1, 1000000 do end
      gateway.sleep(0.001)
    end)
    return 200 ]] },
  { "many short runs", BUDGET, [[
    while true do
      for _ = 1, 1000000 do end
      pcall(gateway.sleep, 0.001)
    end ]] },
  { "a breaker's function", BUDGET, [[
    pcall(breaker.call, breaker, function() while true do end end) return 200 ]] },

  -- --- C that runs for long ---
  { "a pattern that backtracks", "any", [[
    return (('x'):rep(100000)):find((('.-'):rep(20)) .. 'y') ]] },
  { "patterns that backtrack, caught", BUDGET,
    "while true do pcall(string.find, ('a'):rep(30000), ('a*'):rep(20) .. 'b') end" },
  { "a pattern that is tried everywhere", "any", "return (('a'):rep(200000)):gsub('a*b', '')" },
  { "gmatch", "any", "for _ in (('a'):rep(200000)):gmatch('a*b') do end" },
  { "%b", "any", "return (('('):rep(200000)):match('%b()')" },
  { "a back reference", "error", "return (('a'):rep(200000)):match('(.*)%1b')" },
  { "a large set", "error", "return (('a'):rep(100000)):find('[' .. ('b'):rep(100000) .. ']')" },
  { "a plain find of much in much", 200, [[
    return (('a'):rep(2000000)):find(('a'):rep(1000000) .. 'b', 1, true) or 200 ]] },
  { "a recursive pattern", "error", [[
    local pattern = ('(x?'):rep(31) .. (')'):rep(31) .. ('x?'):rep(300) .. '$'
    return (('x'):rep(300000)):match(pattern) ]] },
  { "rep of nothing", 200, "return #(''):rep(math.maxinteger) + 200" },
  { "table.move", "error", "table.move({}, 1, 1 << 50, 2)" },
  { "table.insert by __len", BUDGET, [[
    table.insert(setmetatable({}, { __len = function() return 1 << 50 end }), 1, 1) ]] },
  { "table.remove by __len", BUDGET, [[
    table.remove(setmetatable({}, { __len = function() return 1 << 50 end }), 1) ]] },
  { "table.concat by __index", "any", [[
    table.concat(setmetatable({}, { __index = rawlen }), '', 1, 1 << 50) ]] },
  { "table.concat of what is always there", "any", [[
    local meta = { __index = function() return '' end, __len = function() return 1 << 50 end }
    local x = setmetatable({}, meta)
    return table.concat(x) ]] },
  { "table.unpack", "error", "return table.unpack({}, 1, 1 << 30)" },
  { "table.sort by __len", "any", [[
    table.sort(setmetatable({}, { __len = function() return 1 << 30 end }), rawequal) ]] },
  { "string.format", "error", "return ('%1000000d'):format(1)" },
  { "a path of many long values", "error",
    "return backend:get(('{id}'):rep(500000), { id = ('é'):rep(3000) })" },
  { "a date without end", "error", "return os.date('!' .. ('%%'):rep(3000000))" },
  { "a large chunk", 200, "return load(('x = 1 '):rep(5000)) and 500 or 200" },
  { "an enormous chunk", 200, "return load(('x = 1 '):rep(1000000)) and 500 or 200" },
  { "a deep chunk", 200, "return load('return ' .. ('('):rep(100000) .. '1') and 500 or 200" },
  { "JSON that repeats itself", "any", [[
    local t = {}
    for _ = 1, 60 do t = { t, t } end
    return 200, t ]] },
  { "JSON of one text many times", "any", [[
    local t, s = {}, ('x'):rep(1000000)
    for i = 1, 1000 do t[i] = s end
    return 200, t ]] },
  { "cjson that repeats itself", "any", [[
    local t = {}
    for _ = 1, 60 do t = { t, t } end
    return 200, require 'cjson'.encode(t) ]] },
  { "cjson's settings", 200, [[
    local cjson = require 'cjson'
    return cjson.encode_max_depth == nil and cjson.new == nil and 200 or 500 ]] },
  { "headers without number", "error", [[
    local list, s = {}, ('x'):rep(10000)
    for i = 1, 100000 do list[i] = s end
    return 200, '', { ['x-list'] = list } ]] },

  -- --- memory ---
  { "a table that grows", MEMORY, "local t = {} for i = 1, math.huge do t[i] = {} end" },
  { "a table that grows, caught", MEMORY, [[
    local t = {}
    while true do pcall(function() for i = #t + 1, math.huge do t[i] = { i } end end) end ]] },
  { "a text that doubles", MEMORY, "local s = 'x' while true do s = s .. s end" },
  { "texts that grow in a loop", MEMORY, [[
    local t, s = {}, 'x' while true do s = s .. ('y'):rep(1000) t[#t + 1] = s end ]] },
  { "rep", MEMORY, "return (('x'):rep(1 << 30))" },
  { "rep, caught", "any", "while true do pcall(string.rep, 'x', 1 << 24) end" },
  { "rep with something between", MEMORY, "return ((''):rep(1 << 30, 'x'))" },
  { "table.concat", MEMORY, [[
    local t, s = {}, ('x'):rep(1000000)
    for i = 1, 100 do t[i] = s end
    return table.concat(t) ]] },
  { "gsub that grows", MEMORY, "local s = 'x' while true do s = s:gsub('x', 'xx') end" },
  { "recursion", MEMORY, "local function f(n) return 1 + f(n + 1) end return f(1)" },
  { "recursion through pcall", 200, [[
    local function f() return pcall(f) end
    f()
    return 200 ]] },
  { "recursion through a metamethod", "error", [[
    local meta = {}
    meta.__index = function(t, k) return t[k .. 'x'] end
    return setmetatable({}, meta).x ]] },
  { "recursion through gsub", "error", [[
    local function f() return (('x'):gsub('x', f)) end return f() ]] },
  { "recursion through sort", "error", [[
    local function f() table.sort({ 1, 2 }, f) return true end return f() ]] },
  { "recursion through coroutines", "error", [[
    local function f() return coroutine.wrap(f)() end return f() ]] },
  { "recursion through closing coroutines", "any", [[
    local function f()
      local co = coroutine.create(function()
        local x <close> = setmetatable({}, { __close = function() f() end })
        coroutine.yield()
      end)
      coroutine.resume(co)
      local ok, reason = coroutine.close(co)
      if not ok then error(reason, 0) end
    end
    f() ]] },
  { "recursion of tostring", "error", [[
    local x = setmetatable({}, { __tostring = function(self) return tostring(self) end })
    return tostring(x) ]] },
  { "coroutines without number", MEMORY, [[
    local t = {}
    for i = 1, math.huge do t[i] = coroutine.create(function() end) end ]] },
  { "coroutines that each wait", MEMORY, [[
    local t = {}
    for i = 1, math.huge do
      t[i] = coroutine.wrap(function() coroutine.yield() end)
      t[i]()
    end ]] },
  { "children without number", BUDGET, [[
    local items = {}
    for i = 1, 200000 do items[i] = i end
    gateway.map(items, function()
      for _ = 1, 10000 do end
      gateway.sleep(0.001)
    end, { limit = 200000 }) ]] },
  { "varargs", "any", "local function f(...) return f(1, 2, 3, ...) end return f()" },
  { "closures that hold on", MEMORY, [[
    local f = print while true do local g = f f = function() return g end end ]] },
  { "what is deeply linked", 200, [[
    local t = {}
    for i = 1, 100000 do t = { t } end
    return 200 ]] },

  { "much that is held, beside much that is not", "fine", [[
    local held = {}
    for i = 1, 9 do held[i] = ('x'):rep(1000000 + i) end
    for i = 1, 30 do local garbage = ('y'):rep(1000000 + i) .. 'z' end
    for i = 1, 30 do local garbage = held[9]:sub(1, 500000 + i):gsub('x', 'zz', 3) end
    return 200 ]] },

  -- --- finalizers ---
  { "__gc", "error", "setmetatable({}, { __gc = function() while true do end end })" },
  { "__gc that is set afterwards", 200, [[
    for _ = 1, 100 do
      local meta = {}
      setmetatable({}, meta)
      meta.__gc = function() while true do end end
    end
    local t = {}
    for i = 1, 100000 do t = { i } end
    return 200 ]] },
  { "__gc in the metatable of a table that is protected", "error",
    "setmetatable(string, { __gc = function() end })" },
}

local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local backend <const> = gateway.backend("backend", { url = gateway.env "INVENTORY_SERVICE_URL",
                                                     threshold = 1000000 })
local nowhere <const> = gateway.backend("nowhere", { url = "http://127.0.0.1:1" })
local breaker <const> = gateway.breaker("breaker", { threshold = 1000000 })

gateway.route("GET /", function() return 200, "home" end)
gateway.route("GET /sleep", function() gateway.sleep(0.2) return 200, "slept" end)

local function spin() while true do end end
gateway.route("GET /before", { before = spin }, function() return 200 end)
gateway.route("GET /after", { after = spin }, function() return 200 end)
gateway.route("GET /seen-after", { after = function(_, response) response.status = 200 end }, spin)

local function order(req, last)
  local saga <close> = gateway.saga("order", req.params.id)
  for n = 1, 2 do
    saga:step(backend:post("/reserve/{n}", { n = n }), backend:post("/release/{n}", { n = n }))
  end
  last()
end
gateway.route("POST /orders/:id/spin", function(req) order(req, spin) end)
gateway.route("POST /orders/:id/caught", function(req)
  pcall(order, req, spin)
  return 200
end)
gateway.route("POST /orders/:id/fill", function(req)
  order(req, function() local t = {} while true do t[#t + 1] = {} end end)
end)
gateway.route("POST /orders/:id/in-a-child", function(req)
  gateway.map({ 1 }, function() order(req, spin) end)
end)
gateway.route("POST /orders/:id/by-its-error", function(req)
  order(req, function() error(setmetatable({}, { __tostring = spin })) end)
end)
-- The undo's own script is bounded, and does not keep the next undo from being sent.
gateway.route("POST /orders/:id/in-the-undo", function(req)
  local saga <close> = gateway.saga("order", req.params.id)
  for n = 1, 2 do
    saga:step(backend:post("/reserve/{n}", { n = n }),
      backend:post("/release/{n}", { n = n, expect = spin }))
  end
  spin()
end)

gateway.job("spin", spin)
gateway.job("fill", function() local t = {} while true do t[#t + 1] = {} end end)
gateway.route("POST /jobs/:kind", function(req)
  return 202, { id = gateway.enqueue(req.params.kind) }
end)
gateway.route("GET /jobs/:id", function(req) return 200, gateway.job_status(req.params.id) end)

-- What one request leaves behind must not strike the next.
local kept
gateway.route("GET /keep", function()
  kept = coroutine.create(function()
    pcall(function()
      local x <close> = setmetatable({}, { __close = coroutine.yield })
      while true do end
    end)
    return "went on"
  end)
  coroutine.resume(kept)
end)
gateway.route("GET /kept", function()
  local _, said = coroutine.resume(kept)
  return 200, tostring(said)
end)
]]

local ROUTE <const> = [[
gateway.route("GET /hostile/%d", function(req)
  %s
end)
]]

local function scripts()
  local texts <const> = { SCRIPT }
  for i, hostile in ipairs(HOSTILE) do
    texts[#texts + 1] = ROUTE:format(i, hostile[3])
  end
  return table.concat(texts)
end


describe("a hostile script", function()
  local usual, patient, gateway, backend

  -- Sanitizers make memory slow: where it is to run out first, time must not.
  setup(function()
    backend = rough.start()
    local settings <const> = { INVENTORY_SERVICE_URL = backend.url, LOG_FOLD_SECONDS = 0 }
    usual = gateways.start_with(scripts(), settings)
    settings.SCRIPT_RUN_SECONDS, settings.SCRIPT_REQUEST_SECONDS = 10, 10
    patient = gateways.start_with(scripts(), settings)
  end)
  teardown(process.end_all)
  before_each(function()
    gateway = usual
    backend:plan { { status = 200 } }
  end)
  after_each(function() assert.equal("home", gateway:get("/").body) end)

  -- The errors that were logged for the request that got `response`.
  local function errors_of(response)
    local id <const>, lines <const> = response.headers["x-correlation-id"], {}
    for _, line in ipairs(gateway:log_until(response)) do
      if line.level == "error" and line.correlation_id == id then lines[#lines + 1] = line end
    end
    return lines
  end

  local function assert_stopped(response, kind)
    assert.equal(500, response.status, response.body)
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.equal("internal error", response.json.detail)
    local lines <const> = errors_of(response)
    assert.equal(1, #lines, lines[2] and lines[2].message)
    assert.equal(kind, lines[1].fields and lines[1].fields.kind or nil, lines[1].message)
    return lines[1]
  end

  for i, hostile in ipairs(HOSTILE) do
    local name <const>, expected <const> = hostile[1], hostile[2]
    it("is ended: " .. name, function()
      local takes_memory <const> = expected == MEMORY or expected == "fine"
      gateway = takes_memory and patient or usual
      local response <const> = gateway:get("/hostile/" .. i)
      if type(expected) == "number" then
        assert.equal(expected, response.status, response.body)
      elseif expected == "error" then
        assert_stopped(response, nil)
      elseif expected == "fine" then
        assert.equal(200, response.status, response.body)
      elseif expected == "any" then
        assert.equal(500, response.status, response.body)
      else
        local line <const> = assert_stopped(response, expected)
        assert.equal("GET /hostile/" .. i, line.route)
        if expected == BUDGET then assert.matches("^init.lua:%d+$", line.where) end
      end
    end)
  end

  it("is told with its place, its budget and what it used", function()
    local response <const> = gateway:get "/before"
    local line <const> = assert_stopped(response, BUDGET)
    assert.equal("init.lua:10", line.where)
    assert.equal(100, line.fields.budget)
    assert.is_true(line.fields.used >= 100 and line.fields.used < 200)
  end)

  it("is ended in its filters", function()
    assert_stopped(gateway:get "/before", BUDGET)
    assert_stopped(gateway:get "/after", BUDGET)
  end)

  it("is not answered for by its filters", function()
    assert_stopped(gateway:get "/seen-after", BUDGET)
  end)

  it("leaves nothing stopped behind", function()
    assert_stopped(gateway:get "/keep", BUDGET)
    assert.equal("went on", gateway:get("/kept").body)
  end)

  local function undone()
    local paths <const> = {}
    for _, request in ipairs(backend:received()) do
      if request.path:find "^/release" then paths[#paths + 1] = request.path end
    end
    return paths
  end

  for _, how in ipairs { "spin", "caught", "fill", "in-a-child", "by-its-error",
    "in-the-undo" } do
    it("has its saga undone: " .. how, function()
      local before <const> = #undone()
      gateway = how == "fill" and patient or usual
      local response <const> = gateway:post("/orders/1/" .. how)
      assert.equal(500, response.status)
      local errors <const> = errors_of(response)
      assert.equal(how == "fill" and MEMORY or BUDGET, errors[#errors].fields.kind)
      local paths <const> = undone()
      assert.equal(before + 2, #paths)
      assert.equal("/release/2", paths[#paths - 1])
      assert.equal("/release/1", paths[#paths])
    end)
  end

  for kind, reason in pairs { spin = BUDGET, fill = MEMORY } do
    it("is ended in a job: " .. kind, function()
      gateway = kind == "fill" and patient or usual
      local id <const> = gateway:post("/jobs/" .. kind).json.id
      local status <const> = poll("the job's end", function()
        local found <const> = gateway:get("/jobs/" .. id).json
        return found.finished_at and found
      end)
      assert.equal("failed", status.status)
      assert.equal(reason, status.error)
      local lines <const> = {}
      for _, line in ipairs(gateway:log_until(gateway:get "/")) do
        if line.fields and line.fields.job_id == id then lines[#lines + 1] = line end
      end
      assert.equal(1, #lines)
      assert.matches("^a job failed: init.lua:%d+: the", lines[1].message)
      assert.equal(reason, lines[1].fields.kind)
    end)
  end

  it("does not keep others of its worker from being answered", function()
    local hostile <const>, waiting <const> = {}, {}
    for i = 1, 5 do
      waiting[i] = gateway:begin("GET", "/sleep")
      hostile[i] = gateway:begin("GET", "/hostile/1")
    end
    for i = 1, 5 do
      assert.equal("slept", waiting[i]:finish().body)
      assert.equal(500, hostile[i]:finish().status)
    end
  end)
end)


describe("scripts that do not end loading", function()
  teardown(process.end_all)

  local function check(texts, environment)
    environment = environment or {}
    environment.SCRIPTS_DIR = files.folder(texts)
    local run <const> = process.start({ gateways.binary, "check" }, environment)
    local code <const> = run:wait()
    run:expect(code, run:errors())
    return code, run:errors()
  end

  for name, case in pairs {
    ["an endless loop"] = { "local x = 1\nwhile true do end", "^init.lua:2:1: loading has used" },
    ["a loop that catches"] = {
      "while true do\npcall(function() while true do end end)\nend",
      "^init.lua:2:1: loading has used" },
    ["memory without end"] = {
      "local t = {}\nfor i = 1, math.huge do t[i] = { i } end", "^init.lua:2:1: the scripts" },
    ["a long text"] = {
      "local s = 'x'\nwhile true do\n  s = s .. s\nend", "^init.lua:3:1: the scripts" },
    ["an error that loops"] = {
      "error(setmetatable({}, { __tostring = function() while true do end end }))",
      "^init.lua:1:1: loading has used" },
    ["endless recursion"] = {
      "local function f() return 1 + f() end\nf()", "^init.lua:1:1: stack overflow" },
  } do
    it("are refused with their line: " .. name, function()
      local code <const>, errors <const> = check { ["init.lua"] = case[1] }
      assert.equal(1, code)
      assert.matches(case[2], errors)
    end)
  end
end)
