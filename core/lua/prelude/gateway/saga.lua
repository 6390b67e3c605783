-- Sagas: a series of steps, each beside the request that undoes it. A saga that is left without
-- commit() - by an error, a cancelled request, a plain return or the end of the process - is
-- undone, newest first.
--
--     local saga <close> = gateway.saga("order", order_id)
--     saga:step(reserve, release)
--     saga:commit()
--
-- What there is to undo is in the journal before a step is sent, as plain data; the core undoes it
-- (engine/saga.h), not the script.
local core <const> = require "gateway.core"
local backend <const> = require "gateway.backend"
local failure <const> = require "gateway.failure"
local json <const> = require "gateway.json"
local flow <const> = require "gateway.flow"
local log <const> = require "gateway.log"
local text <const> = require "gateway.text"

local getmetatable <const> = debug.getmetatable -- past what scripts are shown

local saga <const> = {}

local Saga <const> = { __name = "gateway.saga", __metatable = false }
local methods <const> = {}
Saga.__index = methods

-- With these nothing has reached the backend's application.
local NEVER_SENT <const> = { connect = true, dns = true, tls = true, open = true, refused = true }

local function is_refusal(failed)
  return failed.kind == "status" and failed.status >= 400 and failed.status < 500
end

-- Whether it is certain that the step had no effect. Of several attempts the failure is the last
-- one's only, so an earlier one may have had.
local function had_no_effect(failed)
  if (failed.attempts or 1) > 1 then return false end
  return NEVER_SENT[failed.kind] or is_refusal(failed)
end

local function problem_of(status, detail, fault)
  if fault then detail = detail .. ": " .. fault end
  return failure.new { kind = "problem", status = status, detail = detail }
end

local function reason_of_failure(failed)
  return failed.kind ~= "problem" and not failed.backend and failed.message or failed:reason()
end

-- What a saga's record says to clients: of a bug no more than they are told anyway, and a failure
-- that a script has changed so that it cannot be told is one.
local function reason_for(raised)
  local ok <const>, reason <const> = pcall(reason_of_failure, raised)
  if failure.is(raised) and ok and type(reason) == "string" then return text.printable(reason) end
  return "internal error"
end

-- --- what was undone, for the answer to the client ---

-- The core's words are those of tostring(failure): "status 500", "connect (Connection refused)".
local function reason_of(undo, said)
  local kind <const>, status <const> = said:match "^([%l_]+) ?(%d*)"
  return failure.new {
    kind = kind,
    status = math.tointeger(tonumber(status)),
    backend = undo.backend,
  }:reason()
end

-- A body that is no JSON stands for itself.
local function body_of(undo)
  if not undo.body then return nil end
  local body <const> = json.decode(undo.body)
  if body == nil then return undo.body end
  return body
end

local function describe(step)
  local undo <const> = step.undo
  return {
    backend = undo.backend,
    method = undo.method,
    path = undo.path,
    body = body_of(undo),
    reason = step.undo_error and reason_of(undo, step.undo_error),
  }
end

-- The undos that are done, and those that have failed so far; newest first, or nil.
local function undos_of(steps)
  local undone, failed
  for i = #steps, 1, -1 do
    local step <const> = steps[i]
    if step.undo_state == "done" then
      undone = undone or {}
      undone[#undone + 1] = describe(step)
    elseif step.undo_state == "pending" then
      failed = failed or {}
      failed[#failed + 1] = describe(step)
    end
  end
  return undone, failed
end

local function note(list, entries)
  if not entries then return end
  local context <const> = core.context()
  local noted <const> = context[list] or {}
  context[list] = table.move(entries, 1, #entries, #noted + 1, noted)
end

-- --- a saga ---

local function undo_and_note(self, reason)
  local steps <const> = core.saga_undo(self.handle, reason)
  local undone <const>, failed <const> = undos_of(steps or {})
  note("undone", undone)
  note("undo_failed", failed)
end

local function log_undo(self, why)
  if self.to_undo == 0 then return end
  log.write("warn", "a saga is undone", {
    saga = self.kind,
    saga_id = self.id,
    steps = self.to_undo,
    reason = why,
  })
end

-- `reason` is for clients, `why` for the log. Shielded, because the request may be over already:
-- its client gone, its deadline passed, its budget spent. If this fails, it is undone all the same
-- when the flow ends, only the answer does not say so.
local function roll_back(self, reason, why)
  self.state = "undone"
  core.shield(true)
  local ok <const>, raised <const> = pcall(function()
    log_undo(self, why)
    undo_and_note(self, reason)
  end)
  core.shield(false)
  if not ok then error(raised, 0) end
end

local UNCOMMITTED <const> = "it was not committed"

function Saga.__close(self, raised)
  if self.state ~= "open" then return end
  if raised == nil then return roll_back(self, UNCOMMITTED, UNCOMMITTED) end
  roll_back(self, reason_for(raised), text.of(raised))
end

local function refuse_use(self)
  if getmetatable(self) ~= Saga then return "call it with a colon: saga:step(...)" end
  if self.state ~= "open" then
    return ("the saga %s %s is %s already"):format(self.kind, self.id, self.state)
  end
end

local function refuse_step(act, undo)
  if getmetatable(act) ~= backend.Request then return "saga:step wants a request" end
  if undo ~= nil and getmetatable(undo) ~= backend.Request then
    return "saga:step wants a request as the undo"
  end
end

-- Raises, unless the journal has it.
local function require_written(self, answer, fault)
  if answer == "written" then return end
  if answer == "not written" then
    error(problem_of(503, "the journal cannot be written", fault), 0)
  elseif answer == "taken" then
    self.state = "another one's"
    error(problem_of(409, ("%s %s is under way or done already"):format(self.kind, self.id)), 0)
  elseif answer == "in doubt" then
    self.state = "in doubt"
    error(problem_of(503, ("the journal cannot be written, and whether %s %s is done will only be"
      .. " known when it can be again"):format(self.kind, self.id), fault), 0)
  end
  error(problem_of(503, ("%s %s is being undone"):format(self.kind, self.id)), 0)
end

-- Sends `act` and returns its response. The undo is durable before: if the step's outcome stays
-- unknown, it is undone.
function methods:step(act, undo)
  local refused <const> = refuse_use(self) or refuse_step(act, undo)
  if refused then error(refused, 2) end
  local ok <const>, n <const> = pcall(core.saga_add, self.handle, act, undo)
  if not ok then error("saga:step: the undo cannot be sent: " .. tostring(n), 2) end
  if undo then
    require_written(self, core.saga_write(self.handle, n))
    self.to_undo = self.to_undo + 1
  end
  self.under_way = self.under_way + 1
  local result <const> = flow.try(act)
  self.under_way = self.under_way - 1
  local failed <const> = failure.is(result)
  if not failed then
    core.saga_outcome(self.handle, n, true)
  elseif had_no_effect(result) then
    core.saga_outcome(self.handle, n, false)
    if undo then self.to_undo = self.to_undo - 1 end
  end
  return flow.settle(act, result)
end

-- What was done stays, and `result` with it. Returns when that is durable.
function methods:commit(result)
  local refused <const> = refuse_use(self)
    or self.under_way > 0 and "saga:commit: a step of it is still under way"
  if refused then error(refused, 2) end
  local kept
  if result ~= nil then
    local ok <const>, encoded <const> = pcall(json.encode, result)
    if not ok then error("saga:commit: " .. tostring(encoded), 2) end
    kept = encoded
  end
  require_written(self, core.saga_commit(self.handle, kept))
  self.state = "committed"
end

-- Undoes now, and says why in the log.
function methods:undo(reason)
  local refused <const> = refuse_use(self)
  if refused then error(refused, 2) end
  local why <const> = reason ~= nil and text.of(reason) or nil
  roll_back(self, why and text.printable(why) or "the script undid it", why)
end

local function refuse_names(kind, id, what)
  if type(kind) ~= "string" or type(id) ~= "string" or kind == "" or id == "" then
    return ("%s wants a kind and an id, both strings"):format(what)
  end
end

function saga.open(kind, id)
  local refused <const> = refuse_names(kind, id, "gateway.saga")
  if refused then error(refused, 2) end
  return setmetatable({
    kind = kind,
    id = id,
    state = "open",
    handle = core.saga_open(kind, id),
    to_undo = 0,
    under_way = 0,
  }, Saga)
end

-- What became of a saga; nil if there is none of this name, or it was too long ago.
function saga.status(kind, id)
  local refused <const> = refuse_names(kind, id, "gateway.saga_status")
  if refused then error(refused, 2) end
  local found <const>, unknown <const>, fault <const> = core.saga_status(kind, id)
  if not found then
    if unknown then error(problem_of(503, "the journal cannot be read", fault)) end
    return nil
  end
  local undone <const>, failed <const> = undos_of(found.steps)
  return {
    kind = found.kind,
    id = found.id,
    state = found.state,
    reason = found.reason,
    result = found.result,
    undone = undone,
    undo_failed = failed,
    created_at = found.created_at,
    changed_at = found.changed_at,
  }
end

return saga
