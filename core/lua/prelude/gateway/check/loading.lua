-- Loads the scripts as the gateway does - the prelude, its sandbox, the core's own judgement of
-- routes and options - but goes on after a mistake: it is noted with its place, and what was asked
-- for is inert.
local budget <const> = require "gateway.check.budget"
local inert <const> = require "gateway.check.inert"
local paths <const> = require "gateway.paths"
local suggest <const> = require "gateway.suggest"
local router <const> = require "gateway.testing.router"
local World <const> = require "gateway.testing.world"

local Loading <const> = {}
Loading.__index = Loading

-- The functions of the module "gateway" that are tolerant.
local TOLERANT <const> = { "route", "before", "after", "backend", "breaker", "job", "env" }

-- --- places ---

-- The innermost script on the stack, and its line.
function Loading:place()
  for level = 2, math.huge do
    local at <const> = debug.getinfo(level, "Sl")
    if not at then return "init.lua", 1 end
    local path <const> = at.source:match "^@(.*)"
    if at.currentline > 0 and self.sources[path] then return path, at.currentline end
  end
end

-- Splits "routes/home.lua:8: message"; a message without its place, or with that of the prelude,
-- gets the innermost script's.
function Loading:split(message)
  local file <const>, line <const>, rest <const> = message:match "^([^:\n]+):(%d+): (.*)$"
  if not file then return message, self:place() end
  if self.sources[file] then return rest, file, tonumber(line) end
  return rest, self:place()
end

-- --- noting ---

-- An error in a module that was given something inert may come of that; likewise of what it calls.
function Loading:is_follow_up()
  for level = 2, math.huge do
    local at <const> = debug.getinfo(level, "Sf")
    if not at or at.func == self.known.require then return false end
    if self.tainted[at.source:match "^@(.*)"] then return true end
  end
end

function Loading:note(rule, raised)
  local message <const>, file <const>, line <const> = self:split(tostring(raised))
  self.findings:add { file = file, line = line, rule = rule, message = message }
end

function Loading:give_inert()
  self.tainted[self:place()] = true
  return inert
end

local function holds_inert(...)
  for i = 1, select("#", ...) do
    local value <const> = select(i, ...)
    if rawequal(value, inert) then return true end
    if type(value) == "table" and not getmetatable(value) then
      for _, inner in next, value do
        if rawequal(inner, inert) then return true end
      end
    end
  end
  return false
end

-- --- modules ---

-- The path of a module's file; false for a module that is none of the scripts.
function Loading:path_of(name)
  for _, path in ipairs(paths(name)) do
    if self.sources[path] then return path end
  end
  return false
end

-- The message, with what was probably meant if it says that there is no such module.
function Loading:hint(message)
  local name <const> = message:match "module '(.-)' not found"
  if not name then return message end
  local names <const> = {}
  for path in next, self.sources do
    names[path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")] = true
  end
  return message .. suggest(name, names)
end

local function explain_module(self)
  return function(raised)
    budget.lift()
    if not self:is_follow_up() then self:note("load", self:hint(tostring(raised))) end
  end
end

function Loading:tolerant_require(require_module)
  return function(name)
    if type(name) ~= "string" then return require_module(name) end
    if self.broken[name] or self.uncompiled[self:path_of(name)] then return self:give_inert() end
    local ok <const>, value <const> = xpcall(require_module, explain_module(self), name)
    budget.start()
    if not ok then
      self.broken[name] = true
      return self:give_inert()
    end
    self.loaded[name] = value
    if self.tainted[self:path_of(name)] then self.tainted[self:place()] = true end
    return value
  end
end

-- --- declarations ---

-- The route that is declared already, in words.
function Loading:other_route(target)
  local method <const>, pattern <const> = target:match "^(%u+) (.*)$"
  for _, route in ipairs(self.routes) do
    local other_method <const>, other <const> = route.target:match "^(%u+) (.*)$"
    if method == other_method and router.shape(pattern) == router.shape(other) then
      return (": '%s' at %s:%d"):format(route.target, route.file, route.line)
    end
  end
  return ""
end

-- Dot segments are taken out of a request's path before it is compared.
local function has_dots(target)
  return ((target:match "^%u+ (.*)$" or "") .. "/"):find "/%.%.?/" ~= nil
end

local after <const> = {}

function after.route(self, target, ...)
  local file <const>, line <const> = self:place()
  local handler <const> = select(select("#", ...), ...)
  self.routes[#self.routes + 1] = { target = target, file = file, line = line, handler = handler }
  if has_dots(target) then
    self.findings:add { file = file, line = line, severity = "warning", rule = "unreachable-route",
      message = ("route '%s': no request has such a path"):format(target) }
  end
end

function after.backend(self, name)
  local file <const>, line <const> = self:place()
  if self.backends[name] then
    self.findings:add { file = file, line = line, severity = "warning", rule = "declaration",
      message = ("backend '%s' is declared at %s already: what is said last holds")
        :format(name, self.backends[name]) }
  end
  self.backends[name] = ("%s:%d"):format(file, line)
end

function after.job(self, kind)
  self.jobs[kind] = true
end

-- The handler tells that it ran; `ran` is for the smoke calls.
function Loading:watch_handler(...)
  local args <const> = table.pack(...)
  local target <const>, handler <const> = args[1], args[args.n]
  if type(handler) == "function" then
    args[args.n] = function(...)
      self.ran[target] = true
      return handler(...)
    end
  end
  return table.unpack(args, 1, args.n)
end

function Loading:tolerant(name, original)
  local function explain(raised)
    budget.lift()
    local message = tostring(raised)
    if message:find "there is such a route already$" then
      message = message .. self:other_route(message:match "^.-route '(.-)'")
    end
    self:note("declaration", message)
  end

  return function(...)
    if holds_inert(...) then return self:give_inert() end
    local results
    if name == "route" then
      results = table.pack(xpcall(original, explain, self:watch_handler(...)))
    else
      results = table.pack(xpcall(original, explain, ...))
    end
    if not results[1] then
      budget.start()
      return self:give_inert()
    end
    if after[name] then after[name](self, ...) end
    return table.unpack(results, 2, results.n)
  end
end

-- --- the sandbox ---

function Loading:prepare(world)
  local gateway <const> = world.gateway
  local require <const> = world.globals.require
  self.request_options = require "gateway.backend".REQUEST_OPTIONS
  self.limit_options = { limit = require "gateway.options".count }
  budget.watch_coroutines(world.globals.coroutine)
  for _, name in ipairs(TOLERANT) do
    gateway[name] = self:tolerant(name, gateway[name])
  end
  for name, declare in pairs(gateway.metric) do
    gateway.metric[name] = self:tolerant("metric", declare)
  end
end

-- What a script finds without declaring it, and what happens where there is nothing.
function Loading:open_sandbox(world)
  local view <const> = debug.getmetatable(world.globals)
  self.known = view.__index
  self.require_module = self.known.require
  self.known.require = self:tolerant_require(self.require_module)
  debug.getmetatable(self.known).__index = function(_, name)
    self:note_global(name)
    return self:give_inert()
  end
  view.__newindex = function(_, name)
    local file <const>, line <const> = self:place()
    self.findings:add(self:global_write(file, line, tostring(name)))
  end
end

function Loading:note_global(name)
  local file <const>, line <const> = self:place()
  self.findings:add(self:unknown_global(file, line, tostring(name)))
end

-- The findings of names, which the text and the run both make, so that they are made once.

function Loading:unknown_global(file, line, name, column)
  return { file = file, line = line, column = column, rule = "unknown-global",
    message = ("unknown global '%s'%s"):format(name, suggest(name, self.known)) }
end

function Loading:global_write(file, line, name, column)
  return { file = file, line = line, column = column, rule = "global-write",
    message = ("global '%s' cannot be set; say 'local'"):format(name) }
end

-- --- all of it ---

-- `sources`: path -> text; `uncompiled`: by path what has a wrong syntax, which others tell. What
-- is wrong goes into `findings`. The result has the world and what
-- was loaded into it: loaded (modules by name), known (globals), routes, backends, jobs, ran (the
-- handlers that did), request_options and limit_options (name -> kind of value).
function Loading.run(sources, findings, uncompiled)
  local self <const> = setmetatable({
    sources = sources, findings = findings, uncompiled = uncompiled,
    loaded = {}, broken = {}, tainted = {}, -- modules by name, files by path
    routes = {}, backends = {}, jobs = {}, ran = {},
  }, Loading)
  self.world = World.load {
    real_env = true,
    scripts = function(name)
      local path <const> = self:path_of(name)
      if path then return sources[path], "@" .. path end
    end,
    prepare = function(world) self:prepare(world) end,
    enter = function(world)
      self:open_sandbox(world)
      budget.start()
      self.known.require "init"
      budget.lift()
    end,
  }
  return self
end

return Loading
