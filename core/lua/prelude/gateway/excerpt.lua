-- The lines around a place in a script, as they are loaded: the file may have changed since.
local core <const> = require "gateway.core"
local text <const> = require "gateway.text"

local excerpt <const> = {}

local AROUND <const> = 5
local MAX_BYTES <const> = 300 -- of a line

-- "routes/products.lua:12: boom" or "routes/products.lua:12" -> path, line; else nil.
function excerpt.place(said)
  local path <const>, line <const> = said:match "^([^:\n]+):(%d+)%f[\0:]"
  return path, math.tointeger(tonumber(line))
end

-- A list of { number, text, marked }; nil if there is no such script, or it has no such line.
function excerpt.around(path, line)
  local lines <const> = core.source_lines(path, math.max(1, line - AROUND), line + AROUND)
  if not lines or not lines[line] then return nil end
  local rows <const> = {}
  for number = math.max(1, line - AROUND), line + AROUND do
    if not lines[number] then break end
    rows[#rows + 1] = {
      number = number,
      text = text.cut(text.printable((lines[number]:gsub("\r$", ""))), MAX_BYTES),
      marked = number == line,
    }
  end
  return rows
end

-- As lines of text, for clients that have no HTML: "> 12 | error 'boom'".
function excerpt.lines(rows)
  local lines <const> = {}
  for i, row in ipairs(rows) do
    lines[i] = ("%s %4d | %s"):format(row.marked and ">" or " ", row.number, row.text)
  end
  return lines
end

return excerpt
