-- A circuit breaker of a script's own, around anything that can fail; shared by all workers.
local core <const> = require "gateway.core"
local failure <const> = require "gateway.failure"
local options <const> = require "gateway.options"

local getmetatable <const> = debug.getmetatable -- past what scripts are shown

local breaker <const> = {}

local Breaker <const> = { __name = "gateway.breaker", __metatable = false }
local methods <const> = {}
Breaker.__index = methods

-- Shared with backends, each of which has a breaker.
breaker.OPTIONS = {
  threshold = options.count_or_false,
  recovery = options.seconds,
  recovery_max = options.seconds,
  trials = options.count,
  window = options.record { calls = options.count, seconds = options.count },
  failure_rate = options.share,
  slow_call = options.seconds,
  slow_rate = options.share,
  minimum_calls = options.count,
}

local NEEDS <const> = {
  failure_rate = "window",
  slow_call = "window",
  slow_rate = "slow_call",
  minimum_calls = "window",
}

-- Why these options do not go together, or nil.
function breaker.refuse_together(given)
  for name, needed in next, NEEDS do
    if given[name] ~= nil and given[needed] == nil then
      return ("option '%s' needs '%s'"):format(name, needed)
    end
  end
  local window <const> = given.window
  if window and (window.calls == nil) == (window.seconds == nil) then
    return "option 'window' must have either 'calls' or 'seconds'"
  end
end

-- Of what was not waited for nothing is known.
local function is_unknown(failed)
  return failed.kind == "cancelled" or failed.kind == "deadline" and core.deadline_is_callers()
end

-- What an error says about the guarded thing. A client's mistake is no failure of it.
local function verdict(raised)
  if raised == nil then return "success" end
  if not failure.is(raised) then return "failure" end
  if is_unknown(raised) then return "ignored" end
  local answered <const> = raised.kind == "status" or raised.kind == "problem"
  return answered and raised.status < 500 and "success" or "failure"
end

-- Reports when it is closed, so that fn's own error passes with its traceback.
local Lease <const> = {
  __metatable = false,
  __close = function(self, raised)
    core.breaker_report(self.permit, verdict(raised))
  end,
}

-- Calls fn(...) and returns its results. Open: raises a failure of kind "open" without calling.
function methods:call(fn, ...)
  if getmetatable(self) ~= Breaker then error("call it with a colon: breaker:call(fn)", 2) end
  if type(fn) ~= "function" then error("breaker:call wants a function", 2) end
  local permit <const>, retry_after <const> = core.breaker_admit(self.handle)
  if not permit then
    error(failure.new {
      kind = "open",
      backend = self.name,
      attempts = 0,
      retry_after = retry_after,
    })
  end
  local lease <close> = setmetatable({ permit = permit }, Lease) -- luacheck: ignore lease
  return fn(...)
end

-- "closed", "open", "half_open", "forced_open" or "disabled".
function methods:state()
  return core.breaker_state(self.handle)
end

function breaker.define(name, given)
  if not core.loading() then
    error("gateway.breaker can only be called while the scripts load", 2)
  end
  if type(name) ~= "string" or name == "" then error("a breaker wants a name", 2) end
  local refused <const> = options.refuse(given, breaker.OPTIONS)
    or breaker.refuse_together(given or {})
  if refused then error(("breaker '%s': %s"):format(name, refused), 2) end
  local handle <const>, reason <const> = options.declare(core.breaker, name, given or {})
  if not handle then error(("breaker '%s': %s"):format(name, reason), 2) end
  return setmetatable({ name = name, handle = handle }, Breaker)
end

return breaker
