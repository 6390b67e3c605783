-- A gateway without its C: the prelude over the fake core, with the scripts of a folder, of a table
-- (module name -> text) or of a function (name -> text, chunk name), or with none.
--
--     local world <const> = World.new()
--     local b <const> = world.gateway.backend("b", { url = "http://b" })
--     world.backends.b = function(call) return { status = 200, json = { path = call.path } } end
--     local response <const> = world:run(function() return world.gateway.call(b:get("/x")) end)
--
--     local world <const> = World.load { scripts = "scripts" }
--     local reply <const> = world:request("GET", "/api/v1/products/TEST-001")
local json <const> = require "gateway.json"
local paths <const> = require "gateway.paths"
local secret <const> = require "gateway.secret"
local prelude <const> = require "gateway.prelude"
local core_of <const> = require "gateway.testing.core"
local router <const> = require "gateway.testing.router"

local DEFAULT_DEADLINE <const> = 30 -- SERVICE_TIMEOUT

local World <const> = {}
World.__index = World

local function read(path)
  local file <const> = io.open(path, "rb")
  if not file then return nil end
  local text <const> = file:read "a"
  file:close()
  return text
end

local function source_of(scripts)
  if type(scripts) == "function" then return scripts end
  return function(name)
    if type(scripts) == "table" then return scripts[name], "@" .. name .. ".lua" end
    for _, path in ipairs(paths(name)) do
      local text <const> = read(scripts .. "/" .. path)
      if text then return text, "@" .. path end
    end
  end
end

local function copy(library)
  local copied <const> = {}
  for name, value in pairs(library) do
    copied[name] = type(value) == "table" and copy(value) or value
  end
  return copied
end

-- Globals of its own, so that the sandbox can close them without harm to the specs.
local function new_globals(core)
  local globals <const> = copy {
    table = table, math = math, utf8 = utf8, coroutine = coroutine, os = os, debug = debug,
  }
  globals.string = string
  for _, name in ipairs { "_VERSION", "assert", "collectgarbage", "error", "getmetatable", "ipairs",
    "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable",
    "tonumber", "tostring", "type", "xpcall" } do
    globals[name] = _G[name]
  end
  globals._G = globals
  function globals.load(chunk, name, mode, ...)
    if select("#", ...) > 0 then return load(chunk, name, mode, ...) end
    return load(chunk, name, mode, globals)
  end
  local loaded <const> = {
    ["gateway.core"] = core,
    ["gateway.json"] = json,
    ["gateway.secret"] = secret,
  }
  function globals.require(name)
    if loaded[name] == nil then
      local text <const> = prelude(name) or error(("module '%s' not found"):format(name), 2)
      loaded[name] = assert(load(text, "@" .. name, "t", globals))()
    end
    return loaded[name]
  end
  return globals
end

-- The prelude is loaded, and routes and the like can still be declared.
function World.new(options)
  options = options or {}
  local world <const> = setmetatable({
    env = options.env or {},
    real_env = options.real_env,
    development = options.development,
    backends = {},
    source = source_of(options.scripts or {}),
    loading = true,
  }, World)
  world.core = core_of.new(world)
  world.globals = new_globals(world.core)
  world.gateway = world.globals.require "gateway"
  return world
end

-- The end of loading: what is built in is declared.
function World:start()
  self.entries.loaded()
  self.loading = false
  return self
end

-- The methods of strings are shared with the specs, which want them back as they were.
local function mend_strings()
  local dump <const> = string.dump
  return setmetatable({}, {
    __close = function()
      string.dump = dump -- luacheck: ignore 122
      debug.getmetatable("").__metatable = nil
    end,
  })
end

-- Runs init.lua in the sandbox. For `moongate check`: options.prepare(world) comes before the
-- sandbox is closed, options.enter(world) in the place of init.lua.
function World.load(options)
  local world <const> = World.new(options)
  if options.prepare then options.prepare(world) end
  local prune <const> = world.globals.require "gateway.sandbox"
  local mend <close> = mend_strings() -- luacheck: ignore mend
  prune()
  if options.enter then options.enter(world) else world.globals.require "init" end
  return world:start()
end

-- Their timers end with the flow, or time would go on to them.
local function set_limits(self, flow, limits)
  local timers <const> = {}
  local function cancel_after(seconds, kind)
    timers[#timers + 1] = self.scheduler:after(seconds, function()
      self.scheduler.cancel(flow, kind)
    end)
  end
  if limits.deadline then
    flow.deadline = self.scheduler.now + limits.deadline
    cancel_after(limits.deadline, "deadline")
  end
  if limits.hang_up then cancel_after(limits.hang_up, "cancelled") end
  return function()
    for _, timer in ipairs(timers) do
      timer.fn = nil
    end
  end
end

-- Runs fn in a flow, until all is quiet, and returns what it returns or raises what it raises.
-- limits: deadline and hang_up, in seconds.
function World:run(fn, limits)
  local results
  local flow <const> = self.scheduler:spawn(function()
    results = table.pack(xpcall(fn, function(raised)
      return type(raised) == "string" and debug.traceback(raised, 2) or raised
    end))
  end)
  flow.ended = set_limits(self, flow, limits or {})
  self.scheduler:run()
  assert(results, "the flow never ended")
  self.context = flow.context
  if results[1] then return table.unpack(results, 2, results.n) end
  error(results[2], 0)
end

-- What fn raises.
function World:raised_by(fn, limits)
  local ok <const>, raised <const> = pcall(self.run, self, fn, limits)
  assert(not ok, "nothing was raised")
  return raised
end

local function decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function query_of(text)
  local query <const> = {}
  for pair in text:gmatch "[^&]+" do
    local name <const>, value <const> = pair:match "^([^=]*)=?(.*)$"
    query[decode(name)] = decode(value)
  end
  return query
end

local function new_request(self, method, target, options, params, route)
  local path <const>, query <const> = target:match "^([^?]*)%??(.*)$"
  local headers <const> = {}
  for name, value in pairs(options.headers or {}) do
    headers[name:lower()] = tostring(value)
  end
  if options.json ~= nil then
    headers["content-type"] = headers["content-type"] or "application/json"
  end
  return setmetatable({
    method = method,
    path = path,
    query = query_of(query),
    params = params,
    headers = headers,
    body = options.json ~= nil and json.encode(options.json) or options.body,
    correlation_id = "correlation-1",
    client = "127.0.0.1",
    route = route.method .. " " .. route.pattern,
  }, self.metatables.request)
end

-- Sends one request through its route and returns { status, headers, text, json } once all is
-- quiet. options: json or body, headers, hang_up (seconds), deadline (instead of the route's).
function World:request(method, target, options)
  options = options or {}
  local id <const>, params <const> = router.find(self.routes, method, target:match "^[^?]*")
  if not id then return { status = params, headers = {} } end
  local route <const> = self.routes[id]
  local req <const> = new_request(self, method, target, options, params, route)
  local flow <const> = self.scheduler:spawn(function() self.entries.request(id, req) end)
  flow.req = req
  local started <const> = self.scheduler.now
  local lift <const> = set_limits(self, flow, {
    deadline = options.deadline or route.deadline or DEFAULT_DEADLINE,
    hang_up = options.hang_up,
  })
  flow.ended = function()
    flow.took = self.scheduler.now - started
    lift()
  end
  self.scheduler:run()
  local reply <const> = assert(flow.reply, "no reply")
  reply.took = flow.took
  local is_json <const> = reply.text and reply.headers["content-type"]:find "json"
  if is_json then reply.json = assert(json.decode(reply.text)) end
  return reply
end

-- A backend of `self` that is another world's scripts; what it takes to answer is the call's
-- delay.
function World.as_backend(backend)
  return function(call)
    local reply <const> = backend:request(call.method, call.path, { json = call.json })
    if reply.dropped then return { kind = "decode", delay = reply.took } end
    return { status = reply.status, json = reply.json, body = reply.text, delay = reply.took }
  end
end

-- The paths of the calls that were sent, in order: "POST inventory /api/v1/stock/reserve".
function World:sent()
  local sent <const> = {}
  for i, call in ipairs(self.calls) do
    sent[i] = ("%s %s %s"):format(call.method, call.backend, call.path)
  end
  return sent
end

function World:logged(level)
  local lines <const> = {}
  for _, line in ipairs(self.logs) do
    if line.level == level then table.insert(lines, line) end
  end
  return lines
end

return World
