-- What an expression of a script stands for, as far as that is certain once the scripts are loaded:
-- a constant, a module, a field of a table that cannot have changed. Anything else is unknown.
local inert <const> = require "gateway.check.inert"

local Values <const> = {}
Values.__index = Values

-- `loading` is what gateway.check.loading made.
function Values.new(loading)
  return setmetatable({ loading = loading }, Values)
end

-- The view that the sandbox makes of a library: the library, or nil. What the gateway makes is
-- protected, too, but has a name.
local function library_of(value)
  local meta <const> = debug.getmetatable(value)
  if type(value) ~= "table" or not meta or meta.__metatable ~= false then return nil end
  if meta.__name then return nil end
  return type(meta.__index) == "table" and meta.__index or nil
end

-- What the gateway makes of which all members are known, and what it is called.
Values.CLASSES = {
  ["gateway.backend"] = "a backend",
  ["gateway.breaker"] = "a breaker",
  ["gateway.Counter"] = "a counter",
  ["gateway.Gauge"] = "a gauge",
  ["gateway.Histogram"] = "a histogram",
}

-- "gateway.backend" of a backend, likewise of the others.
local function class_of(value)
  local meta <const> = type(value) == "table" and debug.getmetatable(value)
  local name <const> = meta and meta.__name
  if name and Values.CLASSES[name] then return name end
end

Values.library_of, Values.class_of = library_of, class_of

-- All that an object of a class or a library has, by name; nil for other values.
function Values.members(value)
  local library <const> = library_of(value)
  if library then return library end
  if not class_of(value) then return nil end
  local members <const> = {}
  for _, names in ipairs { value, debug.getmetatable(value).__index } do
    for name, member in next, names do
      members[name] = member
    end
  end
  return members
end

-- Whether it is known what the field is, and what it is.
local function field(object, key)
  if type(object) ~= "table" or rawequal(object, inert) then return false end
  local members <const> = Values.members(object)
  if members then return true, members[key] end
  if debug.getmetatable(object) then return false end
  return true, rawget(object, key)
end

local SIMPLE <const> = { string = true, number = true, constant = true }

-- Whether `node` calls the global require with the name of a module; which.
function Values.required(node)
  if node.kind ~= "call" or node.fn.kind ~= "name" then return nil end
  if not node.fn.global or node.fn.name ~= "require" then return nil end
  local name <const> = node.args[1]
  return name and name.kind == "string" and name.value or nil
end

-- The expression that a chain of local names leads to.
function Values.origin(node)
  while node do
    if node.kind == "paren" then
      node = node.inside
    elseif node.kind == "name" and node.var and not node.var.assigned and node.var.value then
      node = node.var.value
    else
      return node
    end
  end
end

-- Whether it is known what the expression is, and what it is.
function Values:of(node)
  node = Values.origin(node)
  if SIMPLE[node.kind] then return true, node.value end
  if node.kind == "name" and node.global then
    local value <const> = rawget(self.loading.known, node.name)
    return value ~= nil, value
  end
  local module <const> = Values.required(node)
  if module then
    local value <const> = self.loading.loaded[module]
    return value ~= nil, value
  end
  if node.kind == "index" and node.key then
    local known <const>, object <const> = self:of(node.object)
    if known then return field(object, node.key) end
  end
  return false
end

-- How a script writes it: "backends", "gateway.json".
function Values.describe(node)
  local module <const> = Values.required(node)
  if module then return module end
  if node.kind == "name" then return node.name end
  if node.kind == "paren" then return Values.describe(node.inside) end
  if node.kind == "index" and node.key then
    return ("%s.%s"):format(Values.describe(node.object), node.key)
  end
  return "it"
end

return Values
