-- make crash: see crash.lua. ORDERS, CLIENTS, KILLS and SEED are taken from the environment.
package.path = "spec/?.lua;tests/crash/?.lua;" .. package.path

local crash <const> = require "crash"
local process <const> = require "support.process"

local function number_of(name, default)
  return math.tointeger(tonumber(os.getenv(name) or "")) or default
end

local options <const> = {
  orders = number_of("ORDERS", 2000),
  clients = number_of("CLIENTS", 50),
  kills = number_of("KILLS", 100),
  seed = number_of("SEED", os.time()),
}

local function words_of(tally)
  local words <const> = {}
  for what, n in pairs(tally) do
    words[#words + 1] = ("%s: %d"):format(what, n)
  end
  table.sort(words)
  return table.concat(words, ", ")
end

print(("crash: %d orders from %d clients, %d kills of the gateway, SEED=%d")
  :format(options.orders, options.clients, options.kills, options.seed))
local ok <const>, report <const>, complaints <const> = xpcall(crash.run, debug.traceback, options)
if ok then
  print(("  %d confirmed, %d refused, %d whose client left; %d tries, answered with %s")
    :format(report.confirmed, report.refused, report.lost, report.tries, words_of(report.tally)))
  print(("  killed: gateway %d times (%d with orders in work, %.1f of them on average),"
    .. " inventory %d, pricing %d"):format(report.kills.gateway, report.kills_at_work,
    report.struck / report.kills.gateway, report.kills.inventory, report.kills.pricing))
  print(("  %.1f s, and all was undone %.1f s after the last order")
    :format(report.seconds, report.healed_in))
  for i = 1, math.min(#complaints, 20) do
    print("  WRONG: " .. complaints[i])
  end
end
local is_right <const> = ok and #complaints == 0
local complaint <const> = ok and #(complaints or {}) .. " complaints" or report
print(is_right and "crash: passed"
  or ("crash: FAILED, SEED=%d: %s"):format(options.seed, complaint))
if not is_right and os.getenv "KEEP" then
  os.execute("cp -r /tmp/moongate-spec.* " .. os.getenv "KEEP")
end
process.end_all()
os.exit(is_right, true)
