-- Waits for a condition by asking again and again, for as long as a slow machine may take: a spec
-- that is right never waits for the whole limit.
local socket <const> = require "socket"

local LIMIT <const>, PAUSE <const> = 20, 0.01 -- seconds

-- Returns the first true value of condition(); raises if there is none within the limit (seconds).
return function(what, condition, limit)
  limit = limit or LIMIT
  local until_then <const> = socket.gettime() + limit
  repeat
    local value <const> = condition()
    if value then return value end
    socket.sleep(PAUSE)
  until socket.gettime() > until_then
  error(("waited %d s in vain for %s"):format(limit, what), 2)
end
