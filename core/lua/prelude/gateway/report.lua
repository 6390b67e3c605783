-- What there is to say of a request that failed, to whoever writes the scripts: in development
-- only, so in production this module is not even loaded.
local core <const> = require "gateway.core"
local bug <const> = require "gateway.bug"
local excerpt <const> = require "gateway.excerpt"
local failure <const> = require "gateway.failure"
local redact <const> = require "gateway.redact"

local report <const> = {}

-- Where it happened: where the message says so, else where it was raised. It may be no script's.
local function place_of(message, frames)
  local path, line = excerpt.place(message)
  if not (path and line and core.source_lines(path, line, line)) then
    local frame <const> = frames[1]
    if not frame then return nil end
    path, line = frame.path, frame.line
  end
  return { path = path, line = line }
end

local function request_of(req)
  return {
    method = redact.text(req.method),
    path = redact.text(req.path),
    route = redact.text(req.route),
    client = redact.text(req.client),
    params = redact.pairs(req.params),
    query = redact.pairs(req.query),
    headers = redact.pairs(req.headers),
    body = redact.body(req.body),
  }
end

local function calls_of()
  local calls <const>, elapsed_ms <const>, n <const> = core.calls()
  for _, call in ipairs(calls) do
    call.method, call.path = redact.text(call.target):match "^(%S+) (.*)$"
    call.target = nil
  end
  return calls, elapsed_ms, n > #calls and n - #calls or nil
end

-- The message without the place it begins with, where that is shown beside it.
local function without(place, message)
  local prefix <const> = place and ("%s:%d: "):format(place.path, place.line)
  if prefix and message:sub(1, #prefix) == prefix then return message:sub(#prefix + 1) end
  return message
end

-- Of a bug or a failure that is answered with `status`.
function report.of(raised, status, req)
  local is_failure <const> = failure.is(raised)
  local message <const> = redact.hide(is_failure and tostring(raised) or raised.message)
  local frames <const> = bug.frames(raised)
  local place <const> = place_of(message, frames)
  local calls <const>, elapsed_ms <const>, not_shown <const> = calls_of()
  local context <const> = core.context()
  return {
    status = status,
    title = core.status_text(status),
    is_bug = not is_failure,
    kind = raised.kind or "bug",
    backend = is_failure and raised.backend or nil,
    message = message,
    headline = without(place, message),
    place = place,
    excerpt = place and excerpt.around(place.path, place.line),
    frames = frames,
    request = request_of(req),
    calls = calls,
    calls_not_shown = not_shown,
    elapsed_ms = elapsed_ms,
    undone = context.undone,
    undo_failed = context.undo_failed,
    correlation_id = core.correlation_id(),
    version = core.version,
  }
end

-- --- the same as members of the problem, for clients that have no HTML ---

local function or_nil(list)
  return list and #list > 0 and list or nil
end

local function by_name(list)
  local members <const> = {}
  for _, pair in ipairs(list) do
    members[pair.name] = pair.value
  end
  return next(members) and members or nil
end

local function traceback_of(frames)
  local lines <const> = { "stack traceback:" }
  for i, frame in ipairs(frames) do
    lines[i + 1] = ("\t%s:%d: in %s"):format(frame.path, frame.line, frame.name)
  end
  return #frames > 0 and table.concat(lines, "\n") or nil
end

function report.members(told)
  local request <const> = told.request
  return {
    kind = told.kind,
    backend = told.backend,
    error = told.message,
    place = told.place and ("%s:%d"):format(told.place.path, told.place.line),
    excerpt = told.excerpt and excerpt.lines(told.excerpt),
    traceback = told.is_bug and traceback_of(told.frames) or nil,
    calls = or_nil(told.calls),
    calls_not_shown = told.calls_not_shown,
    request = {
      method = request.method,
      path = request.path,
      route = request.route,
      params = by_name(request.params),
      query = by_name(request.query),
      headers = by_name(request.headers),
      body = request.body,
    },
  }
end

return report
