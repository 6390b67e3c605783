-- Log lines of scripts. The core adds the correlation id and the route; this adds the script's
-- line.
local core <const> = require "gateway.core"
local json <const> = require "gateway.json"
local text <const> = require "gateway.text"

local getinfo <const> = debug.getinfo

local log <const> = {}

-- The script's line, if `level` is a function of a script.
local function place(level)
  local caller <const> = getinfo(level + 1, "Sl")
  if caller and caller.currentline > 0 then
    return ("%s:%d"):format(caller.short_src, caller.currentline)
  end
end

-- A field as JSON can say it: what a client sent need not be UTF-8, and a script may hand over
-- anything.
local function printable(value)
  if pcall(json.encode, value) then return value end
  if type(value) == "string" then return text.printable(value) end
  return ("(a %s that JSON cannot say)"):format(type(value))
end

local function printable_fields(fields)
  local copy <const> = {}
  for name, value in next, fields do
    copy[text.printable(tostring(name))] = printable(value)
  end
  return copy
end

-- For the prelude: says nothing of the place unless it is given. Warnings and errors with the same
-- `same` are told once a minute. Never raises: a line of the log must not decide over a request.
function log.write(level, message, fields, where, same)
  if pcall(core.log, level, message, fields, where, same) then return end
  local ok <const>, copy <const> = pcall(printable_fields, fields)
  pcall(core.log, level, message, ok and copy or nil, where, same)
end

local function writer(level)
  return function(message, fields)
    if not core.log_enabled(level) then return end
    if fields ~= nil and type(fields) ~= "table" then error("the fields must be a table", 2) end
    log.write(level, tostring(message), fields, place(2))
  end
end

-- print() of scripts.
function log.print(...)
  if not core.log_enabled "info" then return end
  local texts <const> = table.pack(...)
  for i = 1, texts.n do
    texts[i] = tostring(texts[i])
  end
  log.write("info", table.concat(texts, "\t"), nil, place(2))
end

log.levels = {
  debug = writer "debug",
  info = writer "info",
  warn = writer "warn",
  error = writer "error",
}

return log
