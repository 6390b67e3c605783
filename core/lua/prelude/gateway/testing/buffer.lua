-- gateway.buffer() without the core: the same methods, over a Lua string.
local json <const> = require "gateway.json"

local getmetatable <const> = debug.getmetatable -- past what scripts are shown

local Buffer <const> = { __name = "gateway.buffer", __metatable = false }
Buffer.__index = Buffer
Buffer.__len = function(self) return #self.bytes end
Buffer.__tostring = function(self) return self.bytes end
Buffer.__close = function(self) self.bytes = "" end

-- What a reply does: the bytes move there.
function Buffer:take()
  local bytes <const> = self.bytes
  self.bytes = ""
  return bytes
end

function Buffer:write(...)
  self.bytes = self.bytes .. table.concat { ... }
  return self
end

function Buffer:text() return self.bytes end

function Buffer:json() return (assert(json.decode(self.bytes))) end

function Buffer:get(name) return self:json()[name] end

function Buffer:each(name)
  local list <const>, at = assert(self:json()[name]), 0
  return function()
    at = at + 1
    return list[at]
  end
end

local buffer <const> = {}

function buffer.new(bytes)
  return setmetatable({ bytes = bytes or "" }, Buffer)
end

function buffer.is(value)
  return getmetatable(value) == Buffer
end

return buffer
