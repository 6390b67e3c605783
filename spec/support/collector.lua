-- A collector of traces (support.rough_backend, which can misbehave like any other), and what it
-- was sent, as spans.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local poll <const> = require "support.poll"
local rough <const> = require "support.rough_backend"

local collector <const> = {}

local Collector <const> = {}
Collector.__index = Collector

function collector.start()
  local server <const> = rough.start()
  return setmetatable({ server = server, url = server.url }, Collector)
end

-- The bodies it was sent, one for each try.
function Collector:bodies()
  local bodies <const> = {}
  for i, request in ipairs(self.server:received "/v1/traces") do
    bodies[i] = request.export.body
  end
  return bodies
end

-- { stringValue = "x" } is "x".
local function value_of(value)
  local kind <const>, inner <const> = next(value)
  return kind == "intValue" and math.tointeger(tonumber(inner)) or inner
end

local function map_of(attributes)
  local map <const> = {}
  for _, attribute in ipairs(attributes or {}) do
    map[attribute.key] = value_of(attribute.value)
  end
  return map
end

local function read_span(span, resource)
  span.resource = map_of(resource.attributes)
  span.attributes = map_of(span.attributes)
  span.starts, span.ends = tonumber(span.startTimeUnixNano), tonumber(span.endTimeUnixNano)
  for _, event in ipairs(span.events or {}) do
    event.attributes = map_of(event.attributes)
  end
  return span
end

-- All spans so far, their attributes as a table.
function Collector:spans()
  local spans <const> = {}
  for _, body in ipairs(self:bodies()) do
    for _, group in ipairs(cjson.decode(body).resourceSpans) do
      for _, span in ipairs(group.scopeSpans[1].spans) do
        spans[#spans + 1] = read_span(span, group.resource)
      end
    end
  end
  return spans
end

local function fits(span, wanted)
  for key, value in pairs(wanted) do
    local found = span[key]
    if found == nil then found = span.attributes[key] end
    if found ~= value then return false end
  end
  return true
end

-- Those with these members or attributes.
function Collector:find(wanted)
  local found <const> = {}
  for _, span in ipairs(self:spans()) do
    if fits(span, wanted) then found[#found + 1] = span end
  end
  return found
end

-- The first such span, once it has come.
function Collector:await(wanted)
  return poll("a span", function() return self:find(wanted)[1] end)
end

-- The spans directly below one, in the order in which they began, of that kind if it is given.
function Collector:below(span, wanted)
  local given <const> = { traceId = span.traceId, parentSpanId = span.spanId }
  for key, value in pairs(wanted or {}) do
    given[key] = value
  end
  local found <const> = self:find(given)
  table.sort(found, function(a, b) return a.starts < b.starts end)
  return found
end

-- Takes what it was sent through OpenTelemetry's own classes (tests/otlp/check.js): what is wrong.
function Collector:complaints()
  local folder <const> = files.folder { bodies = table.concat(self:bodies(), "\n") .. "\n" }
  local install <const> = "env -u MAKEFLAGS make --no-print-directory -s build/otlp/installed"
  local pipe <close> = assert(io.popen(("%s 2>&1 && node tests/otlp/check.js build/otlp <%s 2>&1")
    :format(install, files.quote(folder .. "/bodies"))))
  return pipe:read "a"
end

return collector
