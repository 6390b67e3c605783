-- Many things at once in one process: coroutines that sleep, or wait for a socket.
local socket <const> = require "socket"

local tasks <const> = {}

local PAUSE <const> = 0.05 -- seconds; how late a timer may be

local waiting <const> = {} -- coroutine -> { socket, way, until_time }

function tasks.now() return socket.gettime() end

local function resume(task)
  waiting[task] = nil
  local ok <const>, wait <const> = coroutine.resume(task)
  if not ok then error(debug.traceback(task, tostring(wait)), 0) end
  if coroutine.status(task) ~= "dead" then waiting[task] = wait end
end

function tasks.start(fn)
  resume(coroutine.create(fn))
end

function tasks.sleep(seconds)
  coroutine.yield { until_time = tasks.now() + seconds }
end

-- Until `socket` can be read or written ("read", "write"), or that time has come.
function tasks.await(one, way, until_time)
  coroutine.yield { socket = one, way = way, until_time = until_time }
end

local function sockets_and_time()
  local of <const>, until_time = { read = {}, write = {} }, tasks.now() + PAUSE
  for _, wait in pairs(waiting) do
    if wait.way then table.insert(of[wait.way], wait.socket) end
    until_time = math.min(until_time, wait.until_time)
  end
  return of, math.max(0, until_time - tasks.now())
end

local function is_due(wait, ready)
  return wait.until_time <= tasks.now() or (wait.way and ready[wait.way][wait.socket])
end

local function turn()
  local of <const>, seconds <const> = sockets_and_time()
  local ready <const> = {}
  ready.read, ready.write = socket.select(of.read, of.write, seconds)
  local due <const> = {}
  for task, wait in pairs(waiting) do
    if is_due(wait, ready) then due[#due + 1] = task end
  end
  for _, task in ipairs(due) do
    resume(task)
  end
end

-- Until that is true; raises if it is not within so many seconds.
function tasks.run(what, seconds, is_over)
  local until_then <const> = tasks.now() + seconds
  while not is_over() do
    if tasks.now() > until_then then
      error(("waited %d s in vain for %s"):format(seconds, what), 0)
    end
    turn()
  end
end

return tasks
