-- Tables as CSV (RFC 4180).
local gateway <const> = require "gateway"

local csv <const> = {}

-- A spreadsheet takes a cell that begins like this for a formula and runs it, whoever wrote it.
local FORMULA <const> = "^[=+%-@\t\r]"

local function text_of(value)
  if value == nil or value == gateway.json.null then return "" end
  if type(value) == "string" and value:find(FORMULA) then return "'" .. value end
  return tostring(value)
end

local function cell(value)
  local text <const> = text_of(value)
  if not text:find '[",\r\n]' then return text end
  return '"' .. text:gsub('"', '""') .. '"'
end

local function line(values, n)
  local cells <const> = {}
  for i = 1, n do
    cells[i] = cell(values[i])
  end
  return table.concat(cells, ",") .. "\r\n"
end

-- Writes a header of the columns' names, then each row's values under them. `rows` is an iterator:
-- one row at a time is in Lua.
function csv.write(buffer, columns, rows)
  buffer:write(line(columns, #columns))
  for row in rows do
    local values <const> = {}
    for i, name in ipairs(columns) do
      values[i] = row[name]
    end
    buffer:write(line(values, #columns))
  end
  return buffer
end

return csv
