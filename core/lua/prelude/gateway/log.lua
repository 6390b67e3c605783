-- Log lines of scripts. The core adds the correlation id and the route; this adds the script's
-- line.
local core <const> = require "gateway.core"

local getinfo <const> = debug.getinfo

local log <const> = {}

-- The script's line, if `level` is a function of a script.
local function place(level)
  local caller <const> = getinfo(level + 1, "Sl")
  if caller and caller.currentline > 0 then
    return ("%s:%d"):format(caller.short_src, caller.currentline)
  end
end

-- For the prelude: says nothing of the place unless it is given.
function log.write(level, message, fields, where)
  core.log(level, message, fields, where)
end

local function writer(level)
  return function(message, fields)
    if not core.log_enabled(level) then return end
    if fields ~= nil and type(fields) ~= "table" then error("the fields must be a table", 2) end
    core.log(level, tostring(message), fields, place(2))
  end
end

-- print() of scripts.
function log.print(...)
  if not core.log_enabled "info" then return end
  local texts <const> = table.pack(...)
  for i = 1, texts.n do
    texts[i] = tostring(texts[i])
  end
  core.log("info", table.concat(texts, "\t"), nil, place(2))
end

log.levels = {
  debug = writer "debug",
  info = writer "info",
  warn = writer "warn",
  error = writer "error",
}

return log
