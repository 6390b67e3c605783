-- A backend's response: status, and json or body. Its headers are made into a table only when a
-- script asks for them.
local core <const> = require "gateway.core"

local response <const> = {}

response.metatable = {
  __name = "gateway.response",
  __metatable = false,
  __index = function(self, name)
    if name ~= "headers" then return nil end
    local headers <const> = core.response_headers(self)
    self.headers = headers
    return headers
  end,
}

return response
