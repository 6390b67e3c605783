-- Bugs: what a script raises that is no failure. A bug is caught where a script is called, with
-- the stack as it was; it keeps its traceback for the log.
local failure <const> = require "gateway.failure"
local text <const> = require "gateway.text"

local traceback <const> = debug.traceback

local bug <const> = {}

local Bug <const> = { __name = "gateway.bug" }

function Bug.__tostring(self)
  return self.message
end

local function describe(raised)
  if type(raised) == "string" then return text.printable(raised) end
  local meta <const> = getmetatable(raised)
  if type(meta) == "table" and meta.__tostring then return text.printable(tostring(raised)) end
  return ("(the error is a %s value)"):format(type(raised))
end

local function new(message, trace)
  return setmetatable({ message = message, traceback = trace }, Bug)
end

-- xpcall's message handler: failures, and bugs from further in, pass as they are.
function bug.explain(raised)
  local meta <const> = getmetatable(raised)
  if meta == failure.metatable or meta == Bug then return raised end
  local message <const> = describe(raised)
  return new(message, text.printable(traceback(message, 2)))
end

-- An error of an error handler, or want of memory, comes past explain() as a bare string.
function bug.of(raised)
  if getmetatable(raised) == Bug then return raised end
  return new(describe(raised))
end

-- "routes/products.lua:12", if the message begins with its place.
function bug.place(self)
  return self.message:match "^([^:\n]+:%d+): "
end

return bug
