-- Checks what clients send and tells them everything that is wrong with it at once:
--
--     local body <const> = validate.body(req)
--     local name <const> = body:string("name", { max = 100 })
--     local size <const> = body:integer("size", { min = 1, max = 100, default = 10 })
--     body:finish()                   -- 422 with { field, reason } for each mistake
--
-- A value that is wrong comes back as nil, or as an empty list. A field that is `optional` or has
-- a `default` may be missing or null. Fields in lists are counted from 0, as in the client's JSON.
local gateway <const> = require "gateway"
local json <const> = gateway.json

local Form <const> = {}
Form.__index = Form

local function new_form(values, prefix, errors)
  return setmetatable({ values = values, prefix = prefix, errors = errors }, Form)
end

function Form:refuse(field, reason)
  table.insert(self.errors, { field = self.prefix .. field, reason = reason })
end

-- The value, nil if it is not there; complains if it has to be.
local function take(self, field, rules)
  local value <const> = self.values[field]
  if value ~= nil and value ~= json.null then return value end
  if not rules.optional and rules.default == nil then self:refuse(field, "is missing") end
  return nil
end

function Form:string(field, rules)
  rules = rules or {}
  local value <const> = take(self, field, rules)
  if value == nil then return rules.default end
  if type(value) ~= "string" then
    self:refuse(field, "must be a string")
  elseif value == "" then
    self:refuse(field, "must not be empty")
  elseif #value > (rules.max or 200) then
    self:refuse(field, ("must not be longer than %d bytes"):format(rules.max or 200))
  else
    return value
  end
end

local function range_of(rules)
  if rules.min and rules.max then return ("from %d to %d"):format(rules.min, rules.max) end
  if rules.min then return ("of at least %d"):format(rules.min) end
  return ("of at most %d"):format(rules.max)
end

function Form:integer(field, rules)
  rules = rules or {}
  local value <const> = take(self, field, rules)
  if value == nil then return rules.default end
  local number <const> = self:to_integer(value)
  if not number then
    self:refuse(field, "must be a whole number")
  elseif number < (rules.min or number) or number > (rules.max or number) then
    self:refuse(field, "must be a whole number " .. range_of(rules))
  else
    return number
  end
end

-- JSON has one kind of number: 2.0 is whole.
function Form.to_integer(_, value)
  return type(value) == "number" and math.tointeger(value) or nil
end

-- Exactly one of `values`.
function Form:one_of(field, values)
  local value <const> = take(self, field, {})
  if value == nil then return nil end
  for _, allowed in ipairs(values) do
    if value == allowed then return value end
  end
  self:refuse(field, "must be one of " .. table.concat(values, ", "))
end

local DAYS <const> = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_date(text)
  local year, month, day = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not year then return false end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local is_leap <const> = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local days <const> = month == 2 and is_leap and 29 or DAYS[month]
  return days ~= nil and day >= 1 and day <= days
end

-- A calendar date as "2026-01-31". Two of them compare as strings.
function Form:date(field)
  local value <const> = take(self, field, {})
  if value == nil then return nil end
  if type(value) == "string" and is_date(value) then return value end
  self:refuse(field, "must be a date like 2026-01-31")
end

local function size_reason(rules, size)
  if size < (rules.min or 0) then return ("must have at least %d"):format(rules.min) end
  if size > (rules.max or size) then return ("must have at most %d"):format(rules.max) end
end

local function take_list(self, field, rules)
  local value <const> = take(self, field, rules)
  if value == nil then return {} end
  if not json.is_array(value) then
    self:refuse(field, "must be a list")
    return {}
  end
  local reason <const> = size_reason(rules, #value)
  if not reason then return value end
  self:refuse(field, reason)
  return {}
end

-- A list of objects: read(form) is called for each and returns what becomes of it.
function Form:list(field, rules, read)
  local items <const> = {}
  for i, value in ipairs(take_list(self, field, rules)) do
    local place <const> = ("%s[%d]"):format(field, i - 1)
    if type(value) == "table" and not json.is_array(value) then
      items[#items + 1] = read(new_form(value, self.prefix .. place .. ".", self.errors))
    else
      self:refuse(place, "must be an object")
    end
  end
  return items
end

-- A list of strings, as a list that stays one in JSON when it is empty.
function Form:strings(field, rules)
  local items <const> = json.array {}
  for i, value in ipairs(take_list(self, field, rules)) do
    if type(value) == "string" and value ~= "" and #value <= 200 then
      items[#items + 1] = value
    else
      self:refuse(("%s[%d]"):format(field, i - 1), "must be a string of 1 to 200 bytes")
    end
  end
  return items
end

function Form:finish()
  if #self.errors > 0 then
    gateway.fail(422, "the request is not valid", { errors = self.errors })
  end
end

-- The values of a query are text.
local Query <const> = setmetatable({}, { __index = Form })
Query.__index = Query

function Query.to_integer(_, value)
  return type(value) == "string" and value:find "^%-?%d+$" and math.tointeger(value) or nil
end

local validate <const> = {}

function validate.body(req)
  local values <const> = req:json()
  if type(values) ~= "table" or json.is_array(values) then
    gateway.fail(422, "the body must be a JSON object")
  end
  return new_form(values, "", {})
end

function validate.query(req)
  return setmetatable({ values = req.query, prefix = "", errors = {} }, Query)
end

return validate
