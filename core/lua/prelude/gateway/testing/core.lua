-- gateway.core without the core: what it promises the prelude, in Lua, on a clock of its own and
-- with backends that are functions. Used by gateway.testing, by `moongate check --run` and by the
-- house's own specs. It keeps a record of all that is asked of it:
--
--     calls   each backend call as it is sent: { backend, method, path, json, headers, at, ended }
--     logs    each line: { level, message, fields, where }
--     reports what breakers were told, and answers, jobs, breakers by handle
--
-- Inside the binary the real core judges what needs no request: routes, options, paths, settings.
local json <const> = require "gateway.json"
local buffer <const> = require "gateway.testing.buffer"
local calls <const> = require "gateway.testing.calls"
local keys <const> = require "gateway.testing.keys"
local metrics <const> = require "gateway.testing.metrics"
local router <const> = require "gateway.testing.router"
local sagas <const> = require "gateway.testing.sagas"
local stores <const> = require "gateway.testing.stores"
local Scheduler <const> = require "gateway.testing.scheduler"

local core_of <const> = {}

local is_inside <const>, real <const> = pcall(require, "gateway.core")
local forget <const> = is_inside and require "gateway.forget"

local MAX_RAISED <const> = 10000 -- see core.c

-- --- flows ---

local function flow_functions(core, world)
  local scheduler <const> = world.scheduler

  local function current()
    local flow <const> = scheduler.current
    if not flow then error("this can only be done while a request or a job is handled", 3) end
    if flow.thread ~= coroutine.running() then
      error("this cannot be done inside a coroutine of your own: use gateway.map", 3)
    end
    return flow
  end

  local function waiting()
    local flow <const> = current()
    if not coroutine.isyieldable() then
      error("this cannot wait here: inside a callback of table.sort, string.gsub, an error handler,"
        .. " a metamethod or a finalizer", 3)
    end
    return flow
  end

  function world.failure(fields)
    return setmetatable(fields, world.metatables.failure)
  end

  -- A hook that raises at each instruction from then on: no pcall can hold that.
  local function give_up()
    debug.sethook(give_up, "", 1)
    error "the script goes on after its request is over"
  end

  local function raise_if_cancelled(flow)
    if not Scheduler.is_cancelled(flow) then return end
    flow.raised = (flow.raised or 0) + 1
    if flow.raised > MAX_RAISED then debug.sethook(give_up, "", 1) end
    error(world.failure { kind = flow.cancelled, message = "the request is over" })
  end

  function core.sleep(seconds)
    local flow <const> = waiting()
    if not (seconds >= 0 and seconds <= 86400) then
      error("bad argument #1 to 'sleep' (must be between 0 and 86400 seconds)", 2)
    end
    raise_if_cancelled(flow)
    local timer <const> = scheduler:after(seconds, function() scheduler:wake(flow) end)
    Scheduler.wait(flow, function()
      timer.fn = nil
      scheduler:wake(flow)
    end)
    raise_if_cancelled(flow)
  end

  function core.children(count, limit, fn)
    local parent <const> = waiting()
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

  function core.stopped() return world.stopped end
  function core.context() return current().context end
  function core.deadline_is_callers() return world.deadline_is_callers == true end
  function core.remaining() return current().deadline and current().deadline - scheduler.now end

  function core.is_flow()
    local flow <const> = scheduler.current
    return flow ~= nil and flow.thread == coroutine.running()
  end

  return current, waiting, raise_if_cancelled
end

-- --- declarations ---

-- Why the real core does not take it; or nil and what it says besides its handle. What it raises
-- has no place, as from pcall().
local function refuse_really(declare, ...)
  local ok <const>, handle <const>, reason <const> = pcall(declare, ...)
  if not ok then error(handle, 0) end
  if not handle then return reason end
  return nil, reason
end

-- Why not, or nil and the route's place.
local function refuse_route(world, method, pattern, ...)
  if is_inside then return refuse_really(real.route, method, pattern, ...) end
  for _, route in ipairs(world.routes) do
    if route.method == method and router.shape(route.pattern) == router.shape(pattern) then
      return "there is such a route already"
    end
  end
  return nil, ("routes.lua:%d"):format(#world.routes + 1)
end

local function refuse_backend(name, options)
  if is_inside then return refuse_really(real.backend, name, options) end
  for _, url in ipairs(options.urls or { options.url }) do
    if not url:find "^https?://" then return "not a URL" end
  end
  if (options.trials or 1) > 64 then error("trials must be from 1 to 64", 0) end
end

local function declare_functions(core, world)
  function core.set_metatables(metatables) world.metatables = metatables end
  function core.set_entries(entries) world.entries = entries end
  function core.loading() return world.loading end

  function core.route(method, pattern, deadline, max_body)
    local refused <const>, where <const> =
      refuse_route(world, method, pattern, deadline, max_body)
    if refused then return nil, refused end
    table.insert(world.routes, {
      method = method,
      pattern = pattern,
      deadline = deadline,
      max_body = max_body,
    })
    return #world.routes, where
  end

  function core.backend(name, options)
    local refused <const> = refuse_backend(name, options)
    if refused then return nil, refused end
    table.insert(world.declared, { name = name, options = options })
    return #world.declared
  end

  function core.backend_state(handle)
    return world.states[world.declared[handle].name] or world.backend_state
  end

  function core.breaker(name, options)
    if is_inside then refuse_really(real.breaker, name, options) end
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

  function core.cjson()
    if is_inside then return real.cjson() end
    return require "cjson"
  end

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

-- What the server writes itself. What is refused has no place, as it has none from the real one.
local RESERVED <const> = {
  ["content-length"] = true, ["transfer-encoding"] = true, connection = true, date = true,
  ["x-correlation-id"] = true,
}

local function check_reply_header(name, value)
  if type(value) ~= "string" and type(value) ~= "number" then
    error(("header '%s': expected a string or a number, got %s"):format(name, type(value)), 0)
  end
  if tostring(value):find "[\0-\8\10-\31\127]" then
    error(("header '%s': the value has a control character"):format(name), 0)
  end
end

local function reply_headers(given)
  local headers <const> = {}
  for name, value in next, given do
    if type(name) ~= "string" then error("headers: a name is a string, got " .. type(name), 0) end
    if not name:find "^[%w!#$%%&'*+%-.^_`|~]+$" or RESERVED[name:lower()] then
      error(("header '%s' cannot be set"):format(name), 0)
    end
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      check_reply_header(name, one)
    end
    headers[name:lower()] = value
  end
  return headers
end

local function other_functions(core, world, current)
  local scheduler <const> = world.scheduler

  function core.expand(template, options)
    if is_inside then return real.expand(template, options) end
    local path <const>, reason <const> = expand_path(template, options or {})
    if not path then return nil, reason end
    return path .. expand_query(options and options.query)
  end

  function core.env(name)
    if world.env[name] ~= nil then return world.env[name], true end
    local value, allowed = nil, not name:find "^SECRET"
    if is_inside then value, allowed = real.env(name) end
    return world.real_env and value or nil, allowed
  end

  function core.status_text(status)
    if is_inside then return real.status_text(status) end
    return STATUS_TEXTS[status] or "Unknown"
  end

  -- The calls of all flows, as if they were one request's.
  function core.calls()
    local list <const> = {}
    for i, call in ipairs(world.calls) do
      local failed <const> = call.ended ~= "ok"
      list[i] = {
        backend = call.backend,
        target = call.method .. " " .. call.path,
        status = call.status,
        failure = failed and call.ended or nil,
        attempts = 1,
        duration_ms = (call.ended_at or scheduler.now) * 1000 - call.at * 1000,
        ended_ms = (call.ended_at or scheduler.now) * 1000,
      }
    end
    return list, scheduler.now * 1000, #list
  end

  function core.id()
    world.ids = world.ids + 1
    return ("00000000-0000-7000-8000-%012d"):format(world.ids)
  end

  function core.correlation_id()
    return scheduler.current and "correlation-1" or nil
  end

  function core.measure() end
  function core.now() return 1700000000 + scheduler.now end
  function core.ready()
    if world.not_ready then return false, world.not_ready end
    return true
  end

  function core.log(level, message, fields, where)
    if fields then fields = calls.through_json(fields) end
    table.insert(world.logs, { level = level, message = message, fields = fields, where = where })
  end

  function core.log_enabled(level) return level ~= "debug" end

  function core.reply(status, body, headers)
    local flow <const> = current()
    if math.type(status) ~= "integer" or status < 200 or status > 599 then
      error("the status must be an integer from 200 to 599, got " .. tostring(status), 0)
    end
    if headers ~= nil and type(headers) ~= "table" then
      error("headers must be a table, got " .. type(headers), 0)
    end
    local reply <const> = { status = status, headers = reply_headers(headers or {}) }
    if buffer.is(body) then body = body:take() end
    if body ~= nil then
      local is_text <const> = type(body) == "string"
      reply.text = is_text and body or json.encode(body)
      local default <const> = is_text and "text/plain; charset=utf-8" or "application/json"
      reply.headers["content-type"] = reply.headers["content-type"] or default
    end
    flow.reply = reply
  end

  function core.drop() current().reply = { dropped = true } end
end

local function copy_of(job)
  local copy <const> = {}
  for name, value in pairs(job) do
    copy[name] = value
  end
  copy.result = nil
  return copy
end

local function job_functions(core, world, waiting)
  core.buffer = buffer.new

  function core.job() end

  function core.enqueue(kind, args)
    waiting()
    if world.journal_fault then return nil, world.journal_fault end
    if world.too_many_jobs then return false end
    local id <const> = core.id()
    local job <const> = { id = id, kind = kind, status = "queued", progress = 0, attempts = 0,
      created_at = core.now(), seen = {} }
    world.jobs[id] = job
    table.insert(world.job_list, 1, job)
    world.scheduler:spawn(function()
      job.attempts = 1
      world.entries.job(kind, args, id)
    end)
    return copy_of(job)
  end

  function core.job_progress(id, percent)
    local job <const> = world.jobs[id]
    job.status, job.progress = "running", percent
    table.insert(job.seen, percent)
  end

  function core.job_done(id, value)
    local job <const> = world.jobs[id]
    job.result = json.encode(value)
    job.status, job.progress, job.finished_at = "done", 100, core.now()
  end

  function core.job_failed(id, reason, for_now)
    local job <const> = world.jobs[id]
    job.status, job.error, job.for_now, job.finished_at = "failed", reason, for_now, core.now()
  end

  function core.job_get(id, with_result)
    if world.journal_fault then return nil, world.journal_fault end
    local job <const> = world.jobs[id]
    if not job then return nil end
    local copy <const> = copy_of(job)
    if with_result and job.result then copy.result = buffer.new(job.result) end
    return copy
  end

  function core.job_remove(id)
    if world.journal_fault then return nil, world.journal_fault end
    local job <const> = world.jobs[id]
    if not job then return nil end
    local copy <const> = copy_of(job)
    if job.finished_at then world.jobs[id] = nil else job.status = "cancelled" end
    return copy
  end

  function core.job_list(kind, max)
    if world.journal_fault then return nil, world.journal_fault end
    local found <const> = {}
    for _, job in ipairs(world.job_list) do
      if job.kind == kind and #found < max then found[#found + 1] = copy_of(job) end
    end
    return found
  end
end

-- The module gateway.core for `world`, which it fills with the records above. Inside the binary one
-- world is loaded at a time: the real core forgets what the one before declared.
function core_of.new(world)
  if is_inside then forget() end
  local core <const> = {
    version = is_inside and real.version or "1.2.3",
    development = world.development or is_inside and world.real_env and real.development or false,
  }
  world.scheduler = Scheduler.new()
  world.files = world.files or {}
  world.calls, world.logs, world.routes, world.declared = {}, {}, {}, {}
  world.breakers, world.jobs, world.job_list, world.ids = {}, {}, {}, 0
  world.backend_state, world.states = "closed", {} -- of all backends, and by name
  local current <const>, waiting <const>, raise_if_cancelled <const> = flow_functions(core, world)
  calls.add(core, world, waiting, raise_if_cancelled)
  declare_functions(core, world)
  other_functions(core, world, current)
  job_functions(core, world, waiting)
  sagas.add(core, world)
  keys.add(core, world, current)
  stores.add(core, world)
  metrics.add(core, world, is_inside and real)
  return core
end

return core_of
