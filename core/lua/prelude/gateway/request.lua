-- The client's request as handlers see it: a plain table the core has filled, with one method.
local json <const> = require "gateway.json"
local failure <const> = require "gateway.failure"

local request <const> = {}

local Request <const> = { __name = "gateway.client_request", __metatable = false }
local methods <const> = {}
Request.__index = methods

local function refuse(status, detail)
  error(failure.new { kind = "problem", status = status, detail = detail })
end

-- application/json or any type that is built on it (RFC 6839, 3.1); parameters do not matter.
local function is_json(content_type)
  local media_type <const> = content_type:lower():match "^[ \t]*([^; \t]*)"
  return media_type == "application/json" or media_type:find "^[^/]+/[^/]+%+json$" ~= nil
end

-- The decoded body. Raises a 415 if it does not say that it is JSON, a 400 if it is not.
function methods:json()
  if not is_json(self.headers["content-type"] or "") then
    refuse(415, "the body must be application/json")
  end
  local value <const>, reason <const> = json.decode(self.body or "")
  if value == nil then refuse(400, "the body is not valid JSON: " .. reason) end
  return value
end

request.metatable = Request

return request
