-- Background jobs: flows that belong to no request, and outlive the process. Arguments and result
-- travel as JSON, since it may be another worker, or another process, that runs a job than the one
-- that was asked for it.
local core <const> = require "gateway.core"
local json <const> = require "gateway.json"
local bug <const> = require "gateway.bug"
local failure <const> = require "gateway.failure"
local log <const> = require "gateway.log"
local options <const> = require "gateway.options"
local text <const> = require "gateway.text"

local job <const> = {}

local Job <const> = { __name = "gateway.job", __metatable = false }
local methods <const> = {}
Job.__index = methods

local runners <const> = {} -- kind -> function

-- How far it is, from 0 to 100.
function methods:progress(percent)
  if type(percent) ~= "number" or not (percent >= 0 and percent <= 100) then
    error("job:progress wants a number from 0 to 100", 2)
  end
  core.job_progress(self.id, math.floor(percent))
end

local function run(kind, args, id)
  local result <const> = runners[kind](json.decode(args), setmetatable({ id = id }, Job))
  core.job_done(id, result == nil and json.null or result)
end

-- Whether another attempt may succeed: what is wrong is neither the job nor what it was asked for.
-- One that has had its whole time would have it again for nothing.
local function is_for_now(raised)
  return raised.kind ~= "deadline" and raised:response_status() >= 500
end

local function judge(raised)
  return text.printable(raised:reason()), is_for_now(raised)
end

-- A failure that a script has changed so that it cannot be told is a bug.
local function report_outcome(id, raised)
  local ok <const>, reason <const>, for_now <const> = pcall(judge, raised)
  if ok then return core.job_failed(id, reason, for_now) end
  core.job_failed(id, "internal error", false)
end

local function report_failure(kind, id, raised)
  if failure.is(raised) and not core.stopped() then
    log.write("warn", "a job failed", { job = kind, job_id = id, error = text.of(raised) })
    return report_outcome(id, raised)
  end
  local found <const> = bug.of(raised)
  local fields <const> = bug.fields(found)
  fields.job, fields.job_id = kind, id
  log.write("error", "a job failed: " .. found.message, fields, bug.place(found))
  core.job_failed(id, core.development and found.message or found.kind or "internal error", false)
end

-- The core's entry: runs the job `id` in a coroutine of its own. Never raises.
function job.run(kind, args, id)
  if not runners[kind] then -- it was queued by other scripts
    core.job_failed(id, ("the scripts have no job '%s' any more"):format(kind), false)
    return
  end
  local ok <const>, raised <const> = xpcall(run, bug.explain, kind, args, id)
  if not ok or core.stopped() then report_failure(kind, id, raised) end
end

function job.define(kind, fn)
  if not core.loading() then error("gateway.job can only be called while the scripts load", 2) end
  if type(kind) ~= "string" or kind == "" then error("a job wants the name of its kind", 2) end
  if type(fn) ~= "function" then error(("job '%s' wants a function"):format(kind), 2) end
  if runners[kind] then error(("job '%s' is declared twice"):format(kind), 2) end
  runners[kind] = fn
  core.job(kind)
end

local function unavailable(detail, fault)
  if fault then detail = ("%s: %s"):format(detail, fault) end
  error(failure.new { kind = "problem", status = 503, detail = detail })
end

-- Returns the new job's id, once it is durable; or raises a 503.
function job.enqueue(kind, args)
  if not runners[kind] then error(("there is no job '%s'"):format(tostring(kind)), 2) end
  local new <const>, fault <const> = core.enqueue(kind, json.encode(args == nil and {} or args))
  if new == false then unavailable "too many jobs are waiting" end
  if not new then unavailable("the job cannot be kept", fault) end
  return new.id
end

-- Raises where the caller's caller stands.
local function check_options(name, given, known)
  local reason <const> = options.refuse(given, known)
  if reason then error(("%s: %s"):format(name, reason), 3) end
end

local STATUS_OPTIONS <const> = { result = options.boolean }

-- nil for a job that never was, or that ended too long ago.
function job.status(id, wanted)
  if type(id) ~= "string" then error("gateway.job_status wants an id", 2) end
  check_options("gateway.job_status", wanted, STATUS_OPTIONS)
  local found <const>, fault <const> = core.job_get(id, wanted and wanted.result)
  if fault then unavailable("what became of the job cannot be read", fault) end
  return found
end

-- Cancels a job that is not over, or forgets one that is; returns it as it was, or nil.
function job.cancel(id)
  if type(id) ~= "string" then error("gateway.job_cancel wants an id", 2) end
  local found <const>, fault <const> = core.job_remove(id)
  if fault then unavailable("the job cannot be cancelled", fault) end
  return found
end

local LIST_OPTIONS <const> = { limit = options.count }
local DEFAULT_LIMIT <const>, MAX_LIMIT <const> = 100, 1000

-- Those of a kind, the newest first.
function job.list(kind, wanted)
  if not runners[kind] then error(("there is no job '%s'"):format(tostring(kind)), 2) end
  check_options("gateway.jobs", wanted, LIST_OPTIONS)
  local limit <const> = math.min(wanted and wanted.limit or DEFAULT_LIMIT, MAX_LIMIT)
  local found <const>, fault <const> = core.job_list(kind, limit)
  if not found then unavailable("the jobs cannot be read", fault) end
  return found
end

return job
