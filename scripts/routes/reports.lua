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

local function find(id)
  local job <const> = gateway.job_status(id)
  if not job or job.kind ~= "report" then
    gateway.fail(404, ("there is no report '%s'"):format(id))
  end
  return job
end

gateway.route("POST /api/v1/reports/generate", { idempotency = true }, function(req)
  local id <const> = gateway.enqueue("report", read_wish(req))
  return 202, { jobId = id, status = "queued" }, { location = "/api/v1/reports/status/" .. id }
end)

gateway.route("GET /api/v1/reports/status/:jobId", function(req)
  local job <const> = find(req.params.jobId)
  return 200, {
    jobId = job.id,
    status = job.status,
    progress = job.progress,
    error = job.error,
  }
end)

gateway.route("GET /api/v1/reports/:jobId", function(req)
  local job <const> = find(req.params.jobId)
  if job.status == "failed" then
    gateway.fail(502, "the report could not be made: " .. job.error)
  elseif job.status ~= "done" then
    gateway.fail(409, "the report is not ready yet", { progress = job.progress })
  end

  local media_type <const> = accept.choose(req.headers.accept, { JSON, CSV })
  if not media_type then gateway.fail(406, "a report is application/json or text/csv") end
  local headers <const> = { ["content-type"] = media_type, vary = "Accept" }
  if media_type == JSON then return 200, job.result_json, headers end

  local report <const> = job.result
  headers["content-type"] = "text/csv; charset=utf-8"
  headers["content-disposition"] = ('attachment; filename="%s.csv"'):format(report.reportType)
  return 200, csv.encode(reports.columns(report.reportType), report.rows), headers
end)
