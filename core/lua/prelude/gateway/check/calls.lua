-- The rules of calls that are written out in a handler and so are not made while the scripts load:
-- b.x:get(path, { ... }) and the functions of the module gateway.
local suggest <const> = require "gateway.suggest"
local Values <const> = require "gateway.check.values"

local Calls <const> = {}
Calls.__index = Calls

local VERBS <const> = {
  get = 1, head = 1, delete = 1, post = 1, put = 1, patch = 1, request = 2,
}

function Calls:add(node, rule, message, severity)
  self.findings:add {
    file = self.path, line = node.line, column = node.column, rule = rule, message = message,
    severity = severity,
  }
end

-- Whether what is written out as the option's value cannot be one of its kind. Of a table only that
-- it is one is known.
local function is_refused(kind, node)
  if node.kind == "table" then return not kind.words:find "list" and not kind.test {} end
  local is_constant <const> = node.kind == "constant" and node.value ~= nil
  return (is_constant or node.kind == "string" or node.kind == "number")
    and not kind.test(node.value)
end

-- --- option tables ---

-- `known`: name -> kind of gateway.options; `template`: the path, whose {names} are options too.
function Calls:check_option(field, known, template)
  local name <const>, kind <const> = field.key, known[field.key]
  if kind then
    if is_refused(kind, field.value) then
      self:add(field, "unknown-option", ("option '%s' must be %s"):format(name, kind.words))
    end
  elseif not (template and template:find("{" .. name .. "}", 1, true)) then
    local reason <const> = template and (" (and '%s' has no such parameter)"):format(template)
    self:add(field, "unknown-option",
      ("unknown option '%s'%s%s"):format(name, reason or "", suggest(name, known)))
  end
end

-- Returns the names that are given, and whether all of them could be read.
function Calls:check_options(node, known, template)
  local given <const> = {}
  local all_known = true
  for _, field in ipairs(node.fields) do
    if field.key then
      given[field.key] = true
      self:check_option(field, known, template)
    elseif field.computed then
      all_known = false
    end
  end
  return given, all_known
end

-- --- calls of backends ---

function Calls:check_parameters(place, template, given)
  for name in template:gmatch "{([^{}]*)}" do
    if not given[name] then
      self:add(place, "unknown-option", ("'{%s}' of '%s' has no value"):format(name, template))
    end
  end
end

function Calls:check_request(node)
  local at <const> = VERBS[node.name]
  local known <const>, object <const> = self.values:of(node.object)
  if not at or not known or Values.class_of(object) ~= "gateway.backend" then return end
  local path <const>, options <const> = node.args[at], node.args[at + 1]
  if not path then return end
  local is_known <const>, template <const> = self.values:of(path)
  if not is_known or type(template) ~= "string" then return end
  if not options and path.kind ~= "vararg" then
    self:check_parameters(path, template, {})
  elseif options and options.kind == "table" then
    local given <const>, all_known <const> =
      self:check_options(options, self.request_options, template)
    if all_known then self:check_parameters(path, template, given) end
  end
end

-- --- functions of the module ---

local on_call <const> = {}

function on_call.gather(self, node)
  local options <const> = node.args[2]
  if options and options.kind == "table" then self:check_options(options, self.limit) end
end

function on_call.map(self, node)
  local options <const> = node.args[3]
  if options and options.kind == "table" then self:check_options(options, self.limit) end
end

function on_call.enqueue(self, node)
  local known <const>, kind <const> = self.values:of(node.args[1] or node)
  if not known or type(kind) ~= "string" or self.jobs[kind] or self.has_failed_jobs then return end
  self:add(node.args[1], "unknown-job",
    ("there is no job '%s'%s"):format(kind, suggest(kind, self.jobs)))
end

function on_call.fail(self, node)
  local known <const>, status <const> = self.values:of(node.args[1] or node)
  if not known then return end
  if math.type(status) ~= "integer" or status < 400 or status > 599 then
    self:add(node.args[1], "unknown-option", "gateway.fail wants a status from 400 to 599")
  end
end

-- A saga that nothing closes is undone all the same, but only when its request is over.
function on_call.saga(self, node)
  local var <const> = node.bound
  local is_open <const> = node.statement
    or var and var.attrib ~= "close" and not (var.returned or var.closed)
  if is_open then
    self:add(node, "unclosed-saga",
      "a saga that is not bound with <close> is undone only after the answer: "
        .. "local saga <close> = gateway.saga(...)", "warning")
  end
end

-- req.params.idd in a handler that stands in the declaration of its route.
function on_call.route(self, node)
  local known <const>, target <const> = self.values:of(node.args[1] or node)
  local handler <const> = node.args[#node.args]
  if not known or type(target) ~= "string" or handler.kind ~= "function" then return end
  local req <const> = handler.params[1]
  if not req or req.assigned then return end
  local names <const> = {}
  for name in target:gmatch ":([%w_]+)" do
    names[name] = true
  end
  for _, use in ipairs(self.file.nodes) do
    local params <const> = use.kind == "index" and use.object
    local is_param <const> = params and params.kind == "index" and params.key == "params"
      and params.object.var == req and use.key
    if is_param and not names[use.key] and not use.written and not use.tested then
      self:add(use, "unknown-parameter", ("route '%s' has no parameter '%s'%s")
        :format(target, use.key, suggest(use.key, names)))
    end
  end
end

-- --- dot and colon ---

-- b.inventory.get(path), where the method needs its backend. It may be given as the first argument.
function Calls:check_dot(node)
  local fn <const> = node.fn
  if fn.kind ~= "index" or not fn.key then return end
  local known <const>, object <const> = self.values:of(fn.object)
  local is_method <const> = known and Values.class_of(object) and object[fn.key] ~= nil
    and rawget(object, fn.key) == nil
  if not is_method then return end
  local name <const>, first <const> = Values.describe(fn.object), node.args[1]
  if first and (first.kind == "vararg" or Values.describe(first) == name) then return end
  self:add(fn, "colon", ("call it with a colon: %s:%s(...)"):format(name, fn.key))
end

-- gateway:call(request), which would hand over the module as the request.
function Calls:check_colon(node)
  local known <const>, object <const> = self.values:of(node.object)
  local library <const> = known and Values.library_of(object)
  if not library or type(library[node.name]) ~= "function" then return end
  self:add(node, "colon", ("call it with a dot: %s.%s(...)"):format(
    Values.describe(node.object), node.name))
end

-- --- all of them ---

function Calls:check_call(node)
  self:check_dot(node)
  local known <const>, fn <const> = self.values:of(node.fn)
  local name <const> = known and type(fn) == "function" and self.names[fn]
  if name then on_call[name](self, node) end
end

-- gateway.saga("order", id):step(...): committed or not, it is never closed.
function Calls:check_chain(node)
  if node.object.kind ~= "call" then return end
  local saga <const> = node.object
  local known <const>, fn <const> = self.values:of(saga.fn)
  if known and fn == self.gateway.saga then
    on_call.saga(self, { statement = true, line = saga.line, column = saga.column })
  end
end

return function(files, loading, values, findings)
  local self <const> = setmetatable({
    values = values, findings = findings, gateway = loading.world.gateway, jobs = loading.jobs,
    request_options = loading.request_options, limit = loading.limit_options,
    has_failed_jobs = findings:has "load" or findings:has "syntax", names = {},
  }, Calls)
  for name in next, on_call do
    self.names[self.gateway[name]] = name
  end
  for path, file in next, files do
    self.path, self.file = path, file
    for _, node in ipairs(file.nodes) do
      if node.kind == "call" then self:check_call(node) end
      if node.kind == "method" then
        self:check_request(node)
        self:check_chain(node)
        self:check_colon(node)
      end
    end
  end
end
