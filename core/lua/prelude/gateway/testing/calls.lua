-- core.fetch of the fake: what core/lua/fetch.c and result.c do, with backends that are functions.
-- A backend gets the call and returns { status, json or body, headers, delay } or
-- { kind = "connect", delay }; `live` is JSON that is handed over as it is. Each call is one
-- attempt: there is no retry, breaker, line or hedge here.
local json <const> = require "gateway.json"
local Scheduler <const> = require "gateway.testing.scheduler"

local calls <const> = {}

local DEFAULT_TIMEOUT <const> = 30
local MAX_HEADERS <const> = 60
local RESERVE <const> = 0.1 -- see fetch.c: time left to use a fallback

-- What the gateway writes itself.
local RESERVED <const> = {
  host = true, ["content-length"] = true, ["transfer-encoding"] = true, connection = true,
  expect = true, ["x-correlation-id"] = true, ["x-request-timeout-ms"] = true,
  traceparent = true, tracestate = true,
}

-- A copy that shares nothing with the original, as after a trip over the wire.
local function through_json(value)
  return json.decode(json.encode(value))
end

-- --- what is sent ---

local function is_token(text)
  return text:find "^[%w!#$%%&'*+%-.^_`|~]+$" ~= nil
end

local function check_header(name, value)
  local is_text <const> = type(value) == "string" or type(value) == "number"
  if type(name) ~= "string" or not is_text then
    error "headers: names are strings, values strings or numbers"
  end
  if not is_token(name) or RESERVED[name:lower()] then
    error(("headers: '%s' cannot be set"):format(name))
  end
  if tostring(value):find "[\0-\8\10-\31\127]" then
    error(("headers: the value of '%s' has a control character"):format(name))
  end
end

local function headers_of(options)
  local headers <const>, n = {}, 0
  for name, value in next, options.headers or {} do
    n = n + 1
    if n > MAX_HEADERS then error(("headers: at most %d"):format(MAX_HEADERS)) end
    check_header(name, value)
    headers[name:lower()] = tostring(value):match "^%s*(.-)%s*$"
  end
  if options.json ~= nil then headers["content-type"] = "application/json" end
  return headers
end

-- Checked and copied before the first one is sent, as the core does.
local function prepare(request)
  if type(request) ~= "table" or not request.handle then error "not a request" end
  if #request.method >= 16 or not is_token(request.method) then error "not a method" end
  local options <const> = request.options or {}
  return {
    backend = request.backend,
    method = request.method,
    path = request.path,
    json = options.json ~= nil and through_json(options.json) or nil,
    body = options.body,
    headers = headers_of(options),
  }
end

-- --- what comes back ---

local function is_json(headers)
  local media <const> = (headers["content-type"] or ""):lower():match "^%s*([^;%s]*)"
  return media == "application/json" or media:find "%+json$" ~= nil
end

-- The answer as the wire carries it: its headers in small letters, its body a text.
local function message_of(answer)
  local headers <const> = {}
  for name, value in next, answer.headers or {} do
    headers[name:lower()] = tostring(value)
  end
  if answer.json == nil then return headers, answer.body or "" end
  headers["content-type"] = headers["content-type"] or "application/json"
  return headers, json.encode(answer.json)
end

-- Fills json or body of `into`, or says why it cannot be read.
local function set_content(into, request, headers, text)
  local options <const> = request.options or {}
  local has_none <const> = text == "" and (request.method == "HEAD" or into.status == 204
    or into.status == 304)
  if options.raw or has_none or not is_json(headers) then
    into.body = text
    return
  end
  local value <const>, reason <const> = json.decode(text)
  if value == nil then return "bad JSON: " .. reason end
  into.json = value
end

function calls.failure_of(world, request, answer)
  local kind <const> = answer.kind or "status"
  local failed <const> = world.failure {
    kind = kind,
    backend = request.backend,
    method = request.method,
    path = request.path,
    status = answer.status,
    attempts = answer.attempts or (kind == "open" and 0 or 1),
    message = answer.message,
    retry_after = answer.retry_after,
  }
  if kind == "status" then set_content(failed, request, message_of(answer)) end
  return failed
end

-- Redirects are not followed, so they are failures, but for 304.
local function is_failure(answer)
  return answer.kind or (answer.status >= 300 and answer.status ~= 304)
end

local function result_of(world, request, answer)
  if is_failure(answer) then return calls.failure_of(world, request, answer) end
  if answer.live then
    return setmetatable({ status = 200, headers = {}, json = answer.live },
      world.metatables.response)
  end
  local headers <const>, text <const> = message_of(answer)
  local response <const> = { status = answer.status, headers = headers }
  local reason <const> = set_content(response, request, headers, text)
  if not reason then return setmetatable(response, world.metatables.response) end
  return calls.failure_of(world, request, {
    kind = "decode", status = answer.status, message = reason,
  })
end

-- --- one call ---

local function root_of(flow)
  while flow.parent do
    flow = flow.parent
  end
  return flow
end

-- How long this call may take, and the kind of its failure if it takes longer.
local function limit_of(world, flow, request)
  local options <const> = request.options or {}
  local declared <const> = world.declared[request.handle].options
  local timeout <const> = options.timeout or declared.timeout or DEFAULT_TIMEOUT
  local deadline <const> = root_of(flow).deadline
  if flow.shield > 0 or not deadline or options.fallback == nil then return timeout, "timeout" end
  local left <const> = deadline - world.scheduler.now
  local reserved <const> = left - math.max(0, math.min(RESERVE, left / 20))
  if reserved < timeout then return reserved, "deadline" end
  return timeout, "timeout"
end

-- What the backend answers, cut off where it takes too long.
local function ask(world, flow, request, call)
  local backend <const> = world.backends[request.backend]
  local answer <const> = backend and backend(call) or { status = 404 }
  local limit <const>, kind <const> = limit_of(world, flow, request)
  if (answer.delay or 0) <= limit then return answer end
  return { kind = kind, delay = limit }
end

-- --- many calls, one sleep ---

-- One core.fetch: its requests, what was sent and came back, by place.
local Batch <const> = {}
Batch.__index = Batch

function Batch:cancel_rest(kind)
  for i, request in ipairs(self.requests) do
    if not self.results[i] then
      local was_sent <const> = i <= self.sent
      if self.timers[i] then self.timers[i].fn = nil end
      if was_sent then self.calls[i].ended = kind end
      self.results[i] = calls.failure_of(self.world, request, {
        kind = kind, attempts = was_sent and 1 or 0,
      })
      self.pending = self.pending - 1
    end
  end
end

function Batch:finish(i, result)
  local failed <const> = debug.getmetatable(result) == self.world.metatables.failure
  local options <const> = self.requests[i].options or {}
  self.results[i], self.calls[i].ended = result, failed and result.kind or "ok"
  self.pending, self.in_flight = self.pending - 1, self.in_flight - 1
  self.calls[i].status, self.calls[i].ended_at = result.status, self.world.scheduler.now
  if failed and options.fallback == nil then self:cancel_rest "cancelled" end
  if self.pending > 0 then self:send_more() else self.world.scheduler:wake(self.flow) end
end

function Batch:send(i)
  local request <const>, call <const> = self.requests[i], self.calls[i]
  call.at = self.world.scheduler.now
  table.insert(self.world.calls, call)
  local answer <const> = ask(self.world, self.flow, request, call)
  self.timers[i] = self.world.scheduler:after(answer.delay or 0, function()
    self:finish(i, result_of(self.world, request, answer))
  end)
end

function Batch:send_more()
  while self.sent < #self.requests and self.in_flight < self.limit do
    self.sent, self.in_flight = self.sent + 1, self.in_flight + 1
    self:send(self.sent)
  end
end

local function new_batch(world, flow, requests, limit)
  local batch <const> = setmetatable({
    world = world, flow = flow, requests = requests, limit = limit or math.huge,
    results = {}, timers = {}, calls = {},
    sent = 0, pending = #requests, in_flight = 0,
  }, Batch)
  for i, request in ipairs(requests) do
    batch.calls[i] = prepare(request)
  end
  return batch
end

-- Adds core.fetch and core.response_headers.
function calls.add(core, world, waiting, raise_if_cancelled)
  function core.fetch(requests, limit)
    local flow <const> = waiting()
    raise_if_cancelled(flow)
    local batch <const> = new_batch(world, flow, requests, limit)
    if #requests > 0 then
      batch:send_more()
      Scheduler.wait(flow, function(kind)
        batch:cancel_rest(kind)
        world.scheduler:wake(flow)
      end)
      raise_if_cancelled(flow)
    end
    return batch.results
  end

  -- The core makes the table when it is asked for; here it is there from the start.
  function core.response_headers(response)
    return rawget(response, "headers") or {}
  end
end

calls.through_json = through_json

return calls
