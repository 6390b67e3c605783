-- The services behind the gateway. Addresses come from the environment, so that the same scripts
-- run on a laptop and in the compose file. Timeouts and breakers not set here come from the
-- settings, and a failed call that may be repeated is: 3 attempts in all, within a budget. To have
-- it otherwise for one of them (all options: gateway.BackendOptions in the types):
--
--     urls = { "http://a:8001", "http://b:8001" },      -- several hosts; then without url
--     timeout = 5, try_timeout = 1,                     -- of a call, and of each attempt
--     window = { seconds = 10 }, failure_rate = 0.3,    -- opens the breaker, beside 5 in a row
--     max_concurrent = 100, max_waiting = 50,           -- calls at once, and in line for a place
--     health = { path = "/health", interval = 2 },      -- ask the hosts, leave out who is unwell
local gateway <const> = require "gateway"

return {
  inventory = gateway.backend("inventory", {
    url = gateway.env("INVENTORY_SERVICE_URL", "http://127.0.0.1:8001"),
  }),
  pricing = gateway.backend("pricing", {
    url = gateway.env("PRICING_SERVICE_URL", "http://127.0.0.1:8002"),
  }),
}
