-- Checks of option tables. A misspelt option that is ignored is found in production, so each name
-- must be known and each value must be of its kind.
local suggest <const> = require "gateway.suggest"

local options <const> = {}

-- A kind of value: what it is called in the message, and its test.
local function kind(words, test)
  return { words = words, test = test }
end

local function is_positive(value)
  return type(value) == "number" and value > 0 and value < math.huge
end

local function is_whole(value, from, to)
  return math.type(value) == "integer" and value >= from and value <= to
end

-- Of values that each pass `test`; may be empty.
local function is_list(value, test)
  if type(value) ~= "table" then return false end
  local n = 0
  for _ in next, value do
    n = n + 1
    if not test(value[n]) then return false end
  end
  return true
end

options.any = kind("any value", function() return true end)
options.string = kind("a string", function(value) return type(value) == "string" end)
options.table = kind("a table", function(value) return type(value) == "table" end)
options.boolean = kind("true or false", function(value) return type(value) == "boolean" end)
options.fn = kind("a function", function(value) return type(value) == "function" end)
options.seconds = kind("a number of seconds above 0", is_positive)
options.count = kind("a whole number above 0", function(value)
  return is_whole(value, 1, math.maxinteger)
end)
options.count_or_none = kind("a whole number of 0 or more", function(value)
  return is_whole(value, 0, math.maxinteger)
end)
options.count_or_false = kind("a whole number above 0, or false", function(value)
  return value == false or is_whole(value, 1, math.maxinteger)
end)
options.share = kind("a number above 0, up to 1", function(value)
  return is_positive(value) and value <= 1
end)
options.share_or_none = kind("a number from 0 to 1", function(value)
  return value == 0 or is_positive(value) and value <= 1
end)
options.path = kind("a path that begins with '/'", function(value)
  return type(value) == "string" and value:find "^/" ~= nil
end)
options.strings = kind("a list of strings", function(value)
  return is_list(value, function(one) return type(one) == "string" end) and #value > 0
end)
options.statuses = kind("a list of statuses from 400 to 599", function(value)
  return is_list(value, function(one) return is_whole(one, 400, 599) end)
end)
options.numbers = kind("a list of numbers", function(value)
  return is_list(value, function(one)
    return type(one) == "number" and one == one and one > -math.huge and one < math.huge
  end) and #value > 0
end)
options.hooks = kind("a function or a list of functions", function(value)
  if type(value) == "function" then return true end
  return is_list(value, function(one) return type(one) == "function" end) and #value > 0
end)

-- A table of options of its own; they are called "window.calls".
function options.record(known)
  return { words = "a table", test = options.table.test, known = known }
end

-- Why this one option cannot be, or nil.
function options.refuse_value(name, value, expected)
  if not expected.test(value) then
    return ("option '%s' must be %s"):format(name, expected.words)
  end
  if expected.known then return options.refuse(value, expected.known, name .. ".") end
end

-- Why the table `given` does not fit `known` (name -> kind), or nil. No table at all always fits.
function options.refuse(given, known, prefix)
  if given == nil then return nil end
  if type(given) ~= "table" then return "the options must be a table" end
  for name, value in next, given do
    local full_name <const> = (prefix or "") .. tostring(name)
    if not known[name] then
      return ("unknown option '%s'%s"):format(full_name, suggest(tostring(name), known))
    end
    local reason <const> = options.refuse_value(full_name, value, known[name])
    if reason then return reason end
  end
end

-- What core.backend or core.breaker makes of the options, or nil and why not: a value out of its
-- range is raised, without the place that only the caller knows.
function options.declare(declare, name, given)
  local ok <const>, handle <const>, reason <const> = pcall(declare, name, given)
  if ok then return handle, reason end
  return nil, handle
end

return options
