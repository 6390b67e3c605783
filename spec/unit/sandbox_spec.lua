-- The world of the scripts. Each of these runs a script as the gateway would load it.
local World <const> = require "support.world"

-- Loads `init` beside further modules (name -> text).
local function load(init, modules)
  local scripts <const> = { init = init }
  for name, text in pairs(modules or {}) do
    scripts[name] = text
  end
  return World.load { scripts = scripts }
end

-- The values of the expressions, as a route of the script answers them.
local function evaluate(expressions)
  local world <const> = load(([[
    local gateway <const> = require "gateway"
    gateway.route("GET /", function() return 200, { %s } end)
  ]]):format(expressions))
  local reply <const> = world:request("GET", "/")
  assert.equal(200, reply.status)
  return reply.json
end

local function refused(init, modules)
  local ok <const>, raised <const> = pcall(load, init, modules)
  assert.is_false(ok)
  return tostring(raised)
end


describe("the sandbox", function()
  it("keeps what is harmless", function()
    assert.same({ 3, "XX", 2, "1970", true, "number" }, evaluate [[
      math.max(1, 3), ("x"):rep(2):upper(), #table.pack(1, 2), os.date("!%Y", 0),
      coroutine.wrap(function() return true end)(), type(collectgarbage "count")
    ]])
    assert.same({ 7, "b" }, evaluate [[ load "return 7" (), select(2, "a", "b") ]])
  end)

  local GONE <const> = {
    "io", "debug", "package", "dofile", "loadfile", "warn", "os.execute", "os.getenv", "os.exit",
    "os.remove", "os.rename", "os.tmpname", "os.setlocale", "coroutine.running",
  }
  for _, name in ipairs(GONE) do
    it("has no " .. name, function()
      local library <const>, member <const> = name:match "^(%w+)%.(%w+)$"
      if member then
        assert.same({ true }, evaluate(("%s.%s == nil"):format(library, member)))
      else
        assert.matches("init.lua:1: unknown global '" .. name .. "'", refused("local x = " .. name))
      end
    end)
  end

  it("does not let methods of strings lead out", function()
    load [[ assert(getmetatable "" == false and ("").dump == nil) ]]
  end)

  it("loads text only", function()
    local bytecode <const> = string.dump(function() return 1 end):gsub(".", function(c)
      return ("\\%03d"):format(c:byte())
    end)
    assert.same({ 1, false, false }, evaluate(([[
      load("return 1", "x", "b")(), load("%s") ~= nil, load("%s", "x", "b") ~= nil
    ]]):format(bytecode, bytecode)))
  end)

  it("counts garbage, and no more", function()
    assert.matches("init.lua:1: collectgarbage can only count", refused 'collectgarbage "stop"')
  end)

  it("names an unknown global, read or set, and its line", function()
    assert.matches("init.lua:2: unknown global 'pritn'", refused "\npritn('x')")
    assert.matches("init.lua:2: global 'x' cannot be set", refused "\nx = 1")
    assert.matches("init.lua:1: global 'helper' cannot be set", refused "function helper() end")
    assert.matches("global 'type' cannot be set", refused "type = nil")
    assert.matches("global 'x' cannot be set", refused "_G.x = 1")
    assert.matches("global 'x' cannot be set", refused 'load "x = 1" ()')
  end)

  it("tells of an unknown global in a handler", function()
    local world <const> = load [[
      require "gateway".route("GET /", function() return 200, undefined_thing end)
    ]]
    assert.equal(500, world:request("GET", "/").status)
    assert.matches("init.lua:1: unknown global 'undefined_thing'", world:logged("error")[1].message)
  end)

  it("does not let shared tables be changed", function()
    for _, statement in ipairs {
      "string.x = 1", "string.format = nil", "table.insert = nil", "math.pi = 3", "os.date = nil",
      "coroutine.wrap = nil", "utf8.char = nil", 'rawset(string, "x", 1)', 'rawset(_G, "x", 1)',
      "local g = require 'gateway' g.call = nil",
      "local g = require 'gateway' g.json.null = nil", "local g = require 'gateway' g.log.info = 1",
      "setmetatable(string, nil)", "setmetatable(_G, nil)", 'setmetatable("", {})',
    } do
      assert.matches("init.lua:1: ", refused(statement), nil, statement)
    end
    assert.matches("string.1 cannot be set", refused 'table.insert(string, "x")')
  end)

  it("lets shared tables be looked through, but not reached", function()
    assert.same({ true, false, true }, evaluate [[
      (function()
        for name, fn in pairs(string) do if name == "rep" then return fn("x", 2) == "xx" end end
      end)(),
      getmetatable(string), (select(2, pairs(string))) == string
    ]])
  end)

  it("leaves tables of the scripts' own alone", function()
    assert.same({ 1 }, evaluate [[ rawset({}, "x", 1).x ]])
  end)

  it("prints to the log, with the line", function()
    local world <const> = load "\nprint('a', 1, nil)"
    assert.same({ level = "info", message = "a\t1\tnil", where = "init.lua:2" }, world.logs[1])
  end)
end)


describe("require", function()
  it("runs a module once and returns what it returned", function()
    local world <const> = load([[
      local a, again = require "lib.a", require "lib.a"
      print(a == again, a.name, require "lib.nothing")
    ]], {
      ["lib.a"] = 'print "loading" return { name = ... }',
      ["lib.nothing"] = "",
    })
    assert.equal(2, #world.logs)
    assert.equal("true\tlib.a\ttrue", world.logs[2].message)
  end)

  it("says where it looked", function()
    local raised <const> = refused "\nrequire 'lib.missing'"
    assert.matches("^init.lua:2: module 'lib.missing' not found", raised)
    assert.matches("lib/missing.lua", raised)
    assert.matches("lib/missing/init.lua", raised)
  end)

  it("says who requires whom in a loop", function()
    local raised <const> = refused('require "a"', { a = 'require "b"', b = 'require "a"' })
    assert.matches("b.lua:1: module 'a' requires itself: init requires a requires b requires a",
      raised)
  end)

  it("names file and line of a syntax error", function()
    assert.matches("^lib.broken.lua:2: ", refused('require "lib.broken"',
      { ["lib.broken"] = "local x = 1\nlocal y = = 2" }))
  end)

  it("can try a broken module again", function()
    local world <const> = load([[
      for i = 1, 2 do print((select(2, pcall(require, "lib.broken")))) end
    ]], { ["lib.broken"] = "error 'oh'" })
    assert.equal("lib.broken.lua:1: oh", world.logs[1].message)
    assert.equal("lib.broken.lua:1: oh", world.logs[2].message)
  end)

  it("sees the gateway and its JSON, but not what they are made of", function()
    load [[
      assert(require "gateway" == require "gateway")
      assert(require "gateway.json" == require "gateway".json)
    ]]
    for _, name in ipairs { "gateway.core", "gateway.saga", "gateway.sandbox", "os", "debug" } do
      assert.matches("not found", refused(("require '%s'"):format(name)))
    end
  end)

  it("has lua-cjson for scripts that were written for it", function()
    load [[
      local cjson <const>, safe <const> = require "cjson", require "cjson.safe"
      assert(cjson.decode "[1]"[1] == 1)
      assert(not pcall(cjson.decode, "["))
      local value, reason = safe.decode "["
      assert(value == nil and type(reason) == "string")
      assert(safe.encode { 1 } == "[1]")
      assert(not pcall(function() cjson.x = 1 end))
    ]]
  end)

  it("yields in a coroutine of the script's own, but not in the handler", function()
    assert.same({ 1, false, "a handler cannot yield: only a coroutine of its own can" }, evaluate [[
      coroutine.wrap(function() coroutine.yield(1) end)(), pcall(coroutine.yield)
    ]])
  end)

  it("wants a name", function()
    assert.matches("init.lua:1: require wants the name of a module", refused "require(7)")
  end)
end)
