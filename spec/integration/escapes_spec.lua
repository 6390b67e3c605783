-- The ways out of a sandbox that are public knowledge, tried on the real one.
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"

-- What each of these says must be true.
local CLOSED <const> = {
  -- --- code from outside ---
  ["bytecode"] = "not load('\\27Lua')",
  ["bytecode, asked for"] = "not load('\\27Lua', 'x', 'b')",
  ["bytecode, in pieces"] = [[(function()
    local pieces = { '\27', 'Lua' }
    return not load(function() return table.remove(pieces, 1) end, 'x', 'b')
  end)()]],
  ["string.dump"] = "string.dump == nil and ('').dump == nil",
  ["a chunk that calls itself the prelude"] = "not pcall(load, 'return 1', '@gateway.saga')",
  ["a chunk whose text is its name"] = "not load('@gateway.saga')",
  ["a chunk that calls itself by a number"] = "not pcall(load, 'return 1', 5)",
  ["an environment for a chunk"] = "load('return io', 'x', 't', {})() == nil",
  ["the environment of a chunk"] = "not pcall(load('return io'))",
  ["an environment of one's own"] = "not pcall(function() return _ENV.io end)",
  ["an environment as a parameter"] = "(function(_ENV) return io end)({ io = 5 }) == 5",

  -- --- libraries that are not there ---
  ["io"] = "not pcall(function() return io end)",
  ["debug"] = "not pcall(function() return debug end)",
  ["package"] = "not pcall(function() return package end)",
  ["dofile and loadfile"] = "not pcall(function() return dofile or loadfile end)",
  ["what os can do"] = [[(function()
    for name in pairs(os) do
      if not ('time date clock difftime'):find(name, 1, true) then return false end
    end
    return os.execute == nil and os.getenv == nil and os.exit == nil and os.remove == nil
  end)()]],
  ["a coroutine of the core's"] = "coroutine.running == nil",
  ["the collector"] = [[not pcall(collectgarbage, 'stop') and not pcall(collectgarbage)
    and not pcall(collectgarbage, 'generational')]],
  ["the environment of the process"] = [[not pcall(gateway.env, 'PATH')
    and not pcall(gateway.env, 'HOME') and not pcall(gateway.env, 'ADMIN_TOKEN')]],

  -- --- require ---
  ["the core, by require"] = "not pcall(require, 'gateway.core')",
  ["the prelude, by require"] = [[not pcall(require, 'gateway.flow')
    and not pcall(require, 'gateway.sandbox') and not pcall(require, 'gateway.failure')]],
  ["libraries, by require"] = [[not pcall(require, 'io') and not pcall(require, 'debug')
    and not pcall(require, 'package') and not pcall(require, '_G') and not pcall(require, 'os')]],
  ["files, by require"] = [[not pcall(require, '../init') and not pcall(require, '/etc/passwd')
    and not pcall(require, '..init') and not pcall(require, 'init.lua')
    and not pcall(require, 'init\0') and not pcall(require, '')]],
  ["C libraries, by require"] = "not pcall(require, 'socket') and not pcall(require, 'lfs')",

  -- --- tables that all scripts share ---
  ["rawset"] = [[not pcall(rawset, string, 'x', 1) and not pcall(rawset, _G, 'x', 1)
    and not pcall(rawset, gateway, 'x', 1) and not pcall(rawset, gateway.json, 'x', 1)]],
  ["rawget and next"] = "rawget(_G, 'string') == nil and next(_G) == nil and next(string) == nil",
  ["setmetatable"] = [[not pcall(setmetatable, string, {}) and not pcall(setmetatable, _G, nil)
    and not pcall(setmetatable, gateway, {}) and not pcall(setmetatable, '', {})]],
  ["the metatable of strings"] = [[getmetatable('') == false
    and not pcall(function() (''):x() end) and not pcall(function() local s = '' s.x = 1 end)]],
  ["functions that set"] = [[not pcall(table.insert, string, print)
    and not pcall(table.move, { 1 }, 1, 1, 1, string) and not pcall(table.remove, table, 'sort')]],
  ["what pairs shows"] = "select(2, pairs(string)) == string",
  ["globals through _G"] = "_G._G == _G and not pcall(function() _G.x = 1 end)",
  ["lua-cjson"] = [[(function()
    local cjson = require 'cjson'
    return cjson.new == nil and cjson.encode_max_depth == nil and cjson.decode_max_depth == nil
      and not pcall(rawset, cjson, 'encode', print) and cjson.encode { 1 } == '[1]'
  end)()]],
  ["the mark of arrays"] = "type(getmetatable(gateway.json.array {})) == 'string'",

  -- --- what the prelude made ---
  ["the metatable of a request"] = [[getmetatable(req) == false
    and not pcall(setmetatable, req, {})]],
  ["the metatable of a failure"] = [[(function()
    local _, failure = pcall(gateway.fail, 400, 'x')
    return failure.status == 400 and getmetatable(failure) == false
      and not pcall(setmetatable, failure, {})
  end)()]],
  ["the metatable of a backend and its requests"] = [[getmetatable(backend) == false
    and getmetatable(backend:get '/') == false and getmetatable(breaker) == false]],
  ["the metatable of a response"] = [[(function()
    return getmetatable(gateway.call(backend:get '/')) == false
  end)()]],
  ["a request that is forged"] = [[not pcall(gateway.call,
    { backend = 'backend', method = 'GET', path = '/', handle = 1 })]],
  ["the saga's metatable"] = [[(function()
    local saga <close> = gateway.saga('kind', 'id')
    return getmetatable(saga) == false
  end)()]],

  -- --- finalizers ---
  ["__gc"] = "not pcall(setmetatable, {}, { __gc = function() end })",
  ["__gc, false"] = "not pcall(setmetatable, {}, { __gc = false })",
  ["__gc of a table that is shared"] = "not pcall(setmetatable, _G, { __gc = function() end })",

  -- --- the core's coroutine ---
  ["a yield past the core"] = "not pcall(coroutine.yield)",
  ["the core's functions in a coroutine"] = [[not pcall(coroutine.wrap(gateway.call),
    backend:get '/') and not pcall(coroutine.wrap(gateway.sleep), 0)]],
  ["declaring afterwards"] = [[not pcall(gateway.route, 'GET /x', print)
    and not pcall(gateway.backend, 'x', { url = 'http://x' })
    and not pcall(gateway.before, print)]],
}

local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local tools <const> = require "gateway_tools"
local backend <const> = gateway.backend("backend", { url = gateway.env "INVENTORY_SERVICE_URL" })
local breaker <const> = gateway.breaker("breaker", {})

gateway.route("GET /", function() return 200, "home" end)
gateway.route("GET /tools", tools.spin)
gateway.route("GET /not-text", function()
  error(setmetatable({}, { __tostring = function() return {} end }))
end)
gateway.route("GET /changed", function()
  error(setmetatable({}, { __metatable = { __tostring = print }, __name = "gateway.failure" }))
end)
]]

-- A file of the scripts' whose name begins like the prelude's.
local TOOLS <const> = [[
return { spin = function() while true do end end }
]]

local function scripts(names)
  local texts <const> = { SCRIPT }
  for i, name in ipairs(names) do
    texts[#texts + 1] = ([[
gateway.route("GET /closed/%d", function(req)
  return 200, { closed = %s }
end)
]]):format(i, CLOSED[name])
  end
  return { ["init.lua"] = table.concat(texts), ["gateway_tools.lua"] = TOOLS }
end


describe("the sandbox", function()
  local gateway
  local names <const> = {}
  for name in pairs(CLOSED) do
    names[#names + 1] = name
  end
  table.sort(names)

  setup(function()
    local behind <const> = gateways.start_with [[
      require "gateway".route("GET /", function() return 200, {} end)
    ]]
    gateway = gateways.start_with(scripts(names),
      { INVENTORY_SERVICE_URL = "http://127.0.0.1:" .. behind.port, ADMIN_TOKEN = "secret" })
  end)
  teardown(process.end_all)
  after_each(function() assert.equal("home", gateway:get("/").body) end)

  for i, name in ipairs(names) do
    it("is closed to " .. name, function()
      local response <const> = gateway:get("/closed/" .. i)
      assert.equal(200, response.status, response.body)
      assert.is_true(response.json.closed)
    end)
  end

  it("knows the prelude from a script of a like name", function()
    local response <const> = gateway:get "/tools"
    assert.equal(500, response.status)
    local errors <const> = {}
    for _, line in ipairs(gateway:log_until(response)) do
      if line.route == "GET /tools" and line.level == "error" then errors[#errors + 1] = line end
    end
    assert.equal("gateway_tools.lua:1", errors[1].where)
    assert.equal("script_budget", errors[1].fields.kind)
  end)

  it("answers for errors that cannot be told", function()
    assert.equal(500, gateway:get("/not-text").status)
    assert.equal(500, gateway:get("/changed").status)
  end)
end)
