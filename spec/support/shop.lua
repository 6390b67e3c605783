-- The gateway's scripts over both demo backends: three worlds, one shop.
local World <const> = require "support.world"

-- Returns the gateway's world, which also has `inventory` and `pricing`, the worlds behind it.
return function(options)
  local world <const> = World.load {
    scripts = "scripts",
    development = options and options.development,
  }
  world.inventory = World.load { scripts = "scripts/demo/inventory" }
  world.pricing = World.load { scripts = "scripts/demo/pricing" }
  world.backends.inventory = World.as_backend(world.inventory)
  world.backends.pricing = World.as_backend(world.pricing)
  return world
end
