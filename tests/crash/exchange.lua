-- One request and its response, for a task: nil and the reason where there is none.
local cjson <const> = require "cjson"
local http <const> = require "support.http"
local socket <const> = require "socket"
local tasks <const> = require "tasks"

local PATIENCE <const> = 20 -- seconds

local function connect(one, port, until_time)
  local ok, reason = one:connect("127.0.0.1", port)
  if not ok and reason == "timeout" then
    tasks.await(one, "write", until_time)
    ok, reason = one:connect("127.0.0.1", port)
  end
  if ok or reason == "already connected" then return true end
  return nil, reason == "timeout" and "nobody listens" or reason
end

local function send(one, bytes, until_time)
  local sent = 0
  while sent < #bytes do
    local last <const>, reason <const>, partly <const> = one:send(bytes, sent + 1)
    sent = last or partly
    if not last and reason ~= "timeout" then return nil, reason end
    if tasks.now() > until_time then return nil, "not taken in time" end
    if not last then tasks.await(one, "write", until_time) end
  end
  return true
end

-- The response in `bytes`, or nil if it is not all there.
local function parse(bytes)
  local head <const>, at <const> = bytes:match "^(.-\r\n)\r\n()"
  if not head then return nil end
  local response <const> = { status = tonumber(head:match "^HTTP/1%.1 (%d%d%d) "), headers = {} }
  for name, value in head:gmatch "\r\n([^\r\n:]+): *([^\r\n]*)" do
    response.headers[name:lower()] = value
  end
  local length <const> = tonumber(response.headers["content-length"] or 0)
  if #bytes - at + 1 < length then return nil end
  response.body = bytes:sub(at, at + length - 1)
  local is_json <const> = (response.headers["content-type"] or ""):find "json"
  if is_json then response.json = cjson.decode(response.body) end
  return response
end

local function receive(one, until_time, hangs_up)
  local bytes = ""
  while true do
    local whole <const>, reason <const>, partly <const> = one:receive(65536)
    bytes = bytes .. (whole or partly)
    local response <const> = parse(bytes)
    if response then return response end
    if not whole and reason ~= "timeout" then return nil, reason end
    if tasks.now() >= until_time then return nil, hangs_up and "hung up" or "no answer in time" end
    tasks.await(one, "read", until_time)
  end
end

-- options: as support.http's, and hang_up: seconds after which we do not wait any longer.
return function(port, method, path, options)
  local one <const> = assert(socket.tcp())
  one:settimeout(0)
  local until_time = tasks.now() + PATIENCE
  local response, reason = connect(one, port, until_time)
  if response then
    response, reason = send(one, http.format(method, path, options), until_time)
  end
  if response then
    local hang_up <const> = options and options.hang_up
    if hang_up then until_time = tasks.now() + hang_up end
    response, reason = receive(one, until_time, hang_up)
  end
  one:close()
  return response, reason
end
