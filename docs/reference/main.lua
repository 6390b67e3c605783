-- Writes docs/scripting.md to standard output: docs/reference/head.md, then the reference made of
-- core/lua/prelude/types.lua. `make docs` puts it in its place, and `make lint` compares.
package.path = "docs/reference/?.lua;" .. package.path
local annotations <const> = require "annotations"
local markdown <const> = require "markdown"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local types <const> = annotations.read(read "core/lua/prelude/types.lua")
io.write((markdown.render(types, read "docs/reference/head.md")))
