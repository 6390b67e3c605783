-- Flows on a clock that only moves when every flow sleeps: coroutines with a ready list and
-- timers, so that a spec of minutes runs in no time and always in the same order.
local Scheduler <const> = {}
Scheduler.__index = Scheduler

function Scheduler.new()
  return setmetatable({ now = 0, timers = {}, ready = {}, made = 0 }, Scheduler)
end

-- fn() after `delay` seconds. Returns the timer; timer.fn = nil stops it.
function Scheduler:after(delay, fn)
  self.made = self.made + 1
  local timer <const> = { at = self.now + delay, number = self.made, fn = fn }
  table.insert(self.timers, timer)
  return timer
end

-- A flow is a plain table; children have the same context as their parent. on_spawn(thread), if it
-- is set, is told of each.
function Scheduler:spawn(fn, parent)
  local flow <const> = {
    thread = coroutine.create(fn),
    parent = parent,
    context = parent and parent.context or {},
    cancelled = parent and parent.cancelled,
    shield = parent and parent.shield or 0,
  }
  if self.on_spawn then self.on_spawn(flow.thread) end
  self:wake(flow)
  return flow
end

function Scheduler:wake(flow)
  flow.cancel = nil
  table.insert(self.ready, flow)
end

-- Sleeps until wake(flow). `cancel(kind)` ends what the flow waits for, and wakes it.
function Scheduler.wait(flow, cancel)
  flow.cancel = cancel
  coroutine.yield()
end

function Scheduler.is_cancelled(flow)
  return flow.cancelled and flow.shield == 0
end

function Scheduler.cancel(flow, kind)
  flow.cancelled = flow.cancelled or kind
  if flow.cancel and Scheduler.is_cancelled(flow) then flow.cancel(kind) end
end

local function is_earlier(a, b)
  if a.at == b.at then return a.number < b.number end
  return a.at < b.at
end

function Scheduler:fire()
  table.sort(self.timers, is_earlier)
  local timer <const> = table.remove(self.timers, 1)
  if not timer then return false end
  if timer.fn then
    self.now = timer.at
    timer.fn()
  end
  return true
end

function Scheduler:resume(flow)
  self.current = flow
  local ok <const>, raised <const> = coroutine.resume(flow.thread)
  self.current = nil
  if not ok then error(debug.traceback(flow.thread, tostring(raised)), 0) end
  if coroutine.status(flow.thread) == "dead" and flow.ended then flow.ended() end
end

-- Until nothing is ready and no timer is set.
function Scheduler:run()
  repeat
    while #self.ready > 0 do
      self:resume(table.remove(self.ready, 1))
    end
  until not self:fire()
end

return Scheduler
