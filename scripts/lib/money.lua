-- Amounts of money as whole minor units (cents), so that sums are exact. Backends write an amount
-- as a number or as a decimal string with up to two digits; anything else is refused, never
-- rounded.
local money <const> = {}

-- Up to 11 digits before the point: the sum of a hundred such amounts is still exact as a float.
local MAX_DIGITS <const> = 11

local function text_of(value)
  if type(value) == "string" then return value end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if math.type(value) == "float" then
    local text <const> = ("%.2f"):format(value)
    if tonumber(text) == value then return text end
  end
end

-- The sign, the digits before the point, and those after it without the zeros at the end.
local function split(text)
  local sign, units = text:match "^(%-?)(%d+)$"
  if units then return sign, units, "" end
  local cents
  sign, units, cents = text:match "^(%-?)(%d+)%.(%d+)$"
  return sign, units, cents and cents:gsub("0+$", "")
end

-- Minor units, or nil and the reason.
function money.parse(value)
  local text <const> = text_of(value)
  if not text then return nil, "is not an amount with up to two decimals" end
  local sign <const>, units <const>, cents <const> = split(text)
  if not units or #cents > 2 then return nil, "is not an amount with up to two decimals" end
  if #units > MAX_DIGITS then return nil, "is too large an amount" end
  local minor <const> = math.tointeger(units) * 100 + math.tointeger((cents .. "00"):sub(1, 2))
  return sign == "-" and -minor or minor
end

-- 5997 -> 59.97, for a JSON number.
function money.number(minor)
  return minor / 100
end

-- 5997 -> "59.97"
function money.format(minor)
  local sign <const> = minor < 0 and "-" or ""
  return ("%s%d.%02d"):format(sign, math.abs(minor) // 100, math.abs(minor) % 100)
end

return money
