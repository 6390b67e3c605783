-- What a made-up backend answers: JSON in which each field is there, and is such a value again. A
-- list has one item. Its type is a table, so what a script makes of it says little: see smoke.lua.
local meta <const> = { __name = "anything" }

local function new() return setmetatable({}, meta) end

function meta.__index(self, key)
  if math.type(key) == "integer" and key ~= 1 then return nil end
  local value <const> = new()
  rawset(self, key, value)
  return value
end

local function number() return 1 end

for _, event in ipairs { "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "len" } do
  meta["__" .. event] = number
end
meta.__call = new
meta.__lt = function() return false end
meta.__le = function() return true end
meta.__concat = function(a, b) return tostring(a) .. tostring(b) end
meta.__tostring = function() return "anything" end

return new
