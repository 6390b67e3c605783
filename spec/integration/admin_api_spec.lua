-- What operators ask of a running gateway beside its scripts and sagas: backends and the hand on
-- their breakers, routes, jobs, the log's level; and who may not.
local cjson <const> = require "cjson"
local front <const> = require "support.front"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local rough_backend <const> = require "support.rough_backend"

local JSON <const> = { "Content-Type: application/json" }

local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local rough <const> = gateway.backend("rough", { %s })

gateway.job("work", function(args, job)
  job:progress(40)
  gateway.sleep(args.seconds)
  return "done"
end)
gateway.job("other", function() error "a bug" end)

gateway.route("GET /call", { deadline = 20, max_body = 1000 }, function()
  return 200, gateway.call(rough:get "/thing").json
end)
gateway.route("POST /jobs/:kind", function(req)
  return 202, { id = gateway.enqueue(req.params.kind, req:json()) }
end)
gateway.route("GET /spin", function() while true do end end)
gateway.route("GET /log", function() gateway.log.debug "a word" return 200, "" end)
gateway.route("GET /health/backends", function() return 200, { rough = rough:state() } end)
]]

describe("the admin listener", function()
  local gateway, backend

  after_each(process.end_all)

  local function start(options, settings)
    backend = rough_backend.start()
    local given <const> = { WORKERS = 2, SERVICE_TIMEOUT = 2 }
    for name, value in pairs(settings or {}) do
      given[name] = value
    end
    local script <const> = SCRIPT:format(front.urls(backend) .. ", " .. (options or ""))
    gateway = gateways.start_with(script, given)
  end

  local function ask(method, path, options)
    return gateway:admin(method, path, options)
  end

  local function steer(act)
    local response <const> = ask("POST", "/admin/backends/rough/" .. act)
    assert.equal(200, response.status)
    return response.json
  end

  local function seen()
    return ask("GET", "/admin/backends/rough").json
  end


  describe("shows backends", function()
    it("as they are at the start", function()
      start()
      local rough <const> = seen()
      assert.same({ rough }, ask("GET", "/admin/backends").json.backends)
      assert.same({ "rough", "closed", "" }, { rough.name, rough.state, rough.reason })
      assert.same({ 0, 0, 0 }, { rough.in_flight, rough.waiting, rough.max_concurrent })
      assert.same({ backend.url, "closed", false, 0 }, { rough.hosts[1].url, rough.hosts[1].state,
        rough.hosts[1].out, rough.hosts[1].in_flight })
      assert.equal(404, ask("GET", "/admin/backends/nobody").status)
    end)

    it("with what is in flight and in line", function()
      start "max_concurrent = 2, max_waiting = 5"
      backend:plan { { delay = 0.5 } }
      local calls <const> = front.begin(gateway, 5, "GET", "/call")
      poll("calls in line", function()
        local rough <const> = seen()
        return rough.in_flight == 2 and rough.waiting == 3 and rough.hosts[1].in_flight == 2
      end)
      front.finish(calls)
      assert.same({ 0, 0, 2 }, { seen().in_flight, seen().waiting, seen().max_concurrent })
    end)

    it("with why their breakers opened, when, and until when", function()
      start "recovery = 60, window = { seconds = 60 }, failure_rate = 1"
      backend:plan { { status = 500 } }
      for _ = 1, 3 do gateway:get "/call" end
      local rough <const> = seen()
      assert.same({ 3, 3, 1 }, { rough.window.calls, rough.window.failures,
        rough.window.failure_rate })
      assert.equal(3, rough.failures_in_a_row)
      for _ = 1, 2 do gateway:get "/call" end
      local open <const> = seen()
      assert.same({ "open", "5 failures in a row" }, { open.state, open.reason })
      assert.equal("Internal Server Error", open.last_error)
      local change <const> = front.changes(gateway)[1]
      assert.equal(change.time:sub(1, 18), open.since:sub(1, 18))
      assert.is_true(open.next_trial_at > open.since)
    end)

    it("with what has been called, how long it took, and what failed", function()
      start "recovery = 60, attempts = 2, retry_min = 100"
      local before <const> = seen()
      assert.same({ 0, 0, 0, 0 }, { before.calls, before.failures, before.retries, before.hedges })
      assert.equal(cjson.null, before.p50_ms)
      for _ = 1, 3 do gateway:get "/call" end
      backend:plan { { status = 503, delay = 0.05 }, {} }
      assert.equal(200, gateway:get("/call").status)
      backend:plan { { status = 500 } }
      gateway:get "/call"
      local after <const> = seen()
      assert.same({ 5, 1, 1 }, { after.calls, after.failures, after.retries })
      assert.is_true(after.p50_ms > 0 and after.p50_ms <= after.p90_ms)
      assert.is_true(after.p90_ms <= after.p99_ms and after.p99_ms >= 50)
    end)

    it("of the live scripts only", function()
      start()
      gateway:save("init.lua", [[require "gateway".backend("other", { url = "http://a" })]])
      poll("the other scripts", function()
        return ask("GET", "/admin/backends").json.backends[1].name == "other"
      end)
      assert.equal(404, ask("GET", "/admin/backends/rough").status)
      assert.equal(404, ask("POST", "/admin/backends/rough/reset").status)
    end)
  end)


  describe("steers breakers:", function()
    it("forced open, nothing reaches the backend, and all workers know", function()
      start()
      gateway:get "/call"
      local before <const> = #backend:received()
      local forced <const> = steer "force-open"
      assert.same({ "forced_open", "forced by operator" }, { forced.state, forced.reason })
      for _ = 1, 8 do assert.equal(503, gateway:get("/call").status) end
      assert.equal(before, #backend:received())
      assert.equal("forced_open", gateway:get("/health/backends").json.rough)
      assert.equal("closed", steer("close").state)
      assert.equal(200, gateway:get("/call").status)
    end)

    it("disabled, all does", function()
      start "recovery = 60"
      backend:plan { { status = 500 } }
      assert.equal("disabled", steer("disable").state)
      for _ = 1, 10 do assert.equal(502, gateway:get("/call").status) end
      assert.equal("disabled", seen().state)
      assert.equal("closed", steer("reset").state)
    end)

    it("reset, one that is open is tried at once", function()
      start "recovery = 60"
      backend:plan { { status = 500 } }
      for _ = 1, 5 do gateway:get "/call" end
      assert.equal(503, gateway:get("/call").status)
      backend:plan { {} }
      assert.equal("reset by operator", steer("reset").reason)
      assert.equal(200, gateway:get("/call").status)
    end)

    it("for all hosts, also those that come with a reload", function()
      start()
      local other <const> = rough_backend.start()
      steer "disable"
      gateway:save("init.lua", SCRIPT:format(front.urls(backend, other)))
      poll("both hosts", function() return #seen().hosts == 2 end)
      assert.same({ "disabled", "disabled" }, { seen().state, seen().hosts[2].state })
      steer "force-open"
      for _ = 1, 4 do assert.equal(503, gateway:get("/call").status) end
      assert.equal(0, #other:received())
    end)

    it("across reloads, and says who did what", function()
      start()
      local response <const> = ask("POST", "/admin/backends/rough/force-open")
      assert.equal(200, ask("POST", "/admin/reload").status)
      assert.equal("forced_open", seen().state)
      assert.equal(503, gateway:get("/call").status)
      local line <const> = gateway:await_log "an operator steers a breaker"
      assert.same({ "warn", "admin", "force-open", "rough", "closed", "forced_open" },
        { line.level, line.who, line.what, line.backend, line.from, line.to })
      assert.same({ "127.0.0.1", response.headers["x-correlation-id"] },
        { line.client, line.correlation_id })
    end)
  end)


  it("lists the live routes with their place", function()
    start()
    local answer <const> = ask("GET", "/admin/routes").json
    assert.equal(1, answer.generation)
    local route <const> = answer.routes[1]
    assert.same({ "GET /call", "init.lua", 20000, 1000 },
      { route.route, route.file, route.deadline_ms, route.max_body })
    assert.is_true(route.line > 1)
    assert.equal(7, #answer.routes) -- with /health and /ready
    assert.same({ 0, 0, cjson.null }, { route.requests, route.errors, route.p99_ms })
    for _ = 1, 3 do gateway:get "/call" end
    backend:kill()
    gateway:get "/call"
    local counted <const> = poll("four requests", function() -- a worker counts after its answer
      local found <const> = ask("GET", "/admin/routes").json.routes[1]
      return found.requests == 4 and found
    end)
    assert.equal(1, counted.errors)
    assert.is_true(counted.p50_ms > 0 and counted.p50_ms <= counted.p99_ms)
  end)


  describe("asks for jobs", function()
    local function enqueue(kind, seconds)
      return gateway:post("/jobs/" .. kind, { seconds = seconds or 0 }).json.id
    end

    local function list(query)
      return ask("GET", "/admin/jobs" .. (query or "")).json.jobs
    end

    local function await(id, status)
      return poll("a job that is " .. status, function()
        local job <const> = ask("GET", "/admin/jobs/" .. id).json
        return job.status == status and job
      end)
    end

    it("by kind and by status, the newest first", function()
      start()
      local done <const>, failed <const>, running <const> =
        enqueue "work", enqueue "other", enqueue("work", 60)
      await(done, "done")
      assert.equal("internal error", await(failed, "failed").error)
      assert.equal(40, await(running, "running").percent)
      local function ids(query)
        local found <const> = {}
        for i, job in ipairs(list(query)) do found[i] = job.id end
        return found
      end
      assert.same({ running, failed, done }, ids())
      assert.same({ running, done }, ids "?kind=work")
      assert.same({ failed }, ids "?status=failed")
      assert.same({ running }, ids "?kind=work&status=running")
      assert.same({ running }, ids "?limit=1")
      assert.same({ 1, 0 }, { ask("GET", "/admin/status").json.jobs.running,
        ask("GET", "/admin/status").json.jobs.waiting })
    end)

    it("and cancels one that is not over", function()
      start()
      local running <const>, done <const> = enqueue("work", 60), enqueue "work"
      await(running, "running")
      await(done, "done")
      local response <const> = ask("POST", "/admin/jobs/" .. running .. "/cancel")
      assert.same({ 200, "cancelled" }, { response.status, response.json.status })
      assert.equal(200, ask("POST", "/admin/jobs/" .. running .. "/cancel").status)
      assert.equal(409, ask("POST", "/admin/jobs/" .. done .. "/cancel").status)
      assert.equal("done", await(done, "done").status)
      assert.equal(404, ask("POST", "/admin/jobs/none/cancel").status)
      assert.equal(404, ask("GET", "/admin/jobs/none").status)
      assert.equal(running, gateway:await_log("an operator cancels a job").job)
      poll("nothing that runs", function()
        return ask("GET", "/admin/status").json.jobs.running == 0
      end)
    end)
  end)


  it("sets the log's level while it runs", function()
    start()
    local function set(level)
      return ask("PUT", "/admin/log-level", { json = { level = level } })
    end
    gateway:get "/log"
    assert.same({ level = "info" }, ask("GET", "/admin/log-level").json)
    assert.same({ level = "debug" }, set("debug").json)
    for _ = 1, 8 do gateway:get "/log" end -- both workers
    gateway:await_log "a word"
    assert.equal("debug", ask("GET", "/admin/status").json.log_level)
    set "error"
    local line <const> = gateway:await_log("an operator sets the log level",
      function(found) return found.to == "error" end)
    assert.same({ "warn", "admin", "debug" }, { line.level, line.who, line.from })
    local n <const> = #gateway:log "request"
    gateway:get "/log"
    assert.equal("info", set("info").json.level)
    gateway:log_of(gateway:get "/log")
    assert.equal(n + 1, #gateway:log "request")
  end)


  it("waits for no worker", function()
    start(nil, { WORKERS = 1, SCRIPT_RUN_SECONDS = 2, SCRIPT_REQUEST_SECONDS = 2 })
    local spinning <const> = gateway:begin("GET", "/spin")
    poll("a worker that is busy", function()
      return ask("GET", "/admin/generations").json.generations[1].in_work == 1
    end)
    for _, path in ipairs { "status", "backends", "routes", "jobs", "sagas", "generations" } do
      assert.equal(200, ask("GET", "/admin/" .. path).status)
    end
    steer "force-open"
    assert.is_false(spinning:hears(0))
    assert.equal(500, spinning:finish().status)
    assert.equal(503, gateway:get("/call").status)
  end)


  it("says whether it is ready, and if not, why", function()
    start()
    local status <const> = ask("GET", "/admin/status").json
    assert.same({ true, 2 }, { status.ready, status.workers })
    assert.equal(0, status.journal.queued)
    assert.is_true(status.journal.operations >= 0)
    gateway:stop()
    start(nil, { DRAIN_SECONDS = 5 })
    ask("GET", "/admin/status")
    gateway.process:signal "TERM"
    gateway:await_log "shutting down"
    local leaving <const> = ask("GET", "/admin/status").json
    assert.same({ false, "shutting down", true },
      { leaving.ready, leaving.not_ready_because, leaving.shutting_down })
    gateway.process:signal "TERM"
  end)


  describe("answers", function()
    it("HEAD where there is GET, and OPTIONS", function()
      start()
      local head <const> = ask("HEAD", "/admin/status")
      assert.same({ 200, "" }, { head.status, head.body })
      assert.is_true(tonumber(head.headers["content-length"]) > 100)
      local options <const> = ask("OPTIONS", "/admin/log-level")
      assert.same({ 204, "GET, HEAD, PUT, OPTIONS" }, { options.status, options.headers.allow })
      local wrong <const> = ask("DELETE", "/admin/log-level")
      assert.same({ 405, "GET, HEAD, PUT, OPTIONS" }, { wrong.status, wrong.headers.allow })
      assert.equal(404, ask("GET", "/admin/backends/rough/close/now").status)
      assert.equal(404, ask("GET", "/admin/jobs/%zz").status)
    end)

    it("a query that is wrong with its name", function()
      start()
      for query, detail in pairs {
        ["?status=walking"] = "status: must be queued, running, done, failed or cancelled",
        ["?limit=0"] = "limit: must be a number from 1 to 1000",
        ["?limit=1&limit=2"] = "limit: is there twice",
        ["?kind=%zz"] = "kind: has a broken escape",
        ["?kinds=work"] = "kinds: there is no such parameter",
      } do
        local response <const> = ask("GET", "/admin/jobs" .. query)
        assert.same({ 400, detail }, { response.status, response.json.detail })
      end
    end)

    it("a body that is wrong with the member and the reason", function()
      start()
      local function put(body, headers)
        local response <const> = ask("PUT", "/admin/log-level",
          { body = body, headers = headers or JSON })
        return { response.status, response.json.detail }
      end
      assert.same({ 422, "level: is missing" }, put "{}")
      assert.same({ 422, "level: is missing" }, put(nil))
      assert.same({ 422, "level: must be a text" }, put [[{"level": 1}]])
      assert.same({ 422, "level: must be debug, info, warn or error" }, put [[{"level": "loud"}]])
      assert.same({ 422, "lvel: there is no such member" }, put [[{"lvel": "info"}]])
      assert.equal(400, put("[]")[1])
      assert.equal(400, put([[{"level": "debug"]])[1])
      assert.equal(415, put([[{"level": "debug"}]], { "Content-Type: text/plain" })[1])
      local form <const> = { "Content-Type: application/x-www-form-urlencoded" }
      assert.equal(415, put("level=debug", form)[1])
      assert.equal(415, put([[{"level": "debug"}]], {})[1])
      assert.equal(413, put(([[{"level": "%s"}]]):format(("x"):rep(70000)))[1])
      assert.equal("info", ask("GET", "/admin/log-level").json.level)
    end)
  end)


  describe("changes nothing", function()
    local CHANGES <const> = {
      { "POST", "/admin/backends/rough/force-open" },
      { "POST", "/admin/backends/rough/disable" },
      { "PUT", "/admin/log-level", [[{"level": "error"}]] },
      { "POST", "/admin/reload" },
      { "POST", "/admin/rollback", [[{"generation": 1}]] },
    }

    -- Each change, asked for in that way, is answered with that status.
    local function assert_refused(status, options, headers)
      for _, change in ipairs(CHANGES) do
        local given <const> = { body = change[3], headers = { table.unpack(headers or {}) } }
        for name, value in pairs(options or {}) do given[name] = value end
        given.headers[#given.headers + 1] = change[3] and JSON[1]
        assert.equal(status, ask(change[1], change[2], given).status, change[2])
      end
    end

    local function assert_untouched(headers)
      local function get(path) return ask("GET", path, { headers = headers }).json end
      assert.equal("closed", get("/admin/backends/rough").state)
      assert.equal("info", get("/admin/log-level").level)
      assert.equal(1, get("/admin/status").live.generation)
      assert.same({}, gateway:log "an operator steers a breaker")
    end

    it("for a page of another site", function()
      start()
      assert_refused(403, nil, { "Origin: http://evil.example" })
      assert_refused(403, nil, { "Origin: null" })
      assert_refused(403, nil, { "Sec-Fetch-Site: cross-site" })
      assert_untouched()
    end)

    it("under another name", function()
      start()
      assert_refused(421, { host = "evil.example" })
      assert_refused(421, { host = "127.0.0.1:1" })
      assert_untouched()
    end)

    it("without the token, where one is set", function()
      start(nil, { ADMIN_TOKEN = "secret" })
      assert_refused(401)
      assert_refused(401, nil, { "Authorization: Bearer secreT" })
      assert_refused(401, nil, { "Authorization: Basic secret" })
      local known <const> = { "Authorization: Bearer secret" }
      assert_untouched(known)
      assert_refused(403, nil, { known[1], "Origin: http://evil.example" })
      assert_untouched(known)
    end)
  end)


  describe("is asked by", function()
    local function command(...)
      ask("GET", "/admin/status") -- finds out the port
      local words <const> = { gateways.binary, ... }
      table.move({ "--admin-port", gateway.admin_port }, 1, 2, #words + 1, words)
      return process.run(words)
    end

    it("moongate backends and moongate breaker", function()
      start()
      local code, out = command("breaker", "rough", "force-open")
      assert.equal(0, code)
      assert.matches("^backend     rough\nstate       forced_open, forced by operator, since ", out)
      code, out = command "backends"
      assert.equal(0, code)
      assert.matches("^BACKEND +STATE +SINCE +IN FLIGHT +WAITING +CALLS +FAILED +P50 +P99 +REASON",
        out)
      assert.matches("\nrough +forced_open +%S+Z +0 +0 +0 +0 +%- +%-  forced by operator\n$", out)
      code, out = command("backends", "rough")
      assert.equal(0, code)
      assert.is_truthy(out:find("host        " .. backend.url .. "  forced_open, 0 in flight\n", 1,
        true), out)
      assert.equal(0, (command("breaker", "rough", "close")))
      local failed <const>, _, err <const> = command("breaker", "nobody", "close")
      assert.same({ 1, "the live scripts have no such backend\n" }, { failed, err })
    end)

    it("moongate jobs and moongate cancel", function()
      start()
      local id <const> = gateway:post("/jobs/work", { seconds = 60 }).json.id
      local code, out = command("jobs", "--kind", "work", "--status", "running")
      assert.equal(0, code)
      assert.is_truthy(out:find("\n" .. id .. "  running ", 1, true), out)
      code, out = command("cancel", id)
      assert.equal(0, code)
      assert.is_truthy(out:find("^" .. id:gsub("%-", "%%-") .. "  cancelled "), out)
      assert.equal(0, (command("jobs", id)))
      local wrong <const>, _, err <const> = command("jobs", "--status", "walking")
      assert.same({ 1, "status: must be queued, running, done, failed or cancelled\n" },
        { wrong, err })
    end)

    it("moongate status and moongate log-level", function()
      start()
      local code, out = command("log-level", "warn")
      assert.same({ 0, "warn\n" }, { code, out })
      assert.same("warn\n", select(2, command "log-level"))
      code, out = command "status"
      assert.equal(0, code)
      assert.matches("^moongate    %S+, up for %d+ s, 2 workers, log level warn\nready       yes\n",
        out)
      assert.matches("\nscripts     generation 1 since %S+Z: start, 7 routes\n", out)
      assert.equal(1, (command("log-level", "loud")))
    end)
  end)
end)
