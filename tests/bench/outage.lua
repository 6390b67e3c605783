-- What the clients see of an outage: 200 of them ask for a product, each twice a second; then its
-- inventory is stopped (SIGSTOP) for 30 seconds. Prints how long they waited before, until the
-- breaker opened, and after, and when all was well again. Loopback only; ends by itself.
package.path = "spec/?.lua;" .. package.path

local crowd <const> = require "support.crowd"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"
local socket <const> = require "socket"

local CLIENTS <const>, PAUSE <const> = 200, 0.5
local WARM_UP <const>, OUTAGE <const>, TIMEOUT <const>, RECOVERY <const> = 3, 30, 1, 10 -- seconds

local function between(answers, from, to)
  local found <const> = {}
  for _, answer in ipairs(answers) do
    if answer.asked_at >= from and answer.asked_at < to then found[#found + 1] = answer end
  end
  table.sort(found, function(a, b) return a.took < b.took end)
  return found
end

-- What the answers are, by status and by whether the inventory's part is there.
local function kinds(answers)
  local count <const>, names <const> = {}, {}
  for _, answer in ipairs(answers) do
    local kind <const> = answer.status == 200 and answer.json.inventory_error
      and "200 with inventory_error" or tostring(answer.status)
    if not count[kind] then names[#names + 1] = kind end
    count[kind] = (count[kind] or 0) + 1
  end
  table.sort(names)
  for i, name in ipairs(names) do
    names[i] = ("%d x %s"):format(count[name], name)
  end
  return table.concat(names, ", ")
end

local function print_row(name, answers)
  local function ms(share) return answers[math.max(1, #answers * share // 100)].took * 1000 end
  if #answers == 0 then return print(("%-22s nobody asked"):format(name)) end
  print(("%-22s p50 %7.1f ms  p99 %7.1f ms  max %7.1f ms   %s")
    :format(name, ms(50), ms(99), ms(100), kinds(answers)))
end

local function measure()
  local demo <const> = shop.open {
    WORKERS = 2,
    SERVICE_TIMEOUT = TIMEOUT,
    CIRCUIT_BREAKER_THRESHOLD = 5,
    CIRCUIT_BREAKER_TIMEOUT = RECOVERY,
  }
  local function opened()
    for _, line in ipairs(demo.gateway:log "breaker") do
      if line.to == "open" then return true end
    end
  end
  local clients <const> = crowd.new(demo.gateway.port, CLIENTS, "/api/v1/products/TEST-001", PAUSE)
  clients:run(WARM_UP)
  local stopped <const> = socket.gettime()
  demo.inventory.process:signal "STOP"
  clients:run(OUTAGE, opened)
  local open_at <const> = socket.gettime()
  clients:run(OUTAGE - (open_at - stopped))
  demo.inventory.process:signal "CONT"
  local returned <const> = socket.gettime()
  clients:run(RECOVERY + 5)
  clients:finish()

  print(("%d clients, %.0f requests/s; a timeout of %d s, a recovery time of %d s\n")
    :format(CLIENTS, #clients.answers / (WARM_UP + OUTAGE + RECOVERY + 5), TIMEOUT, RECOVERY))
  print_row("before", between(clients.answers, 0, stopped - TIMEOUT))
  print_row("until it opened", between(clients.answers, stopped, open_at))
  print_row("while it was open", between(clients.answers, open_at, returned))
  local well_at = 0
  for _, answer in ipairs(clients.answers) do
    if answer.json.inventory_error then well_at = math.max(well_at, answer.asked_at) end
  end
  print_row("well again", between(clients.answers, well_at + 0.001, math.huge))
  print(("\nthe breaker opened after %.2f s; all was well %.2f s after the backend's return")
    :format(open_at - stopped, math.max(0, well_at - returned)))
end

local ok <const>, raised <const> = xpcall(measure, debug.traceback)
process.end_all()
if not ok then error(raised, 0) end
