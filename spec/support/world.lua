-- The fake that the specs use is the one that ships, gateway.testing: here over the files of the
-- checkout instead of those in the binary.
local files <const> = require "support.files"

package.preload["gateway.json"] = function() return require "gateway_json" end
package.preload["gateway.secret"] = assert(package.loadlib(
  assert(package.searchpath("gateway_json", package.cpath)), "luaopen_gateway_secret"))
package.preload["gateway.prelude"] = function()
  return function(name)
    local text <const> = files.read("core/lua/prelude/" .. name:gsub("%.", "/") .. ".lua")
    return text ~= "" and text or nil
  end
end

return require "gateway.testing.world"
