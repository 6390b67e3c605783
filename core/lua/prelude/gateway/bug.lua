-- Bugs: what a script raises that is no failure. A bug is caught where a script is called, with
-- the stack as it was; it keeps its traceback for the log.
local core <const> = require "gateway.core"
local failure <const> = require "gateway.failure"
local json <const> = require "gateway.json"
local text <const> = require "gateway.text"

local getmetatable <const> = debug.getmetatable -- past what scripts are shown
local traceback <const>, getinfo <const> = debug.traceback, debug.getinfo

local bug <const> = {}

local Bug <const> = { __name = "gateway.bug", __metatable = false }

function Bug.__tostring(self)
  return self.message
end

-- In development a table that was raised is shown; it may hold what does not belong into a log.
local function describe_value(raised)
  local said <const> = ("the error is a %s value"):format(type(raised))
  local ok <const>, shown <const> = pcall(json.encode, raised)
  if not core.development or raised == nil or not ok then return ("(%s)"):format(said) end
  return ("(%s: %s)"):format(said, text.cut(shown, 500))
end

local function describe(raised)
  if type(raised) == "string" then return text.printable(raised) end
  local meta <const> = getmetatable(raised)
  if type(meta) == "table" and meta.__tostring then return text.printable(tostring(raised)) end
  return describe_value(raised)
end

local function new(message, trace)
  return setmetatable({ message = message, traceback = trace }, Bug)
end

-- --- where it happened, for the development mode ---

local MAX_FRAMES <const>, MAX_LEVELS <const> = 20, 200

local frames_of <const> = setmetatable({}, { __mode = "k" }) -- bug or failure -> list

-- Neither C nor the prelude's.
local function is_script(info)
  return info.currentline > 0 and core.source_lines(info.short_src, 1, 1) ~= nil
end

local function name_of(info)
  if info.what == "main" then return "main chunk" end
  if info.name and info.name ~= "?" then return ("function '%s'"):format(info.name) end
  return ("function at line %d"):format(info.linedefined)
end

-- The scripts' part of the stack that `level` is the first of, for the caller.
local function collect(level)
  local frames <const> = {}
  for at = level + 1, level + MAX_LEVELS do
    local info <const> = getinfo(at, "Sln")
    if not info or #frames == MAX_FRAMES then break end
    if is_script(info) then
      frames[#frames + 1] = {
        path = info.short_src,
        line = info.currentline,
        name = text.printable(name_of(info)),
      }
    end
  end
  return frames
end

-- A list of { path, line, name }, innermost first: where the bug or the failure was raised.
function bug.frames(raised)
  return frames_of[raised] or {}
end

-- Where the core has stopped the script that is the bug, whatever was raised on the way out.
local function with_reason(found)
  local stopped <const> = core.stopped()
  if not stopped then
    -- Lua's string buffers do not ask twice for memory, and so stop nothing.
    if found.message:find "not enough memory$" then found.kind = "script_memory" end
    return found
  end
  found.message, found.kind = text.printable(stopped.message), stopped.kind
  found.used, found.budget = stopped.used, stopped.budget
  return found
end

-- xpcall's message handler: failures, and bugs from further in, pass as they are.
function bug.explain(raised)
  local meta <const> = getmetatable(raised)
  local is_known <const> = meta == failure.metatable or meta == Bug
  local message <const> = not is_known and describe(raised)
  local explained <const> = is_known and raised
    or new(message, text.printable(traceback(message, 2)))
  if core.development and not frames_of[explained] then frames_of[explained] = collect(2) end
  return explained
end

-- What the log says of it beside the message.
function bug.fields(self)
  return {
    traceback = self.traceback,
    kind = self.kind,
    used = self.used,
    budget = self.budget,
  }
end

-- An error of an error handler, or want of memory, comes past explain() as a bare string.
function bug.of(raised)
  return with_reason(getmetatable(raised) == Bug and raised or new(describe(raised)))
end

-- What makes it one that was met before, for the log: its kind and its message, where words with
-- digits in them, ids and numbers, are as good as each other.
function bug.same(self)
  return ("%s %s"):format(self.kind, (self.message:gsub("%f[%w_-][%a_-]*%d[%w_-]*", "#")))
end

-- "routes/products.lua:12", if the message begins with its place.
function bug.place(self)
  return self.message:match "^([^:\n]+:%d+): "
end

return bug
