std = "lua54"
max_line_length = 100
files["spec"] = { std = "+busted" }
files["scripts/spec"] = { std = "+busted" }
files["tests/compose"] = { std = "+busted" }

-- Colon methods that do not look at their object.
self = false

-- Documents the API for editors; never run.
files["core/lua/prelude/types.lua"] = { ignore = { "212", "241" } }
