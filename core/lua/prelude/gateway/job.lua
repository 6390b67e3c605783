-- Background jobs: flows that belong to no request. Arguments and result travel as JSON, since the
-- worker that runs a job is not the one that is asked about it.
local core <const> = require "gateway.core"
local json <const> = require "gateway.json"
local bug <const> = require "gateway.bug"
local failure <const> = require "gateway.failure"
local log <const> = require "gateway.log"

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
  return json.encode(result == nil and json.null or result)
end

local function report_failure(kind, id, raised)
  if failure.is(raised) and not core.stopped() then
    log.write("warn", "a job failed", { job = kind, job_id = id, error = tostring(raised) })
    return raised:reason()
  end
  local found <const> = bug.of(raised)
  local fields <const> = bug.fields(found)
  fields.job, fields.job_id = kind, id
  log.write("error", "a job failed: " .. found.message, fields, bug.place(found))
  return core.development and found.message or found.kind or "internal error"
end

-- The core's entry: runs the job `id` in a coroutine of its own. Never raises.
function job.run(kind, args, id)
  local ok, result = xpcall(run, bug.explain, kind, args, id)
  ok = ok and not core.stopped()
  core.job_finish(id, ok, ok and result or report_failure(kind, id, result))
end

function job.define(kind, fn)
  if not core.loading() then error("gateway.job can only be called while the scripts load", 2) end
  if type(kind) ~= "string" or kind == "" then error("a job wants the name of its kind", 2) end
  if type(fn) ~= "function" then error(("job '%s' wants a function"):format(kind), 2) end
  if runners[kind] then error(("job '%s' is declared twice"):format(kind), 2) end
  runners[kind] = fn
  core.job(kind)
end

-- Returns the new job's id, or raises a 503 if there are too many.
function job.enqueue(kind, args)
  if not runners[kind] then error(("there is no job '%s'"):format(tostring(kind)), 2) end
  local id <const>, reason <const> = core.enqueue(kind, json.encode(args == nil and {} or args))
  if not id then error(failure.new { kind = "problem", status = 503, detail = reason }) end
  return id
end

-- The result is decoded when it is first read; a large one can be passed on as `result_json`.
local Status <const> = {
  __name = "gateway.job_status",
  __metatable = false,
  __index = function(self, name)
    if name ~= "result" or not self.result_json then return nil end
    self.result = json.decode(self.result_json)
    return self.result
  end,
}

-- nil for a job that never was, or that ended too long ago.
function job.status(id)
  if type(id) ~= "string" then error("gateway.job_status wants an id", 2) end
  local found <const> = core.job_get(id)
  if not found then return nil end
  found.result_json, found.result = found.result, nil
  return setmetatable(found, Status)
end

return job
