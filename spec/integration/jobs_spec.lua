local files <const> = require "support.files"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"


-- Reports that outlive the process. Two workers: any of them may run what the other was asked for.
describe("jobs", function()
  local demo

  before_each(function()
    demo = shop.open {
      WORKERS = 2,
      SERVICE_TIMEOUT = 2,
      DATA_DIR = files.folder(),
      JOB_RETRY_SECONDS = 0.05,
    }
  end)
  after_each(process.end_all)

  -- The next process, with the settings of the one before and these.
  local function start(settings)
    for name, value in pairs(settings or {}) do
      demo.settings[name] = value
    end
    demo:start_gateway()
  end

  local function restart(settings)
    demo.gateway.process:kill()
    start(settings)
  end

  local function order(kind)
    local response <const> = demo.gateway:post("/api/v1/reports/generate",
      { reportType = kind or "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" })
    assert.equal(202, response.status)
    return response.json.jobId
  end

  local function status_of(id)
    return demo.gateway:get("/api/v1/reports/status/" .. id).json
  end

  local function await(id, status, fits)
    return poll("a report that is " .. status, function()
      local found <const> = status_of(id)
      return found.status == status and (not fits or fits(found)) and found
    end)
  end

  local function fetch(id, accept)
    return demo.gateway:get("/api/v1/reports/" .. id, accept and "Accept: " .. accept)
  end

  local function delete(id)
    return demo.gateway:request("DELETE", "/api/v1/reports/" .. id).status
  end

  -- Of the reports, newest first.
  local function list()
    return demo.gateway:get("/api/v1/reports").json.reports
  end

  local function count(status)
    local n = 0
    for _, job in ipairs(list()) do
      if job.status == status then n = n + 1 end
    end
    return n
  end

  local function hang()
    demo:break_down("inventory", { latency_ms = 60000 })
  end


  it("that ran when the process died are done by the next one", function()
    hang()
    local id <const> = order()
    await(id, "running")
    demo.gateway.process:kill()
    demo:repair()
    start()
    assert.equal(2, await(id, "done").attempts)
    assert.equal(200, fetch(id).status)
    demo.gateway:await_log "1 jobs were left unfinished: they are queued again"
  end)

  it("that waited when the process died are done by the next one, whatever it was", function()
    demo.gateway:stop()
    start { JOBS_AT_ONCE = 1 }
    hang()
    local first <const> = order()
    await(first, "running")
    local second <const>, third <const> = order(), order "inventory_summary"
    for attempt = 2, 3 do
      restart()
      await(first, "running", function(found) return found.attempts == attempt end)
      assert.equal("queued", status_of(third).status)
    end
    demo.gateway.process:kill()
    demo:repair()
    start()
    await(third, "done")
    assert.equal(1, await(second, "done").attempts)
    assert.equal("failed", await(first, "failed").status)
  end)

  it("keep their result", function()
    local id <const> = order()
    await(id, "done")
    local before <const> = fetch(id)
    restart()
    assert.equal(before.body, fetch(id).body)
    assert.matches("^productId,sku,name,category,stockLevel\r\nTEST%-004,",
      fetch(id, "text/csv").body)
    assert.equal("done", list()[1].status)
  end)

  it("that bring the process down are tried three times", function()
    hang()
    local id <const> = order()
    for attempt = 1, 3 do
      assert.equal(attempt, await(id, "running").attempts)
      restart()
    end
    assert.equal("the gateway ended while it was at it, in the last of 3 attempts",
      await(id, "failed").error)
    restart()
    assert.equal("failed", status_of(id).status)
    assert.equal(502, fetch(id).status)
  end)

  it("are interrupted by a shutdown, which is no attempt", function()
    local function scripts_with(job)
      return files.folder { ["init.lua"] = [[
        local gateway <const> = require "gateway"
        gateway.job("nap", function() ]] .. job .. [[ end)
        gateway.route("POST /jobs", function() return 202, { id = gateway.enqueue "nap" } end)
        gateway.route("GET /jobs/:id", function(req)
          return 200, gateway.job_status(req.params.id)
        end)
      ]] }
    end
    local function await_nap(id, status)
      return poll("a nap that is " .. status, function()
        local job <const> = demo.gateway:get("/jobs/" .. id).json
        return job.status == status and job
      end)
    end
    demo.gateway:stop()
    start { SCRIPTS_DIR = scripts_with "gateway.sleep(600)", SERVICE_TIMEOUT = 0.1 }
    local id <const> = demo.gateway:post("/jobs").json.id
    await_nap(id, "running")
    assert.equal(0, demo.gateway:stop())
    start { SCRIPTS_DIR = scripts_with "" }
    assert.equal(1, await_nap(id, "done").attempts)
  end)

  it("are tried again while a backend fails, and say why", function()
    demo:break_down("inventory", { status = 500 })
    demo.gateway:stop()
    start { JOB_RETRY_SECONDS = 1 }
    local id <const> = order()
    local waiting <const> = await(id, "queued", function(found) return found.error end)
    assert.same({ 1, "inventory answered 500" }, { waiting.attempts, waiting.error })
    demo:repair()
    local done <const> = await(id, "done")
    assert.equal(2, done.attempts)
    assert.is_nil(done.error)
  end)

  it("have failed after three attempts", function()
    demo:break_down("inventory", { status = 500 })
    local failed <const> = await(order(), "failed")
    assert.same({ 3, "inventory answered 500" }, { failed.attempts, failed.error })
  end)

  it("are so many at once, over all workers, and cancelled make room", function()
    demo.gateway:stop()
    start { JOBS_AT_ONCE = 2 }
    hang()
    for _ = 1, 5 do order() end
    poll("two that run", function() return count "running" == 2 end)
    assert.equal(3, count "queued")
    for _, job in ipairs(list()) do
      if job.status == "running" then assert.equal(204, delete(job.jobId)) end
    end
    poll("two others that run", function() return count "running" == 2 end)
    assert.same({ 2, 1 }, { count "cancelled", count "queued" })
  end)

  it("that run end when they are cancelled, and stay so", function()
    hang()
    local id <const> = order()
    await(id, "running")
    assert.equal(204, delete(id))
    assert.equal("cancelled", status_of(id).status)
    assert.equal(410, fetch(id).status)
    restart()
    assert.equal("cancelled", status_of(id).status)
    assert.equal(0, #demo.gateway:log "1 jobs were left unfinished: they are queued again")
    assert.equal(204, delete(id))
    assert.equal(404, fetch(id).status)
  end)

  it("that wait are never begun when they are cancelled", function()
    demo.gateway:stop()
    start { JOBS_AT_ONCE = 1 }
    hang()
    local first <const> = order()
    await(first, "running")
    local second <const> = order()
    assert.equal(204, delete(second))
    assert.same({ "cancelled", 0 }, { status_of(second).status, status_of(second).attempts })
    demo:repair()
    delete(first)
    await(order(), "done")
    assert.equal("cancelled", status_of(second).status)
  end)

  it("that pause after a failure can be cancelled", function()
    demo:break_down("inventory", { status = 500 })
    demo.gateway:stop()
    start { JOB_RETRY_SECONDS = 60 }
    local id <const> = order()
    await(id, "queued", function(found) return found.error end)
    assert.equal(204, delete(id))
    assert.equal("cancelled", status_of(id).status)
  end)

  it("are deleted where they are done", function()
    local id <const> = order()
    await(id, "done")
    assert.equal(204, delete(id))
    assert.equal(404, delete(id))
    restart()
    assert.equal(404, fetch(id).status)
    assert.same({}, list())
  end)

  it("fail where their result is too large", function()
    demo.gateway:stop()
    start { MAX_JOB_RESULT_BYTES = 100 }
    assert.matches("^the result is too large to be kept: %d+ bytes, the limit is 100$",
      await(order(), "failed").error)
  end)

  it("fail where the scripts know their kind no more", function()
    hang()
    local id <const> = order()
    await(id, "running")
    local scripts <const> = files.folder { ["init.lua"] = [[
      local gateway <const> = require "gateway"
      gateway.route("GET /jobs/:id", function(req)
        return 200, gateway.job_status(req.params.id)
      end)
    ]] }
    restart { SCRIPTS_DIR = scripts }
    local found <const> = poll("a job that failed", function()
      local job <const> = demo.gateway:get("/jobs/" .. id).json
      return job.status == "failed" and job
    end)
    assert.equal("the scripts have no job 'report' any more", found.error)
  end)

  it("are refused, with the reason, while the journal is at fault", function()
    demo.gateway:stop()
    start { DATA_DIR = files.folder { ["moongate.db"] = ("not a journal "):rep(1000) } }
    for _, request in ipairs { { "GET", "/api/v1/reports" }, { "GET", "/api/v1/reports/1" },
      { "DELETE", "/api/v1/reports/1" }, { "GET", "/api/v1/reports/status/1" } } do
      local response <const> = demo.gateway:request(request[1], request[2])
      assert.equal(503, response.status, request[2])
      assert.matches("the file is damaged, or no database", response.json.detail)
    end
    local response <const> = demo.gateway:post("/api/v1/reports/generate",
      { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" })
    assert.equal(503, response.status)
    assert.matches("^the job cannot be kept: ", response.json.detail)
    assert.equal(200, demo.gateway:get("/api/v1/products").status)
  end)

  it("are lost without a DATA_DIR, as is said at the start", function()
    demo.gateway:stop()
    demo.settings.DATA_DIR = nil
    start()
    demo.gateway:await_log(
      "DATA_DIR is not set: what sagas have to undo, and jobs, are lost with the process")
    local id <const> = order()
    await(id, "done")
    restart()
    assert.equal(404, fetch(id).status)
  end)
end)
