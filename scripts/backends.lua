-- The services behind the gateway. Addresses come from the environment, so that the same scripts
-- run on a laptop and in the compose file; timeouts and breakers not set here come from the
-- settings.
local gateway <const> = require "gateway"

return {
  inventory = gateway.backend("inventory", {
    url = gateway.env("INVENTORY_SERVICE_URL", "http://127.0.0.1:8001"),
  }),
  pricing = gateway.backend("pricing", {
    url = gateway.env("PRICING_SERVICE_URL", "http://127.0.0.1:8002"),
  }),
}
