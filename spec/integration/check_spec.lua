-- The commands check and routes, as an operator calls them. What check finds in detail: the unit
-- specs.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"

local function run(...)
  return process.run({ gateways.binary, ... })
end

local BROKEN <const> = {
  ["init.lua"] = 'require "routes.a"\nrequire "routes.b"\n',
  ["backends.lua"] = [[
local gateway <const> = require "gateway"
return {
  inventory = gateway.backend("inventory", { url = "http://inventory", tries = 3 }),
  pricing = gateway.backend("pricing", { url = "pricing:8002" }),
}
]],
  ["routes/a.lua"] = [[
local gateway <const> = require "gateway"
local b <const> = require "backends"
gateway.route("GET /a/:id", { deadline = 0 }, function(req)
  return 200, gateway.call(b.invetory:get("/x/{id}", { id = req.params.id })).json
end)
gateway.route("GET /a/:other", function() return 200, total end)
]],
  ["routes/b.lua"] = "local x = {\n  1,\n  2 3,\n}\n",
  ["lib/old.lua"] = "x = 1",
  ["spec/a_spec.lua"] = "describe('x' it(",
}

local FOUND <const> = [[
backends.lua:3:72: backend 'inventory': unknown option 'tries'
backends.lua:4:42: backend 'pricing': url must be http://host[:port][/path] or https://...
lib/old.lua:1:1: global 'x' cannot be set; say 'local'
routes/a.lua:3:31: route 'GET /a/:id': option 'deadline' must be a number of seconds above 0
routes/a.lua:4:30: b has no 'invetory' (did you mean 'inventory'?)
routes/a.lua:6:55: unknown global 'total'
routes/b.lua:3:5: '}' expected (to close '{' at line 1) near '3'
]]


describe("check", function()
  teardown(process.end_all)

  it("prints all that is wrong, by file and line", function()
    local folder <const> = files.folder(BROKEN)
    local code <const>, out <const>, err <const> = run("check", folder)
    assert.same({ 1, "" }, { code, out })
    assert.equal(FOUND .. folder .. ": 3 routes, 7 errors\n", err)
  end)

  it("says it in JSON", function()
    local code <const>, out <const>, err <const> = run("check", "--json", files.folder(BROKEN))
    assert.same({ 1, "" }, { code, err })
    local findings <const> = cjson.decode(out)
    assert.equal(7, #findings)
    assert.same({
      file = "routes/a.lua", line = 4, column = 30, severity = "error", rule = "unknown-field",
      message = "b has no 'invetory' (did you mean 'inventory'?)",
    }, findings[5])
    assert.equal("[]\n", select(2, run("check", "--json", "scripts")))
  end)

  it("ends with 0 if there are only warnings", function()
    local folder <const> = files.folder {
      ["init.lua"] = "",
      ["lib/old.lua"] = "x = 1",
    }
    local code <const>, out <const>, err <const> = run("check", folder)
    assert.same({ 0, folder .. ": 2 routes, 2 warnings\n" }, { code, out })
    assert.equal([[
lib/old.lua:1:1: warning: global 'x' cannot be set; say 'local'
lib/old.lua:1:1: warning: is not required by init.lua, so it is not part of the gateway
]], err)
  end)

  it("ends with 2 for wrong usage and a folder that cannot be read", function()
    for _, arguments in ipairs {
      { "check", "/nowhere" }, { "check", "--bogus", "1" }, { "check", "scripts", "scripts" },
      { "check", "--jsn" }, { "routes", "--run" }, { "routes", "/nowhere" },
    } do
      local code <const>, out <const>, err <const> = run(table.unpack(arguments))
      assert.same({ 2, "" }, { code, out }, table.concat(arguments, " "))
      assert.matches("^moongate: [^\n]+\n$", err)
    end
  end)

  it("takes the folder as SCRIPTS_DIR or as its argument, which wins", function()
    local folder <const> = files.folder { ["init.lua"] = "broken" }
    assert.equal(1, (process.run({ gateways.binary, "check" }, { SCRIPTS_DIR = folder })))
    assert.equal(0,
      (process.run({ gateways.binary, "check", "scripts" }, { SCRIPTS_DIR = folder })))
  end)

  it("judges as the core does, with the settings of now", function()
    local scripts <const> = { ["init.lua"] = [[
local gateway <const> = require "gateway"
gateway.backend("b", { url = gateway.env "INVENTORY_SERVICE_URL", trials = 65 })
gateway.route("GET /x*", function() return 200 end)
gateway.env "OTHER"
]] }
    local code <const>, _, err <const> = process.run({ gateways.binary, "check",
      files.folder(scripts) }, { INVENTORY_SERVICE_URL = "http://inventory", OTHER = "x" })
    assert.equal(1, code)
    assert.matches("init.lua:2:67: backend 'b': trials must be from 1 to 64\n", err, 1, true)
    assert.matches("init.lua:3:15: route 'GET /x*': a segment is plain text or :name, there are no"
      .. " wildcards\n", err, 1, true)
    assert.matches("init.lua:4:13: gateway.env: scripts may not read 'OTHER'\n", err, 1, true)
  end)

  it("calls each route with --run", function()
    local code, out, err = run("check", "--run", "scripts")
    assert.same({ 0, "" }, { code, err })
    assert.equal("scripts: 14 routes, nothing wrong; 12 called\n", out)
    local folder <const> = files.folder { ["init.lua"] = [[
local gateway <const> = require "gateway"
gateway.route("POST /x", function(req)
  return 200, #req:json().items
end)
]] }
    code, out, err = run("check", folder, "--run")
    assert.same({ 1, "" }, { code, out })
    assert.equal("init.lua:3:27: attempt to get length of a nil value (field 'items')"
      .. " (POST /x with the body {}, while the backends answer)\n"
      .. folder .. ": 3 routes, 1 error; 1 called\n", err)
  end)

  it("finds nothing wrong with the demo backends", function()
    for _, name in ipairs { "inventory", "pricing" } do
      local code <const>, _, err <const> = run("check", "--run", "scripts/demo/" .. name)
      assert.same({ 0, "" }, { code, err })
    end
  end)
end)


describe("routes", function()
  teardown(process.end_all)

  local SCRIPTS <const> = { ["init.lua"] = [[
local gateway <const> = require "gateway"
gateway.route("GET /a", { deadline = 2.5 }, function() return 200 end)
gateway.route("DELETE /a/:id", function() return 200 end)
]] }

  it("lists them, aligned", function()
    local code <const>, out <const> = run("routes", files.folder(SCRIPTS))
    assert.equal(0, code)
    assert.equal([[
GET /a            2.5 s  init.lua:2
DELETE /a/:id    30.0 s  init.lua:3
GET /health      30.0 s  built in
GET /ready       30.0 s  built in
]], out)
  end)

  it("says it in JSON", function()
    local code <const>, out <const> = run("routes", "--json", files.folder(SCRIPTS))
    assert.equal(0, code)
    local routes <const> = cjson.decode(out)
    assert.same({ method = "GET", pattern = "/a", deadline = 2.5, file = "init.lua", line = 2 },
      routes[1])
    assert.same({ method = "GET", pattern = "/ready", deadline = 30 }, routes[4])
  end)

  it("says what is wrong where there is something", function()
    local code <const>, out <const>, err <const> =
      run("routes", files.folder { ["init.lua"] = "x = 1" })
    assert.same({ 1, "" }, { code, out })
    assert.equal("moongate: init.lua:1: global 'x' cannot be set; say 'local'\n", err)
  end)
end)
