-- Routes: declaring them with their filters, and running them. run() is what the core calls for
-- each request, in a coroutine of its own.
local core <const> = require "gateway.core"
local bug <const> = require "gateway.bug"
local failure <const> = require "gateway.failure"
local idempotency <const> = require "gateway.idempotency"
local options <const> = require "gateway.options"
local problem <const> = require "gateway.problem"

local route <const> = {}

local routes <const> = {} -- by the core's id
local before_all <const>, after_all <const> = {}, {}
local NO_FILTERS <const> = {}

local OPTIONS <const> = {
  deadline = options.seconds,
  max_body = options.count,
  before = options.hooks,
  after = options.hooks,
  idempotency = idempotency.option,
}

route.OPTIONS = OPTIONS -- for the spec that compares them with types.lua

local function list_of(hooks)
  if type(hooks) == "function" then return { hooks } end
  return hooks or NO_FILTERS
end

local function refuse(target, given, handler)
  if type(target) ~= "string" or not target:find "^%u+ /" then
    return "a route is declared as \"GET /path/:param\""
  end
  if type(handler) ~= "function" then return ("route '%s' wants a handler"):format(target) end
  local reason <const> = options.refuse(given, OPTIONS)
  if reason then return ("route '%s': %s"):format(target, reason) end
end

-- The global filters are looked up when a request comes, so that they also hold for routes that
-- were declared before them; what the prelude declares itself has none.
local function declare(target, given, handler, before, after)
  local method <const>, pattern <const> = target:match "^(%u+) (.*)$"
  local id <const>, where <const> = core.route(method, pattern, given.deadline, given.max_body)
  if not id then return ("route '%s': %s"):format(target, where) end
  routes[id] = {
    name = target,
    where = where, -- "routes/products.lua:12"
    handler = handler,
    before_all = before,
    after_all = after,
    before = list_of(given.before),
    after = list_of(given.after),
    idempotency = idempotency.rule_of(given.idempotency),
  }
end

-- gateway.route(target, [options,] handler)
function route.define(target, given, handler)
  if handler == nil then
    given, handler = nil, given
  end
  given = given or {}
  if not core.loading() then
    error("gateway.route can only be called while the scripts load", 2)
  end
  local reason <const> = refuse(target, given, handler)
    or declare(target, given, handler, before_all, after_all)
  if reason then error(reason, 2) end
end

local function add_filter(list, name, fn)
  if not core.loading() then
    return ("gateway.%s can only be called while the scripts load"):format(name)
  end
  if type(fn) ~= "function" then return ("gateway.%s wants a function"):format(name) end
  list[#list + 1] = fn
end

-- gateway.before(fn): fn(req) runs before each route of the scripts, and may answer in its place.
function route.before(fn)
  local reason <const> = add_filter(before_all, "before", fn)
  if reason then error(reason, 2) end
end

-- gateway.after(fn): fn(req, response) may change each answer of the scripts, errors too.
function route.after(fn)
  local reason <const> = add_filter(after_all, "after", fn)
  if reason then error(reason, 2) end
end

local function health()
  return 200, { status = "ok" }
end

local function ready()
  local yes <const>, reason <const> = core.ready()
  if yes then return 200, { status = "ready" } end
  return 503, { status = "not ready", reason = reason }
end

-- The core calls this when the scripts are loaded: what every gateway answers. A route that the
-- scripts have declared themselves is refused here, and stays as it is.
function route.define_builtins()
  declare("GET /health", {}, health, NO_FILTERS, NO_FILTERS)
  declare("GET /ready", {}, ready, NO_FILTERS, NO_FILTERS)
end

-- Calls the filters in order; the first that returns a status has answered.
local function ask(filters, req)
  for i = 1, #filters do
    local status <const>, body <const>, headers <const> = filters[i](req)
    if status ~= nil then return status, body, headers end
  end
end

local function check(called, status, body, headers)
  if math.type(status) ~= "integer" then
    error(("%s: route '%s' returned %s where the status belongs"):format(called.where, called.name,
      status == nil and "nothing" or "a " .. type(status)), 0)
  end
  return status, body, headers
end

-- In the place of a status: the reply is the stored one.
local REPLAYED <const> = {}

-- After the filters, who may ask for a password even for what is known.
local function answer(called, req)
  local status, body, headers = ask(called.before_all, req)
  if status == nil then
    status, body, headers = ask(called.before, req)
  end
  if status == nil and called.idempotency and idempotency.is_answered(called.idempotency) then
    return REPLAYED
  end
  if status == nil then
    status, body, headers = called.handler(req)
  end
  return check(called, status, body, headers)
end

-- A handler may return the same table each time, so filters get a copy.
local function copy(headers)
  local copied <const> = {}
  for name, value in next, headers or copied do
    copied[name] = value
  end
  return copied
end

local function amend(called, req, status, body, headers)
  local response <const> = { status = status, body = body, headers = copy(headers) }
  for _, filters in ipairs { called.after_all, called.after } do
    for i = 1, #filters do
      filters[i](req, response)
    end
  end
  return check(called, response.status, response.body, response.headers)
end

-- gateway.drop(): raised, so that nothing after it runs and what is open is closed.
local DROPPED <const> = failure.new { kind = "dropped", message = "by the script" }

function route.drop()
  error(DROPPED)
end

-- The answer to what was raised. A script may have changed the failure, or the request, so that
-- they can no longer be told: then that is the bug.
local function answer_to(raised, req)
  local ok <const>, status <const>, body <const>, headers <const> =
    xpcall(problem.answer, bug.explain, raised, req)
  if ok then return status, body, headers end
  return problem.answer(status)
end

-- What fn returned, or the answer to what it raised, and which. A drop is left to run().
local function settle(req, ok, status, body, headers)
  if core.stopped() then return false, answer_to(status, req) end
  if ok or status == DROPPED then return ok, status, body, headers end
  return false, answer_to(status, req)
end

-- An answer that cannot be said, nan or a bad header, is a bug of the script: all that is known of
-- its place is the route's. Returns whether it could be said.
local function reply(called, req, status, body, headers)
  local ok <const>, raised <const> = pcall(core.reply, status, body, headers)
  if ok then return true end
  local found <const> = bug.of(("%s: the answer of route '%s' cannot be sent: %s"):format(
    called.where, called.name, tostring(raised)))
  if not pcall(core.reply, answer_to(found, req)) then
    core.reply(problem.answer(bug.of "the problem cannot be said"))
  end
  return false
end

-- The core's entry. It raises nothing but want of memory, which the core answers.
function route.run(id, req)
  local called <const> = routes[id]
  local returned, status, body, headers = settle(req, xpcall(answer, bug.explain, called, req))
  if status == REPLAYED then return core.key_replay() end
  local filtered <const> = #called.after_all > 0 or #called.after > 0
  if filtered and status ~= DROPPED and not core.stopped() then
    local amended
    amended, status, body, headers =
      settle(req, xpcall(amend, bug.explain, called, req, status, body, headers))
    returned = returned and amended
  end
  if status == DROPPED then return core.drop() end
  local said <const> = reply(called, req, status, body, headers)
  if said and returned and called.idempotency then idempotency.keep() end
end

return route
