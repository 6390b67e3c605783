-- Sagas: a series of steps, each beside the request that undoes it. A saga that is left without
-- commit() - by an error, a cancelled request or a plain return - undoes what was done, newest
-- first.
--
--     local saga <close> = gateway.saga("order", order_id)
--     saga:step(reserve, release)
--     saga:commit()
--
-- An undo is a plain request: all that is needed to send it is in its fields.
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

-- Seconds before the second and the third try of an undo.
local PAUSES <const> = { 0.1, 0.5 }

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

local function is_done(result)
  return not failure.is(result) or (result.kind == "status" and result.status == 404)
end

-- Returns nil once it is undone, else the last failure.
local function try_undo(undo)
  for attempt = 1, #PAUSES + 1 do
    local result <const> = flow.try(undo)
    if is_done(result) then return nil end
    local pause <const> = PAUSES[attempt]
    if not pause then return result end
    core.sleep(pause)
  end
end

-- How an undo is named in the answer to the client.
local function describe(undo, reason)
  local body <const> = undo.options and undo.options.json
  return {
    backend = undo.backend,
    method = undo.method,
    path = undo.path,
    body = body,
    reason = reason,
  }
end

local function copy(given)
  local copied <const> = {}
  for name, value in next, given do
    copied[name] = value
  end
  return copied
end

-- The undo as it is now: the script may change the tables it was made of before it is needed. An
-- undo that cannot be sent is found here, before its step is.
local function snapshot(undo)
  local given <const> = undo.options
  if not given then return undo end
  local options <const> = copy(given)
  if given.json ~= nil then options.json = json.decode(json.encode(given.json)) end
  if given.headers then options.headers = copy(given.headers) end
  return setmetatable({
    handle = undo.handle,
    backend = undo.backend,
    method = undo.method,
    path = undo.path,
    options = options,
  }, backend.Request)
end

local function note(list, entry)
  local context <const> = core.context()
  context[list] = context[list] or {}
  table.insert(context[list], entry)
end

local function undo_one(self, undo)
  local failed <const> = try_undo(undo)
  if not failed then
    note("undone", describe(undo))
    return
  end
  note("undo_failed", describe(undo, failed:reason()))
  log.write("error", "an undo failed", {
    saga = self.kind,
    saga_id = self.id,
    undo = tostring(undo),
    error = tostring(failed),
  })
end

-- One that cannot even be tried does not stop the others. Returns the first error. Each is
-- shielded, because the request may be over: its client gone, its deadline passed, its budget
-- spent.
local function undo_all(self)
  local first
  for i = #self.undos, 1, -1 do
    core.shield(true)
    local ok <const>, raised <const> = pcall(undo_one, self, self.undos[i])
    core.shield(false)
    if not ok then
      first = first or raised
      log.write("error", "an undo failed", { saga = self.kind, error = text.of(raised) })
    end
  end
  return first
end

local function roll_back(self, reason)
  self.state = "undone"
  if #self.undos == 0 then return end
  log.write("warn", "a saga is undone", {
    saga = self.kind,
    saga_id = self.id,
    steps = #self.undos,
    reason = reason and text.of(reason),
  })
  local raised <const> = undo_all(self)
  if raised then error(raised, 0) end
end

function Saga.__close(self, raised)
  if self.state == "open" then roll_back(self, raised or "it was not committed") end
end

local function refuse_use(self)
  if getmetatable(self) ~= Saga then return "call it with a colon: saga:step(...)" end
  if self.state ~= "open" then
    return ("the saga %s %s is %s already"):format(self.kind, self.id, self.state)
  end
end

local function remove(list, item)
  for i = #list, 1, -1 do
    if list[i] == item then return table.remove(list, i) end
  end
end

-- Sends `act` and returns its response. The undo is noted before: if the step's outcome stays
-- unknown, it is undone.
function methods:step(act, undo)
  local refused <const> = refuse_use(self)
  if refused then error(refused, 2) end
  if getmetatable(act) ~= backend.Request then error("saga:step wants a request", 2) end
  if undo ~= nil and getmetatable(undo) ~= backend.Request then
    error("saga:step wants a request as the undo", 2)
  end
  if undo then
    local ok <const>, taken <const> = pcall(snapshot, undo)
    if not ok then error("saga:step: the undo cannot be sent: " .. tostring(taken), 2) end
    undo = taken
  end
  table.insert(self.undos, undo)
  local result <const> = flow.try(act)
  if undo and failure.is(result) and had_no_effect(result) then remove(self.undos, undo) end
  return flow.settle(act, result)
end

-- What was done stays.
function methods:commit()
  local refused <const> = refuse_use(self)
  if refused then error(refused, 2) end
  self.state = "committed"
end

-- Undoes now, and says why in the log.
function methods:undo(reason)
  local refused <const> = refuse_use(self)
  if refused then error(refused, 2) end
  roll_back(self, reason)
end

function saga.open(kind, id)
  if type(kind) ~= "string" or type(id) ~= "string" then
    error("gateway.saga wants a kind and an id, both strings", 2)
  end
  return setmetatable({ kind = kind, id = id, state = "open", undos = {} }, Saga)
end

return saga
