-- Backends and the requests to them. A method of a backend only describes a request; gateway.call,
-- gateway.gather and saga:step send it. A request is plain data, so that it can be kept as an
-- undo.
local core <const> = require "gateway.core"
local failure <const> = require "gateway.failure"
local options <const> = require "gateway.options"

local backend <const> = {}

local Request <const> = { __name = "gateway.request" }
backend.Request = Request

local Backend <const> = { __name = "gateway.backend" }
local methods <const> = {}
Backend.__index = methods

local REQUEST_OPTIONS <const> = {
  query = options.table,
  headers = options.table,
  json = options.any,
  body = options.string,
  timeout = options.seconds,
  raw = options.boolean,
  expect = options.fn,
  fallback = options.any,
}

local BACKEND_OPTIONS <const> = {
  url = options.string,
  connect_timeout = options.seconds,
  timeout = options.seconds,
  max_response = options.count,
  threshold = options.count,
  recovery = options.seconds,
  trials = options.count,
}

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
      return ("unknown option '%s' (and '%s' has no such parameter)"):format(name, template)
    end
  end
  if given.json ~= nil and given.body ~= nil then return "give either 'json' or 'body'" end
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

-- "closed", "open" or "half_open": of the breaker that all workers share.
function methods:state()
  return core.backend_state(self.handle)
end

function backend.define(name, given)
  if not core.loading() then
    error("gateway.backend can only be called while the scripts load", 2)
  end
  if type(name) ~= "string" or not name:find "^[%w_.-]+$" then
    error("a backend's name is made of letters, digits, '_', '.' and '-'", 2)
  end
  local refused <const> = options.refuse(given, BACKEND_OPTIONS)
  if refused then error(("backend '%s': %s"):format(name, refused), 2) end
  if not (given and given.url) then error(("backend '%s': 'url' is missing"):format(name), 2) end
  local handle <const>, reason <const> = core.backend(name, given)
  if not handle then error(("backend '%s': %s"):format(name, reason), 2) end
  return setmetatable({ name = name, handle = handle }, Backend)
end

return backend
