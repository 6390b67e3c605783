-- One client that asks the same again and again, until the file `stop` is there: a program, started
-- by load.lua. It keeps its connection while it may, and writes a line of JSON for each answer, or
-- for what it got instead of one.
--
--     lua5.4 tests/compose/client.lua PORT STOP METHOD PATH [BODY]
package.path = "spec/?.lua;" .. package.path

local cjson <const> = require "cjson"
local http <const> = require "support.http"
local socket <const> = require "socket"

local PAUSE <const> = 0.01 -- seconds

local port <const>, stop <const>, method <const>, path <const>, body <const> = table.unpack(arg)

local options <const> = {
  body = body,
  headers = body and { "Content-Type: application/json" },
}

local connection

local function ask()
  connection = connection or assert(http.connect(port))
  local response <const> = connection:request(method, path, options)
  if response.headers.connection == "close" then connection = connection:close() end
  return response
end

local function is_over()
  local file <const> = io.open(stop)
  return file ~= nil and file:close()
end

while not is_over() do
  local at <const> = socket.gettime()
  local ok <const>, response <const> = pcall(ask)
  if not ok then connection = nil end
  io.write(cjson.encode {
    at = at,
    status = ok and response.status or nil,
    body = ok and response.body or nil,
    failure = not ok and tostring(response) or nil,
  }, "\n")
  io.flush()
  socket.sleep(PAUSE)
end
