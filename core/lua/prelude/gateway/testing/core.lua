-- gateway.core as the specs give it: what the C core promises the prelude, in Lua, on a clock of
-- its own and with backends that are functions. It keeps a record of all that is asked of it:
--
--     calls   each backend call as it is sent: { backend, method, path, json, headers, at, ended }
--     logs    each line: { level, message, fields, where }
--     reports what breakers were told, and answers, jobs, breakers by handle
local json <const> = require "gateway.json"
local Scheduler <const> = require "gateway.testing.scheduler"

local core_of <const> = {}

local DEFAULT_TIMEOUT <const> = 30

-- A copy that shares nothing with the original, as after a trip over the wire.
local function through_json(value)
  return json.decode(json.encode(value))
end

-- --- flows ---

local function flow_functions(core, world)
  local scheduler <const> = world.scheduler

  local function current()
    local flow <const> = scheduler.current
    if not flow then error("this can only be done while a request or a job is handled", 3) end
    return flow
  end

  function world.failure(fields)
    return setmetatable(fields, world.metatables.failure)
  end

  local function raise_if_cancelled(flow)
    if not Scheduler.is_cancelled(flow) then return end
    error(world.failure { kind = flow.cancelled, message = "the request is over" })
  end

  function core.sleep(seconds)
    local flow <const> = current()
    raise_if_cancelled(flow)
    local timer <const> = scheduler:after(seconds, function() scheduler:wake(flow) end)
    Scheduler.wait(flow, function()
      timer.fn = nil
      scheduler:wake(flow)
    end)
    raise_if_cancelled(flow)
  end

  function core.children(count, limit, fn)
    local parent <const> = current()
    raise_if_cancelled(parent)
    local started, running, failed, first_error = 0, 0, false, nil
    local children <const> = {}

    local function cancel_all(kind)
      for _, child in ipairs(children) do
        Scheduler.cancel(child, kind)
      end
    end

    local start
    local function ended(child)
      running = running - 1
      children[child.index] = { shield = 0 }
      if not failed and started < count and not Scheduler.is_cancelled(parent) then start() end
      if running == 0 then scheduler:wake(parent) end
    end

    function start()
      started, running = started + 1, running + 1
      local index <const> = started
      local child <const> = scheduler:spawn(function()
        local ok <const>, raised <const> = pcall(fn, index)
        if not ok and not failed then
          failed, first_error = true, raised
          children[index] = { shield = 0 }
          cancel_all "cancelled"
        end
      end, parent)
      child.index, children[index] = index, child
      child.ended = function() ended(child) end
    end

    while started < math.min(limit, count) do start() end
    Scheduler.wait(parent, cancel_all)
    raise_if_cancelled(parent)
    if failed then error(first_error, 0) end
  end

  function core.shield(on)
    local flow <const> = current()
    flow.shield = flow.shield + (on and 1 or -1)
  end

  function core.context() return current().context end
  function core.deadline_is_callers() return world.deadline_is_callers == true end
  function core.remaining() return current().deadline and current().deadline - scheduler.now end

  function core.is_flow()
    local flow <const> = scheduler.current
    return flow ~= nil and flow.thread == coroutine.running()
  end

  return current, raise_if_cancelled
end

-- --- calls ---

local function failure_of(world, request, answer)
  local kind <const> = answer.kind or "status"
  return world.failure {
    kind = kind,
    backend = request.backend,
    method = request.method,
    path = request.path,
    status = answer.status,
    attempts = answer.attempts or (kind == "open" and 0 or 1),
    message = answer.message,
    retry_after = answer.retry_after,
    json = answer.json and through_json(answer.json),
    body = answer.body,
  }
end

local function result_of(world, request, answer)
  if answer.kind or answer.status >= 400 then return failure_of(world, request, answer) end
  local response <const> = { status = answer.status, headers = answer.headers or {} }
  if answer.json ~= nil then
    response.json = through_json(answer.json)
  else
    response.body = answer.body or ""
  end
  return setmetatable(response, world.metatables.response)
end

-- What the backend answers, cut off where the call's own timeout comes first.
local function ask(world, request)
  local backend <const> = world.backends[request.backend]
  local answer = backend and backend(world.calls[#world.calls]) or { status = 404 }
  local timeout <const> = request.options and request.options.timeout or DEFAULT_TIMEOUT
  if (answer.delay or 0) > timeout then
    answer = { kind = "timeout", delay = timeout }
  end
  return answer
end

local function record(world, request)
  local options <const> = request.options or {}
  local call <const> = {
    backend = request.backend,
    method = request.method,
    path = request.path,
    json = options.json ~= nil and through_json(options.json) or nil,
    body = options.body,
    headers = options.headers,
    at = world.scheduler.now,
  }
  table.insert(world.calls, call)
  return call
end

local function call_functions(core, world, current, raise_if_cancelled)
  local scheduler <const> = world.scheduler

  function core.fetch(requests, limit)
    local flow <const> = current()
    raise_if_cancelled(flow)
    local results <const>, timers <const>, calls <const> = {}, {}, {}
    local sent, pending, in_flight = 0, #requests, 0

    local function cancel_rest(kind)
      for i, request in ipairs(requests) do
        if not results[i] then
          if timers[i] then timers[i].fn = nil end
          if calls[i] then calls[i].ended = kind end
          results[i] = failure_of(world, request, { kind = kind, attempts = calls[i] and 1 or 0 })
          pending = pending - 1
        end
      end
    end

    local send_more
    local function finish(i, result)
      results[i], pending, in_flight = result, pending - 1, in_flight - 1
      local failed <const> = getmetatable(result) == world.metatables.failure
      calls[i].ended = failed and result.kind or "ok"
      calls[i].status, calls[i].ended_at = result.status, scheduler.now
      local options <const> = requests[i].options or {}
      if failed and options.fallback == nil then cancel_rest "cancelled" end
      if pending > 0 then send_more() else scheduler:wake(flow) end
    end

    function send_more()
      while sent < #requests and in_flight < (limit or math.huge) do
        sent, in_flight = sent + 1, in_flight + 1
        local i <const>, request <const> = sent, requests[sent]
        calls[i] = record(world, request)
        local answer <const> = ask(world, request)
        timers[i] = scheduler:after(answer.delay or 0, function()
          finish(i, result_of(world, request, answer))
        end)
      end
    end

    if pending > 0 then
      send_more()
      Scheduler.wait(flow, function(kind)
        cancel_rest(kind)
        scheduler:wake(flow)
      end)
      raise_if_cancelled(flow)
    end
    return results
  end
end

-- --- declarations ---

local function declare_functions(core, world)
  function core.set_metatables(metatables) world.metatables = metatables end
  function core.set_entries(entries) world.entries = entries end
  function core.loading() return world.loading end

  function core.route(method, pattern, deadline, max_body)
    for _, route in ipairs(world.routes) do
      if route.method == method and route.pattern == pattern then return nil, "declared twice" end
    end
    table.insert(world.routes, {
      method = method,
      pattern = pattern,
      deadline = deadline,
      max_body = max_body,
    })
    return #world.routes, ("routes.lua:%d"):format(#world.routes)
  end

  function core.backend(name, options)
    for _, url in ipairs(options.urls or { options.url }) do
      if not url:find "^https?://" then return nil, "not a URL" end
    end
    if (options.trials or 1) > 64 then error("trials must be from 1 to 64", 0) end
    table.insert(world.declared, { name = name, options = options })
    return #world.declared
  end

  function core.backend_state() return world.backend_state end

  function core.breaker(name, options)
    table.insert(world.breakers, { name = name, options = options, state = "closed", reports = {} })
    return #world.breakers
  end

  function core.breaker_state(handle) return world.breakers[handle].state end

  function core.breaker_admit(handle)
    local breaker <const> = world.breakers[handle]
    if breaker.state == "open" then return nil, breaker.retry_after end
    return breaker
  end

  function core.breaker_report(permit, what) table.insert(permit.reports, what) end

  function core.source(name)
    return world.source(name)
  end

  function core.cjson() return require "cjson" end

  -- Of `path`, which is a module's file, or of world.files[path].
  function core.source_lines(path, from, to)
    local text <const> = world.files[path] or world.source((path:gsub("%.lua$", "")))
    if not text then return nil end
    local lines <const>, number = {}, 0
    for line in (text:gsub("\n$", "") .. "\n"):gmatch "(.-)\n" do
      number = number + 1
      if number >= from and number <= to then lines[number] = line end
    end
    return lines
  end
end

local function encode_segment(value)
  return (tostring(value):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function expand_path(template, options)
  local reason
  local path <const> = template:gsub("{([^}]*)}", function(name)
    local value <const> = options[name]
    if type(value) ~= "string" and type(value) ~= "number" then
      reason = ("{%s} needs a string or a number, got %s"):format(name, type(value))
    elseif value == "" or value == "." or value == ".." then
      reason = ("{%s} cannot be '%s': it would change the path"):format(name, value)
    end
    return encode_segment(value)
  end)
  if reason then return nil, reason end
  return path
end

local function expand_query(query)
  local pairs_of <const> = {}
  for name, value in pairs(query or {}) do
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      table.insert(pairs_of, encode_segment(name) .. "=" .. encode_segment(one))
    end
  end
  table.sort(pairs_of)
  return #pairs_of > 0 and "?" .. table.concat(pairs_of, "&") or ""
end

-- --- the rest ---

-- Enough of http/status.c to tell titles apart.
local STATUS_TEXTS <const> = { [404] = "Not Found", [409] = "Conflict", [502] = "Bad Gateway" }

local function other_functions(core, world, current)
  local scheduler <const> = world.scheduler

  function core.expand(template, options)
    local path <const>, reason <const> = expand_path(template, options or {})
    if not path then return nil, reason end
    return path .. expand_query(options and options.query)
  end

  function core.env(name)
    if name:find "^SECRET" then return nil, false end
    return world.env[name], true
  end

  function core.status_text(status)
    return STATUS_TEXTS[status] or "Unknown"
  end

  -- The calls of all flows, as if they were one request's.
  function core.calls()
    local calls <const> = {}
    for i, call in ipairs(world.calls) do
      local failed <const> = call.ended ~= "ok"
      calls[i] = {
        backend = call.backend,
        target = call.method .. " " .. call.path,
        status = call.status,
        failure = failed and call.ended or nil,
        attempts = 1,
        duration_ms = (call.ended_at or scheduler.now) * 1000 - call.at * 1000,
        ended_ms = (call.ended_at or scheduler.now) * 1000,
      }
    end
    return calls, scheduler.now * 1000, #calls
  end

  function core.id()
    world.ids = world.ids + 1
    return ("00000000-0000-7000-8000-%012d"):format(world.ids)
  end

  function core.correlation_id()
    return scheduler.current and "correlation-1" or nil
  end

  function core.now() return 1700000000 + scheduler.now end
  function core.ready()
    if world.not_ready then return false, world.not_ready end
    return true
  end

  function core.log(level, message, fields, where)
    if fields then fields = through_json(fields) end
    table.insert(world.logs, { level = level, message = message, fields = fields, where = where })
  end

  function core.log_enabled(level) return level ~= "debug" end

  function core.reply(status, body, headers)
    if math.type(status) ~= "integer" or status < 200 or status > 599 then
      error "the status must be an integer from 200 to 599"
    end
    local reply <const> = { status = status, headers = {} }
    for name, value in pairs(headers or {}) do
      if tostring(value):find "%c" then error("header '" .. name .. "' has a control character") end
      reply.headers[name:lower()] = value
    end
    if body ~= nil then
      local is_text <const> = type(body) == "string"
      reply.text = is_text and body or json.encode(body)
      local default <const> = is_text and "text/plain; charset=utf-8" or "application/json"
      reply.headers["content-type"] = reply.headers["content-type"] or default
    end
    current().reply = reply
  end

  function core.drop() current().reply = { dropped = true } end
end

local function job_functions(core, world)
  function core.job() end

  function core.enqueue(kind, args)
    if world.too_many_jobs then return nil, "too many jobs" end
    local id <const> = core.id()
    world.jobs[id] = { id = id, kind = kind, status = "queued", progress = 0, seen = {} }
    world.scheduler:spawn(function() world.entries.job(kind, args, id) end)
    return id
  end

  function core.job_progress(id, percent)
    local job <const> = world.jobs[id]
    job.status, job.progress = "running", percent
    table.insert(job.seen, percent)
  end

  function core.job_finish(id, ok, text)
    local job <const> = world.jobs[id]
    job.status, job.finished_at = ok and "done" or "failed", core.now()
    if ok then job.result, job.progress = text, 100 else job.error = text end
  end

  function core.job_get(id)
    local job <const> = world.jobs[id]
    if not job then return nil end
    local copy <const> = {}
    for name, value in pairs(job) do
      copy[name] = value
    end
    return copy
  end
end

-- The module gateway.core for `world`, which it fills with the records above.
function core_of.new(world)
  local core <const> = { version = "1.2.3", development = world.development or false }
  world.scheduler = Scheduler.new()
  world.files = world.files or {}
  world.calls, world.logs, world.routes, world.declared = {}, {}, {}, {}
  world.breakers, world.jobs, world.ids, world.backend_state = {}, {}, 0, "closed"
  local current <const>, raise_if_cancelled <const> = flow_functions(core, world)
  call_functions(core, world, current, raise_if_cancelled)
  declare_functions(core, world)
  other_functions(core, world, current)
  job_functions(core, world)
  return core
end

return core_of
