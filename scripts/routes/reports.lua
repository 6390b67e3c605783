-- Reports take longer than a client should wait: they run as jobs, and are fetched when they are
-- done.
local gateway <const> = require "gateway"
local accept <const> = require "lib.accept"
local csv <const> = require "lib.csv"
local reports <const> = require "lib.reports"
local validate <const> = require "lib.validate"

local JSON <const>, CSV <const> = "application/json", "text/csv"

gateway.job("report", function(args, job)
  local rows <const> = reports.run(args.reportType, args, function(percent)
    job:progress(percent)
  end)
  return {
    reportType = args.reportType,
    startDate = args.startDate,
    endDate = args.endDate,
    generatedAt = os.date "!%Y-%m-%dT%H:%M:%SZ",
    rows = rows,
  }
end)

local function read_wish(req)
  local body <const> = validate.body(req)
  local wanted <const> = {
    reportType = body:one_of("reportType", reports.names),
    startDate = body:date("startDate"),
    endDate = body:date("endDate"),
    threshold = body:integer("threshold", { min = 0, default = 10 }),
  }
  if wanted.startDate and wanted.endDate and wanted.startDate > wanted.endDate then
    body:refuse("endDate", "must not be before startDate")
  end
  body:finish()
  return wanted
end

local function find(id, options)
  local job <const> = gateway.job_status(id, options)
  if not job or job.kind ~= "report" then
    gateway.fail(404, ("there is no report '%s'"):format(id))
  end
  return job
end

local function describe(job)
  return {
    jobId = job.id,
    status = job.status,
    progress = job.progress,
    attempts = job.attempts,
    error = job.error,
  }
end

gateway.route("POST /api/v1/reports/generate", { idempotency = true }, function(req)
  local id <const> = gateway.enqueue("report", read_wish(req))
  return 202, { jobId = id, status = "queued" }, { location = "/api/v1/reports/status/" .. id }
end)

gateway.route("GET /api/v1/reports", function(req)
  local query <const> = validate.query(req)
  local limit <const> = query:integer("limit", { min = 1, max = 1000, default = 100 })
  query:finish()
  local found <const> = gateway.json.array()
  for i, job in ipairs(gateway.jobs("report", { limit = limit })) do
    found[i] = describe(job)
    found[i].createdAt = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(job.created_at))
  end
  return 200, { reports = found }
end)

gateway.route("GET /api/v1/reports/status/:jobId", function(req)
  return 200, describe(find(req.params.jobId))
end)

-- One that is made is cancelled; one that is finished is deleted.
gateway.route("DELETE /api/v1/reports/:jobId", function(req)
  local id <const> = find(req.params.jobId).id
  gateway.job_cancel(id)
  return 204
end)

local function refuse_unfinished(job)
  if job.status == "failed" then
    gateway.fail(502, "the report could not be made: " .. job.error)
  elseif job.status == "cancelled" then
    gateway.fail(410, "the report was cancelled")
  elseif job.status ~= "done" then
    gateway.fail(409, "the report is not ready yet", { progress = job.progress })
  end
end

-- The result passes from the journal to the client without being in Lua: as it is, or row by row.
gateway.route("GET /api/v1/reports/:jobId", function(req)
  local job <const> = find(req.params.jobId, { result = true })
  refuse_unfinished(job)
  local media_type <const> = accept.choose(req.headers.accept, { JSON, CSV })
  if not media_type then gateway.fail(406, "a report is application/json or text/csv") end
  local headers <const> = { ["content-type"] = media_type, vary = "Accept" }
  if media_type == JSON then return 200, job.result, headers end

  local result <close> = job.result
  local name <const> = result:get "reportType"
  headers["content-type"] = "text/csv; charset=utf-8"
  headers["content-disposition"] = ('attachment; filename="%s.csv"'):format(name)
  return 200, csv.write(gateway.buffer(), reports.columns(name), result:each "rows"), headers
end)
