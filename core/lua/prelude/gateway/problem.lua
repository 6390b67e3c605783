-- What the client is told when a script raised: application/problem+json (RFC 9457). This is where
-- an error is handled, so this is where it is logged, once. In development he is told everything,
-- and if he is a browser, as a page.
local core <const> = require "gateway.core"
local bug <const> = require "gateway.bug"
local failure <const> = require "gateway.failure"
local log <const> = require "gateway.log"
local text <const> = require "gateway.text"

local accepts, page, report
if core.development then
  accepts, page = require "gateway.accepts", require "gateway.page"
  report = require "gateway.report"
end

local problem <const> = {}

local function add(body, members)
  for name, value in next, members do
    body[name] = value
  end
end

-- The members come first, so that they can say more but not something else.
local function body_of(status, detail, members, told)
  local body <const> = { type = "about:blank", title = core.status_text(status) }
  if told then add(body, report.members(told)) end
  add(body, members)
  local context <const> = core.context()
  body.undone, body.undo_failed = context.undone, context.undo_failed
  body.status, body.detail = status, text.printable(detail)
  body.correlation_id = core.correlation_id()
  return body
end

local function headers_of(failed)
  local headers <const> = { ["content-type"] = "application/problem+json" }
  if failed.retry_after then headers["retry-after"] = failed:retry_seconds() end
  return headers
end

-- What the development mode tells of it, if it does: a problem that the script has made itself is
-- an answer like any other.
local function report_of(raised, status, req)
  if not report or not req or raised.kind == "problem" then return nil end
  return report.of(raised, status, req)
end

local NO_MEMBERS <const> = {}

local function answer(raised, status, detail, members, req)
  local told <const>, headers <const> = report_of(raised, status, req), headers_of(raised)
  local asked <const> = rawget(req, "headers") -- which the handler may have changed
  if told and type(asked) == "table" and accepts.html(rawget(asked, "accept")) then
    add(headers, page.HEADERS)
    return status, page.of(told), headers
  end
  return status, body_of(status, detail, members, told), headers
end

local function of_failure(failed, req)
  local status <const> = failed:response_status()
  if failed.kind ~= "problem" and status >= 500 then
    local level <const> = failed.kind == "cancelled" and "debug" or "warn"
    log.write(level, tostring(failed), { kind = failed.kind, backend = failed.backend }, nil,
      failure.same(failed))
  end
  return answer(failed, status, failed:reason(), failed.members or NO_MEMBERS, req)
end

local function of_bug(found, req)
  core.count_bug()
  log.write("error", found.message, bug.fields(found), bug.place(found), bug.same(found))
  return answer(found, 500, "internal error", NO_MEMBERS, req)
end

-- The status, body and headers that answer what was raised. Without the request the answer is the
-- same in development as in production.
function problem.answer(raised, req)
  if failure.is(raised) and not core.stopped() then return of_failure(raised, req) end
  return of_bug(bug.of(raised), req)
end

-- gateway.fail
function problem.raise(status, detail, members)
  if math.type(status) ~= "integer" or status < 400 or status > 599 then
    error("gateway.fail wants a status from 400 to 599", 2)
  end
  if detail ~= nil and type(detail) ~= "string" then
    error("gateway.fail wants a string as the detail", 2)
  end
  if members ~= nil and type(members) ~= "table" then
    error("gateway.fail wants a table as the members", 2)
  end
  error(failure.new {
    kind = "problem",
    status = status,
    detail = detail or core.status_text(status),
    members = members,
  })
end

return problem
