-- Backends and the requests to them. A method of a backend only describes a request; gateway.call,
-- gateway.gather and saga:step send it. A request is plain data, so that it can be kept as an
-- undo.
local core <const> = require "gateway.core"
local breaker <const> = require "gateway.breaker"
local failure <const> = require "gateway.failure"
local options <const> = require "gateway.options"
local suggest <const> = require "gateway.suggest"

local getmetatable <const> = debug.getmetatable -- past what scripts are shown

local backend <const> = {}

local Request <const> = { __name = "gateway.request", __metatable = false }
backend.Request = Request

local Backend <const> = { __name = "gateway.backend", __metatable = false }
local methods <const> = {}
Backend.__index = methods

local REQUEST_OPTIONS <const> = {
  query = options.table,
  headers = options.table,
  json = options.any,
  body = options.string,
  timeout = options.seconds,
  try_timeout = options.seconds,
  attempts = options.count,
  idempotent = options.boolean,
  hedge = options.seconds,
  raw = options.boolean,
  expect = options.fn,
  fallback = options.any,
}

local BACKEND_OPTIONS <const> = {
  url = options.string,
  urls = options.strings,
  connect_timeout = options.seconds,
  timeout = options.seconds,
  max_response = options.count,
  count_429 = options.boolean,
  breaker_per_host = options.boolean,
  attempts = options.count,
  retry_on = options.statuses,
  try_timeout = options.seconds,
  hedge = options.seconds,
  retry_base = options.seconds,
  retry_cap = options.seconds,
  retry_budget = options.share_or_none,
  retry_min = options.count_or_none,
  max_concurrent = options.count,
  max_waiting = options.count_or_none,
  health = options.record {
    path = options.path,
    interval = options.seconds,
    healthy = options.count,
    unhealthy = options.count,
  },
}
for name, kind in next, breaker.OPTIONS do
  BACKEND_OPTIONS[name] = kind
end

-- For gateway.check, and the spec that compares them with types.lua.
backend.OPTIONS, backend.REQUEST_OPTIONS = BACKEND_OPTIONS, REQUEST_OPTIONS

-- Methods that may be sent twice (RFC 9110, 9.2.2), so far as backends keep to it.
local IDEMPOTENT <const> = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }

function Request.__tostring(self)
  return ("%s: %s %s"):format(self.backend, self.method, self.path)
end

-- Every option is one of the above or a value for the path's template. Why not, or nil.
local function refuse(template, given)
  for name, value in next, given do
    local expected <const> = REQUEST_OPTIONS[name]
    if expected then
      if not expected.test(value) then return options.refuse_value(name, value, expected) end
    elseif type(name) ~= "string" or not template:find("{" .. name .. "}", 1, true) then
      return ("unknown option '%s' (and '%s' has no such parameter)%s")
        :format(name, template, suggest(tostring(name), REQUEST_OPTIONS))
    end
  end
  if given.json ~= nil and given.body ~= nil then return "give either 'json' or 'body'" end
end

-- A hedge is a second copy on its way: never of what must happen once.
local function refuse_hedge(method, given)
  local may_repeat = given.idempotent
  if may_repeat == nil then may_repeat = IDEMPOTENT[method] end
  if not may_repeat then
    return ("option 'hedge' needs 'idempotent = true' for %s"):format(method)
  end
end

-- Strings that can never be one segment of a path. They come from clients, so they are the
-- client's mistake and no bug.
local NO_SEGMENT <const> = { [""] = true, ["."] = true, [".."] = true }

local function is_clients_mistake(template, given)
  for name, value in next, given do
    if NO_SEGMENT[value] and template:find("{" .. name .. "}", 1, true) then return true end
  end
end

local function describe(self, method, template, given)
  if getmetatable(self) ~= Backend then error("call it with a colon: backend:get(path)", 2) end
  if type(template) ~= "string" then error("the path must be a string", 2) end
  if given ~= nil then
    if type(given) ~= "table" then error("the options must be a table", 2) end
    local reason <const> = refuse(template, given)
      or given.hedge and refuse_hedge(method, given)
    if reason then error(reason, 2) end
  end
  local path <const>, reason <const> = core.expand(template, given)
  if not path then
    if given and is_clients_mistake(template, given) then
      error(failure.new { kind = "problem", status = 400, detail = reason })
    end
    error(reason, 2)
  end
  return setmetatable({
    handle = self.handle,
    backend = self.name,
    method = method,
    path = path,
    options = given,
  }, Request)
end

-- Tail calls, so that level 2 in describe() is the operator's line.
function methods:get(path, given) return describe(self, "GET", path, given) end
function methods:head(path, given) return describe(self, "HEAD", path, given) end
function methods:delete(path, given) return describe(self, "DELETE", path, given) end
function methods:post(path, given) return describe(self, "POST", path, given) end
function methods:put(path, given) return describe(self, "PUT", path, given) end
function methods:patch(path, given) return describe(self, "PATCH", path, given) end

function methods:request(method, path, given)
  if type(method) ~= "string" or not method:find "^%u+$" then
    error("the method must be a word in capitals", 2)
  end
  return describe(self, method, path, given)
end

-- Of the breaker that all workers share: "closed", "open", "half_open", "forced_open", "disabled".
function methods:state()
  return core.backend_state(self.handle)
end

local function refuse_together(given)
  if given.url and given.urls then return "give either 'url' or 'urls'" end
  if not (given.url or given.urls) then return "'url' is missing" end
  if given.max_waiting and not given.max_concurrent then
    return "option 'max_waiting' needs 'max_concurrent'"
  end
  if given.health and not given.health.path then return "option 'health.path' is missing" end
  return breaker.refuse_together(given)
end

function backend.define(name, given)
  if not core.loading() then
    error("gateway.backend can only be called while the scripts load", 2)
  end
  if type(name) ~= "string" or not name:find "^[%w_.-]+$" then
    error("a backend's name is made of letters, digits, '_', '.' and '-'", 2)
  end
  local refused <const> = options.refuse(given, BACKEND_OPTIONS) or refuse_together(given or {})
  if refused then error(("backend '%s': %s"):format(name, refused), 2) end
  local handle <const>, reason <const> = options.declare(core.backend, name, given)
  if not handle then error(("backend '%s': %s"):format(name, reason), 2) end
  return setmetatable({ name = name, handle = handle }, Backend)
end

return backend
