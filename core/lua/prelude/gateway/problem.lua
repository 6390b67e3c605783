-- What the client is told when a script raised: application/problem+json (RFC 9457). This is where
-- an error is handled, so this is where it is logged, once.
local core <const> = require "gateway.core"
local bug <const> = require "gateway.bug"
local failure <const> = require "gateway.failure"
local log <const> = require "gateway.log"
local text <const> = require "gateway.text"

local problem <const> = {}

-- The members come first, so that they can say more but not something else.
local function body_of(status, detail, members)
  local body <const> = { type = "about:blank", title = core.status_text(status) }
  for name, value in next, members do
    body[name] = value
  end
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

local NO_MEMBERS <const> = {}

local function of_failure(failed)
  local status <const> = failed:response_status()
  if failed.kind ~= "problem" and status >= 500 then
    local level <const> = failed.kind == "cancelled" and "debug" or "warn"
    log.write(level, tostring(failed), { kind = failed.kind, backend = failed.backend })
  end
  return status, body_of(status, failed:reason(), failed.members or NO_MEMBERS), headers_of(failed)
end

local function of_bug(found)
  log.write("error", found.message, { traceback = found.traceback }, bug.place(found))
  local members <const> = core.development
      and { error = found.message, traceback = found.traceback }
    or NO_MEMBERS
  return 500, body_of(500, "internal error", members), headers_of(found)
end

-- The status, body and headers that answer what was raised.
function problem.answer(raised)
  if failure.is(raised) then return of_failure(raised) end
  return of_bug(bug.of(raised))
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
