-- An end to scripts that do not end: a count hook that raises, again and again, once the CPU time
-- is used up, so that no pcall of the script can hold it.
local budget <const> = { seconds = 1 }

local EVERY <const> = 10000 -- instructions between two looks at the clock

local limit -- os.clock()

budget.MESSAGE = "still running after a second of CPU time: an endless loop?"

-- The stack of the first raise is kept in `stack`: what is on it when the last one is caught need
-- not be the script.
local function on_count()
  if os.clock() < limit then return end
  debug.sethook(on_count, "", 1)
  budget.stack = budget.stack or debug.traceback("", 2)
  error(budget.MESSAGE, 2)
end

-- Coroutines have hooks of their own.
function budget.watch(thread)
  debug.sethook(thread, on_count, "", EVERY)
end

-- So long from now on, for what is watched.
function budget.allow()
  limit, budget.stack = os.clock() + budget.seconds, nil
end

-- Likewise, and for the running coroutine.
local before -- the hook that was set there, as luacov does

function budget.start()
  budget.allow()
  local hook <const>, mask <const>, count <const> = debug.gethook()
  if hook ~= on_count then before = { hook, mask, count } end
  debug.sethook(on_count, "", EVERY)
end

-- The end of start(): for its message handler, too, or its caller would be interrupted next.
function budget.lift()
  debug.sethook(table.unpack(before or {}, 1, 3))
end

-- The coroutine functions of a world, so that what scripts start is watched too.
function budget.watch_coroutines(library)
  local create <const>, resume <const> = library.create, library.resume
  function library.create(fn)
    local thread <const> = create(fn)
    budget.watch(thread)
    return thread
  end
  function library.wrap(fn)
    local thread <const> = library.create(fn)
    local function settle(ok, ...)
      if not ok then error((...), 0) end
      return ...
    end
    return function(...) return settle(resume(thread, ...)) end
  end
end

return budget
