-- Checks of option tables. A misspelt option that is ignored is found in production, so each name
-- must be known and each value must be of its kind.
local options <const> = {}

-- A kind of value: what it is called in the message, and its test.
local function kind(words, test)
  return { words = words, test = test }
end

local function is_positive(value)
  return type(value) == "number" and value > 0 and value < math.huge
end

local function is_list_of_functions(value)
  if type(value) ~= "table" then return false end
  for i = 1, #value do
    if type(value[i]) ~= "function" then return false end
  end
  return #value > 0
end

options.any = kind("any value", function() return true end)
options.string = kind("a string", function(value) return type(value) == "string" end)
options.table = kind("a table", function(value) return type(value) == "table" end)
options.boolean = kind("true or false", function(value) return type(value) == "boolean" end)
options.fn = kind("a function", function(value) return type(value) == "function" end)
options.seconds = kind("a number of seconds above 0", is_positive)
options.count = kind("a whole number above 0", function(value)
  return math.type(value) == "integer" and value > 0
end)
options.hooks = kind("a function or a list of functions", function(value)
  return type(value) == "function" or is_list_of_functions(value)
end)

-- Why this one option cannot be, or nil.
function options.refuse_value(name, value, expected)
  if not expected then return ("unknown option '%s'"):format(name) end
  if not expected.test(value) then
    return ("option '%s' must be %s"):format(name, expected.words)
  end
end

-- Why the table `given` does not fit `known` (name -> kind), or nil. No table at all always fits.
function options.refuse(given, known)
  if given == nil then return nil end
  if type(given) ~= "table" then return "the options must be a table" end
  for name, value in next, given do
    local reason <const> = options.refuse_value(name, value, known[name])
    if reason then return reason end
  end
end

return options
