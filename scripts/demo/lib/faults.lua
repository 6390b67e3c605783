-- Faults on demand, so that anyone can watch what the gateway makes of them:
--
--     PUT /demo/faults { "latency_ms": 2000 }                 late, but the work is done
--     PUT /demo/faults { "status": 503 }                      refused, nothing is done
--     PUT /demo/faults { "error_rate": 0.5, "drop": true }    half of the answers never arrive
--     PUT /demo/faults { "status": 500, "path": "/api/v1/stock/reserve", "times": 1 }
--     DELETE /demo/faults                                     well again
--
-- /health and /demo itself always answer.
local gateway <const> = require "gateway"

local NONE <const> = { latency_ms = 0, error_rate = 0, drop = false }

local faults = NONE

local function is_exempt(path)
  return path == "/health" or path:find("/demo/", 1, true) == 1
end

local function applies_to(req)
  if faults == NONE or is_exempt(req.path) then return false end
  return not faults.path or req.path:find(faults.path, 1, true) == 1
end

-- Each affected request uses up one of `times`.
local function strike(req)
  if not applies_to(req) then return nil end
  local struck <const> = faults
  if struck.times then
    struck.times = struck.times - 1
    if struck.times <= 0 then faults = NONE end
  end
  return {
    latency_ms = struck.latency_ms,
    status = struck.status,
    drop = struck.drop,
    fails = math.random() < struck.error_rate,
  }
end

-- A status is answered instead of the work; latency and a dropped connection come after it, when
-- its effect is there but the client does not know.
gateway.before(function(req)
  req.fault = strike(req)
  if req.fault and req.fault.fails and not req.fault.drop then
    return req.fault.status or 503, { error = "a fault was asked for" }
  end
end)

gateway.after(function(req)
  local fault <const> = req.fault
  if not fault then return end
  if fault.latency_ms > 0 then gateway.sleep(fault.latency_ms / 1000) end
  if fault.fails and fault.drop then gateway.drop() end
end)

local function is_number(value, min, max)
  return type(value) == "number" and value >= min and value <= max
end

local function is_whole(value, min, max)
  return math.type(value) == "integer" and value >= min and value <= max
end

local CHECKS <const> = {
  latency_ms = function(value) return is_number(value, 0, 600000) end,
  error_rate = function(value) return is_number(value, 0, 1) end,
  status = function(value) return is_whole(value, 400, 599) end,
  drop = function(value) return type(value) == "boolean" end,
  path = function(value) return type(value) == "string" end,
  times = function(value) return is_whole(value, 1, 1000000) end,
}

local function refuse(wanted)
  if type(wanted) ~= "table" then return "faults are a JSON object" end
  for name, value in pairs(wanted) do
    local check <const> = CHECKS[name]
    if not check then return ("there is no fault '%s'"):format(name) end
    if not check(value) then return ("'%s' cannot be that"):format(name) end
  end
end

-- Who names a failure and no rate wants it always.
local function complete(wanted)
  local always <const> = wanted.status or wanted.drop
  return {
    latency_ms = wanted.latency_ms or 0,
    error_rate = wanted.error_rate or (always and 1 or 0),
    status = wanted.status,
    drop = wanted.drop or false,
    path = wanted.path,
    times = wanted.times,
  }
end

gateway.route("PUT /demo/faults", function(req)
  local wanted <const> = req:json()
  local reason <const> = refuse(wanted)
  if reason then gateway.fail(422, reason) end
  faults = complete(wanted)
  return 200, faults
end)

gateway.route("GET /demo/faults", function()
  return 200, faults
end)

gateway.route("DELETE /demo/faults", function()
  faults = NONE
  return 200, faults
end)
