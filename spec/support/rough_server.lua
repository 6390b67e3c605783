-- A backend that misbehaves as it is told: a program, started by support.rough_backend. It listens
-- at the port that it is given, or any, and writes lines of JSON: its port, each request it gets,
-- and each caller that leaves before its answer. All is one thread; a connection is a coroutine.
--
--     PUT /rough/plan { "path": "/health", "steps": [ { "status": 503 }, { "fault": "reset" } ] }
--
-- Each request to that path (without one: to any other) takes a step, and the last one stays. A
-- step has a `delay` in seconds, and then a `fault` or a `status` (200) with `headers`.
local cjson <const> = require "cjson"
local socket <const> = require "socket"

local PATIENCE <const> = 5 -- seconds for the rest of a request that has begun

local listener <const> = assert(socket.bind("127.0.0.1", tonumber(arg[1] or 0), 512))
local port <const> = math.tointeger(select(2, listener:getsockname()))

local plans <const> = { ["*"] = { {} } }
local waiting <const> = {} -- by socket: its coroutine and until when it waits
local in_work, count = 0, 0

local function say(line)
  line.at = socket.gettime()
  io.write(cjson.encode(line), "\n")
  io.flush()
end

-- Whether something came within so many seconds; without them it is waited for.
local function hears(connection, seconds)
  return coroutine.yield(connection, seconds and socket.gettime() + seconds)
end

-- --- requests -----------------------------------------------------------------------------------

local function read_fields(connection)
  local fields <const> = {}
  for line in function() return connection:receive "*l" end do
    local name <const>, value <const> = line:match "^([^:]+):%s*(.-)%s*$"
    if not name then return fields end
    local key <const> = name:lower()
    fields[key] = fields[key] and fields[key] .. ", " .. value or value
  end
end

local function read_request(connection)
  connection:settimeout(PATIENCE)
  local line <const> = connection:receive "*l"
  local fields <const> = line and read_fields(connection)
  if not fields then return nil end
  local method <const>, path <const> = line:match "^(%u+) (%S+) HTTP/1%.1"
  local length <const> = tonumber(fields["content-length"] or 0)
  return {
    method = method,
    path = path,
    fields = fields,
    body = length > 0 and connection:receive(length) or "",
  }
end

local function next_step(path)
  local steps <const> = plans[path] or plans["*"]
  return #steps > 1 and table.remove(steps, 1) or steps[1]
end

-- --- answers ------------------------------------------------------------------------------------

local function answer(connection, step)
  local body <const> = cjson.encode { port = port, count = count }
  local lines <const> = {
    ("HTTP/1.1 %d Whatever"):format(step.status or 200),
    "Content-Type: application/json",
    "Content-Length: " .. #body,
  }
  for name, value in pairs(step.headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  connection:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. body)
  return true
end

local HALF <const> = table.concat({
  "HTTP/1.1 200 OK",
  "Content-Type: application/json",
  "Content-Length: 99",
  "",
  '{"port":',
}, "\r\n")

-- After each of them the connection is closed; `hang` leaves that to the caller.
local FAULTS <const> = {
  close = function() end,
  cut = function(connection) connection:send(HALF) end,
  garbage = function(connection) connection:send "\1\2\3 this was never HTTP \255\r\n\r\n" end,
  reset = function(connection) connection:setoption("linger", { on = true, timeout = 0 }) end,
}

-- True if the connection can be kept.
local function act(connection, step)
  if (step.delay or step.fault == "hang") and hears(connection, step.delay) then
    say { event = "left" }
    return false
  end
  if not step.fault then return answer(connection, step) end
  FAULTS[step.fault](connection)
  return false
end

local function control(connection, request)
  local plan <const> = cjson.decode(request.body)
  plans[plan.path or "*"] = plan.steps
  return answer(connection, {})
end

local function serve(connection, request)
  if request.path == "/rough/plan" then return control(connection, request) end
  count = count + 1
  in_work = in_work + 1
  say {
    event = "request",
    method = request.method,
    path = request.path,
    correlation_id = request.fields["x-correlation-id"],
    patience_ms = tonumber(request.fields["x-request-timeout-ms"]),
    in_work = in_work,
    traceparent = request.fields.traceparent,
    tracestate = request.fields.tracestate,
    export = request.path == "/v1/traces"
      and { body = request.body, api_key = request.fields["api-key"] } or nil,
  }
  local is_kept <const> = act(connection, next_step(request.path))
  in_work = in_work - 1
  return is_kept
end

-- --- the loop -----------------------------------------------------------------------------------

local function talk(connection)
  local request
  repeat
    hears(connection)
    request = read_request(connection)
  until not (request and serve(connection, request))
  connection:close()
end

local function resume(connection, thread, ...)
  local ok <const>, waits_for <const>, until_then <const> = coroutine.resume(thread, ...)
  assert(ok, waits_for)
  waiting[connection] = waits_for and { thread = thread, until_then = until_then } or nil
end

-- The sockets on which there is something to do; none when the next one has waited for long enough.
local function ready_ones()
  local sockets <const>, soonest = { listener }, math.huge
  for connection, wait in pairs(waiting) do
    sockets[#sockets + 1] = connection
    soonest = math.min(soonest, wait.until_then or math.huge)
  end
  local patience <const> = soonest < math.huge and math.max(0, soonest - socket.gettime()) or nil
  return (socket.select(sockets, nil, patience))
end

local function wake_late_ones()
  local late <const>, now <const> = {}, socket.gettime()
  for connection, wait in pairs(waiting) do
    if wait.until_then and wait.until_then <= now then late[connection] = wait.thread end
  end
  for connection, thread in pairs(late) do
    resume(connection, thread, false)
  end
end

local function accept()
  local connection <const> = assert(listener:accept())
  connection:setoption("tcp-nodelay", true)
  resume(connection, coroutine.create(talk), connection)
end

say { event = "listening", port = port }
while true do
  for _, ready in ipairs(ready_ones()) do
    if ready == listener then
      accept()
    elseif waiting[ready] then
      resume(ready, waiting[ready].thread, true)
    end
  end
  wake_late_ones()
end
