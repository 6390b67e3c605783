-- Answers of the admin listener, held against its OpenAPI document by tests/openapi/check.py.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local process <const> = require "support.process"

local openapi <const> = {}

local Record <const> = {}
Record.__index = Record

-- Remembers what this gateway's admin listener answers.
function openapi.record(gateway)
  return setmetatable({ gateway = gateway, exchanges = setmetatable({}, cjson.array_mt) }, Record)
end

-- As gateway:admin(), but the path is the document's, and its parameters have values; options may
-- have a `query`, too.
function Record:ask(method, path, values, options)
  local target <const> = path:gsub("{(%w+)}", values or {}) .. (options and options.query or "")
  local response <const> = self.gateway:admin(method, target, options)
  self.exchanges[#self.exchanges + 1] = {
    method = method, path = path, status = response.status,
    type = response.headers["content-type"], body = response.body,
  }
  return response
end

-- What is wrong with them, and with the document; "" if nothing is.
function Record:faults()
  local folder <const> = files.folder {
    ["document.json"] = self.gateway:admin("GET", "/admin/openapi.json").body,
    ["exchanges.json"] = cjson.encode(self.exchanges),
  }
  local code <const>, out <const>, err <const> = process.run {
    "tests/openapi/check.py", folder .. "/document.json", folder .. "/exchanges.json",
  }
  return (code == 0 and "" or "faults:\n") .. out:gsub("%s+$", "") .. err
end

return openapi
