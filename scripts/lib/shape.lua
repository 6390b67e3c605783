-- What a backend's answer must look like before a flow builds on it, for a request's `expect`:
--
--     local price <const> = shape.object { currency = "string", basePrice = "amount" }
--     backends.pricing:get("/prices/{id}", { id = id, expect = price })
--
-- A check is given a value and returns the reason why it will not do, or nothing.
local shape <const> = {}

local KINDS <const> = {
  string = function(value) return type(value) == "string" end,
  count = function(value) return math.type(value) == "integer" and value >= 0 end,
  amount = function(value) return type(value) == "number" or type(value) == "string" end,
}

local function check(value, kind)
  if type(kind) == "function" then return kind(value) end
  if value == nil then return "is missing" end
  if not KINDS[kind](value) then return ("is not of type %s"):format(kind) end
end

-- A table with at least these fields. A field is a string, a count, an amount, or of a shape.
function shape.object(fields)
  return function(value)
    if type(value) ~= "table" then return "is not an object" end
    for name, kind in pairs(fields) do
      local reason <const> = check(value[name], kind)
      if reason then return ("%s %s"):format(name, reason) end
    end
  end
end

-- A list whose items are all of one shape.
function shape.list(of)
  return function(value)
    if type(value) ~= "table" then return "is not a list" end
    for i, item in ipairs(value) do
      local reason <const> = check(item, of)
      if reason then return ("[%d] %s"):format(i - 1, reason) end
    end
  end
end

return shape
