-- The rule of fields that are not there: backends.invetory, gateway.gahter, money.prase. Only what
-- raises in any case is told, so a field that is asked for with `if` or `and` is not.
local inert <const> = require "gateway.check.inert"
local suggest <const> = require "gateway.suggest"
local Values <const> = require "gateway.check.values"

-- Whether each value of the table (and there is one) passes the test.
local function all(value, test)
  if type(value) ~= "table" or debug.getmetatable(value) or next(value) == nil then return false end
  for _, one in next, value do
    if not test(one) then return false end
  end
  return true
end

local function is_backend(value)
  return rawequal(value, inert) or Values.class_of(value) == "gateway.backend"
end

local function is_function(value) return type(value) == "function" end

-- The keys that any script assigns to, of whatever table.
local function written_keys(files)
  local keys <const> = {}
  for _, file in next, files do
    for _, node in ipairs(file.nodes) do
      if node.kind == "index" and node.written and node.key then keys[node.key] = true end
    end
  end
  return keys
end

local Fields <const> = {}
Fields.__index = Fields

-- The names that `object` can have, if it is a table whose names are all known; and whether only a
-- use that raises is told of: a library's names are fixed, so any use of another is a mistake.
function Fields:names_of(object)
  local members <const> = Values.members(object)
  if members then return members, false end
  if all(object, is_backend) or all(object, is_function) then return object, true end
end

local function identity(node)
  return Values.describe(node.object) .. "." .. node.key
end

-- The fields that this file asks for before it uses them.
local function asked_for(file)
  local asked <const> = {}
  for _, node in ipairs(file.nodes) do
    local origin <const> = node.tested and Values.origin(node)
    if origin and origin.kind == "index" and origin.key then asked[identity(origin)] = true end
  end
  return asked
end

local function message_of(node, object, names)
  local hint <const> = suggest(node.key, names)
  local class <const> = Values.class_of(object)
  if class then return ("%s has no '%s'%s"):format(Values.CLASSES[class], node.key, hint) end
  return ("%s has no '%s'%s"):format(Values.describe(node.object), node.key, hint)
end

-- The usual reason: the module lacks its `return`.
function Fields:add_nothing(path, node, module)
  self.findings:add {
    file = path, line = node.line, column = node.column, rule = "unknown-field",
    message = ("module '%s' returns nothing, so it has no '%s'"):format(module, node.key),
  }
end

-- `node` is an index or a method, `raises`: whether nil in its place raises.
function Fields:look_at(path, node, raises)
  local known <const>, object <const> = self.values:of(node.object)
  if not known then return end
  local module <const> = object == true and Values.required(Values.origin(node.object))
  if module and raises then return self:add_nothing(path, node, module) end
  local names <const>, only_raising <const> = self:names_of(object)
  if not names or names[node.key] ~= nil then return end
  if only_raising and (not raises or self.written[node.key]) then return end
  if self.asked[identity(node)] then return end
  self.findings:add {
    file = path, line = node.line, column = node.column, rule = "unknown-field",
    message = message_of(node, object, names),
  }
end

-- gateway.x = 1: the sandbox refuses that when it runs.
function Fields:look_at_write(path, node)
  local known <const>, object <const> = self.values:of(node.object)
  if not known or not Values.library_of(object) then return end
  self.findings:add {
    file = path, line = node.line, column = node.column, rule = "unknown-field",
    message = ("%s.%s cannot be set: it is shared by all scripts")
      :format(Values.describe(node.object), node.key),
  }
end

-- What is called or indexed: with nil there, it raises.
function Fields:look_at_use(path, node)
  local origin <const> = Values.origin(node)
  if origin.kind == "index" and origin.key and not origin.written then
    self:look_at(path, origin, true)
  end
end

function Fields:look_at_method(path, node)
  self:look_at(path, {
    object = node.object, key = node.name, line = node.line, column = node.column,
  }, true)
end

local looks <const> = {}

function looks.call(self, path, node) self:look_at_use(path, node.fn) end

function looks.method(self, path, node)
  self:look_at_use(path, node.object)
  self:look_at_method(path, node)
end

function looks.index(self, path, node)
  self:look_at_use(path, node.object)
  if not node.key then return end
  if node.written then return self:look_at_write(path, node) end
  if not node.tested then self:look_at(path, node, false) end
end

-- Looks at all files (path -> { nodes }).
return function(files, values, findings)
  local self <const> = setmetatable({
    values = values, findings = findings, written = written_keys(files),
  }, Fields)
  for path, file in next, files do
    self.asked = asked_for(file)
    for _, node in ipairs(file.nodes) do
      if looks[node.kind] then looks[node.kind](self, path, node) end
    end
  end
end
