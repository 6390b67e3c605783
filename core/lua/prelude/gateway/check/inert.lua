-- The value that stands in for what could not be had: whatever is done with it gives it again, and
-- raises nothing, so that one mistake is told once.
local inert <const> = setmetatable({}, { __name = "inert" })
local meta <const> = getmetatable(inert)

local function itself() return inert end

-- A list of nothing, or ipairs() would not end.
meta.__index = function(_, key)
  if math.type(key) == "integer" then return nil end
  return inert
end

for _, event in ipairs { "call", "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv",
  "band", "bor", "bxor", "shl", "shr", "bnot", "concat" } do
  meta["__" .. event] = itself
end
meta.__newindex = function() end
meta.__close = function() end
meta.__len = function() return 0 end
meta.__lt = function() return false end
meta.__le = function() return false end
meta.__tostring = function() return "inert" end
meta.__pairs = function() return next, {}, nil end

return inert
