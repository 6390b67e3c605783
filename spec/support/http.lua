-- An HTTP/1.1 client on bare sockets, independent of the gateway's own: it sends whatever it is
-- given, byte by byte if need be, and reads responses strictly.
local cjson <const> = require "cjson"
local socket <const> = require "socket"

local http <const> = {}

local TIMEOUT <const> = 20 -- seconds, for anything the gateway owes us

local Connection <const> = {}
Connection.__index = Connection

-- nil and the reason if nobody listens there.
function http.connect(port)
  local connected <const> = assert(socket.tcp())
  connected:settimeout(TIMEOUT)
  local ok <const>, reason <const> = connected:connect("127.0.0.1", port)
  if not ok then
    connected:close()
    return nil, reason
  end
  connected:setoption("tcp-nodelay", true)
  return setmetatable({ socket = connected }, Connection)
end

function Connection:send(data)
  assert(self.socket:send(data))
  return self
end

function Connection:close()
  self.socket:close()
end

local function read_line(self)
  local line <const> = assert(self.socket:receive "*l")
  return (line:gsub("\r$", ""))
end

-- Field names in small letters; repeated ones joined as RFC 9110, 5.3 allows.
local function read_fields(self)
  local fields <const> = {}
  for line in function() return read_line(self) end do
    if line == "" then return fields end
    local name <const>, value <const> = line:match "^([^%s:]+):%s*(.-)%s*$"
    assert(name, "not a header field: " .. line)
    local key <const> = name:lower()
    fields[key] = fields[key] and fields[key] .. ", " .. value or value
  end
end

local function has_body(method, status)
  return method ~= "HEAD" and status >= 200 and status ~= 204 and status ~= 304
end

local function is_json(response)
  return (response.headers["content-type"] or ""):find "[/+]json"
end

-- Reads one response to a request of `method`. Its `json` is there if that is what it says it is.
function Connection:receive(method)
  local line <const> = read_line(self)
  local status <const> = tonumber(line:match "^HTTP/1%.1 (%d%d%d) ")
  assert(status, "not a status line: " .. line)
  local response <const> = { status = status, headers = read_fields(self), body = "" }
  if has_body(method, status) then
    local length <const> = assert(tonumber(response.headers["content-length"]), "no length")
    response.body = length == 0 and "" or assert(self.socket:receive(length))
    response.json = is_json(response) and cjson.decode(response.body) or nil
  end
  return response
end

-- Reads the last response and closes.
function Connection:finish()
  local response <const> = self:receive()
  self:close()
  return response
end

-- Whether something comes within so many seconds: bytes, or the end.
function Connection:hears(seconds)
  return socket.select({ self.socket }, nil, seconds)[1] ~= nil
end

-- Whether the other side has closed: waits for it, and sees nothing else come before.
function Connection:is_closed()
  local byte <const>, reason <const> = self.socket:receive(1)
  return byte == nil and reason == "closed"
end

-- The bytes of a request. Options: host, headers (a list of lines), json, body.
function http.format(method, path, options)
  options = options or {}
  local host <const> = options.host or "gateway"
  local lines <const> = { ("%s %s HTTP/1.1"):format(method, path), "Host: " .. host }
  local body <const> = options.json and cjson.encode(options.json) or options.body
  if options.json then lines[#lines + 1] = "Content-Type: application/json" end
  if body then lines[#lines + 1] = "Content-Length: " .. #body end
  table.move(options.headers or {}, 1, #(options.headers or {}), #lines + 1, lines)
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

function Connection:request(method, path, options)
  return self:send(http.format(method, path, options)):receive(method)
end

-- One request on a connection of its own.
function http.request(port, method, path, options)
  local connection <const> = assert(http.connect(port))
  local response <const> = connection:request(method, path, options)
  connection:close()
  return response
end

return http
