-- Backends that misbehave on the wire, each a process of its own (support.rough_server), and what
-- they were sent.
local cjson <const> = require "cjson"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local rough <const> = {}

-- It knows no end but a signal.
local TERMINATED <const> = 128 + 15

local Rough <const> = {}
Rough.__index = Rough

local function lines_of(self, event)
  local lines <const> = {}
  for text in self.process:output():gmatch "([^\n]*)\n" do
    local line <const> = cjson.decode(text)
    if line.event == event then lines[#lines + 1] = line end
  end
  return lines
end

-- It answers 200 until it is told otherwise. Without a port it takes any.
function rough.start(port)
  local self <const> = setmetatable({}, Rough)
  self.process = process.start { "lua5.4", "spec/support/rough_server.lua", port or 0 }
  self.process:expect(TERMINATED)
  local line <const> = poll("a rough backend", function() return lines_of(self, "listening")[1] end)
  self.port = math.tointeger(line.port)
  self.url = "http://127.0.0.1:" .. self.port
  return self
end

-- What it does with the next requests: steps as support.rough_server has them; the last one stays.
function Rough:plan(steps, path)
  local response <const> =
    http.request(self.port, "PUT", "/rough/plan", { json = { path = path, steps = steps } })
  assert(response.status == 200)
end

-- The requests it got: { at, method, path, correlation_id, patience_ms, in_work, traceparent,
-- tracestate, export (of what was sent to a collector: { body, api_key }) }.
function Rough:received(path)
  local requests <const> = {}
  for _, request in ipairs(lines_of(self, "request")) do
    if not path or request.path == path then requests[#requests + 1] = request end
  end
  return requests
end

function Rough:await_received(n)
  poll(("%d requests"):format(n), function() return #self:received() >= n end)
end

-- How many callers went before they were answered.
function Rough:left()
  return #lines_of(self, "left")
end

function Rough:await_left(n)
  poll(("%d callers that leave"):format(n), function() return self:left() == n end)
end

function Rough:kill()
  self.process:kill()
end

-- Seconds between the requests it got.
function Rough:gaps()
  local gaps <const>, requests <const> = {}, self:received()
  for i = 2, #requests do
    gaps[i - 1] = requests[i].at - requests[i - 1].at
  end
  return gaps
end

return rough
