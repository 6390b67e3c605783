local World <const> = require "support.world"


describe("a job", function()
  local world, gateway

  before_each(function()
    world = World.new()
    gateway = world.gateway
  end)

  -- Runs the job `fn` to its end and returns its status.
  local function run(fn, args)
    gateway.job("test", fn)
    world:start()
    local id <const> = world:run(function() return gateway.enqueue("test", args) end)
    return gateway.job_status(id, { result = true }), id
  end

  it("is given its arguments and leaves its result", function()
    local status <const>, id <const> = run(function(args, job)
      return { sum = args.a + args.b, id = job.id }
    end, { a = 1, b = 2 })
    assert.equal("done", status.status)
    assert.equal("test", status.kind)
    assert.same({ sum = 3, id = id }, status.result:json())
    assert.is_nil(gateway.job_status(id).result)
    assert.is_nil(status.error)
  end)

  it("does without arguments and result", function()
    local status <const> = run(function(args) assert.same({}, args) end)
    assert.equal("done", status.status)
    assert.equal("null", status.result:text())
  end)

  it("goes on after the request that asked for it, and tells how far it is", function()
    gateway.job("slow", function(_, job)
      for percent = 25, 75, 25 do
        gateway.sleep(1)
        job:progress(percent + 0.7)
      end
    end)
    gateway.route("POST /jobs", function() return 202, { id = gateway.enqueue("slow") } end)
    local reply <const> = world:start():request("POST", "/jobs")
    assert.equal(0, reply.took)
    assert.same({ 25, 50, 75 }, world.jobs[reply.json.id].seen)
    assert.equal(100, gateway.job_status(reply.json.id).progress)
  end)

  it("that raises a failure has failed with its reason", function()
    local b <const> = gateway.backend("b", { url = "http://b" })
    world.backends.b = function() return { kind = "timeout" } end
    local status <const> = run(function() gateway.call(b:get("/x")) end)
    assert.equal("failed", status.status)
    assert.equal("b did not answer in time", status.error)
    assert.is_nil(status.result)
    assert.equal("b: GET /x: timeout", world:logged("warn")[1].fields.error)
  end)

  it("that has a bug has failed, and the log knows why", function()
    local status <const>, id <const> = run(function() return nil + 1 end)
    assert.equal("failed", status.status)
    assert.equal("internal error", status.error)
    local line <const> = world:logged("error")[1]
    assert.matches("attempt to perform arithmetic", line.message)
    assert.matches("job_spec.lua:%d+$", line.where)
    assert.equal(id, line.fields.job_id)
    assert.matches("stack traceback", line.fields.traceback)
  end)

  it("that returns what is no JSON has failed", function()
    assert.equal("failed", run(function() return { print } end).status)
  end)

  it("may hold a saga, which is undone when it fails", function()
    local b <const> = gateway.backend("b", { url = "http://b" })
    world.backends.b = function() return { status = 200, json = {} } end
    run(function()
      local saga <close> = gateway.saga("test", "1")
      saga:step(b:post("/do"), b:post("/undo"))
      error "no"
    end)
    assert.same({ "POST b /do", "POST b /undo" }, world:sent())
  end)

  it("is refused with 503 when there are too many", function()
    gateway.job("test", print)
    world.too_many_jobs = true
    gateway.route("POST /jobs", function() return 202, { id = gateway.enqueue("test") } end)
    local reply <const> = world:start():request("POST", "/jobs")
    assert.equal(503, reply.status)
    assert.equal("too many jobs are waiting", reply.json.detail)
  end)

  it("is refused with 503 and the reason when the journal cannot keep it", function()
    gateway.job("test", print)
    gateway.route("POST /jobs", function() return 202, { id = gateway.enqueue("test") } end)
    gateway.route("GET /jobs/:id", function(req) return 200, gateway.job_status(req.params.id) end)
    gateway.route("DELETE /jobs/:id", function(req) gateway.job_cancel(req.params.id) end)
    gateway.route("GET /jobs", function() return 200, gateway.jobs("test") end)
    world:start()
    world.journal_fault = "the disk is full"
    for _, request in ipairs { { "POST", "/jobs" }, { "GET", "/jobs/1" }, { "DELETE", "/jobs/1" },
      { "GET", "/jobs" } } do
      local reply <const> = world:request(request[1], request[2])
      assert.equal(503, reply.status)
      assert.matches(": the disk is full$", reply.json.detail)
    end
  end)

  it("gets another attempt when it is not its own fault", function()
    local b <const> = gateway.backend("b", { url = "http://b" })
    local answer
    world.backends.b = function() return answer end
    gateway.job("test", function() gateway.call(b:get("/x")) end)
    world:start()
    for _, case in ipairs {
      { { status = 500 }, true }, { { kind = "connect" }, true }, { { kind = "timeout" }, true },
      { { status = 404 }, false }, { { status = 422 }, false },
    } do
      answer = case[1]
      local id <const> = world:run(function() return gateway.enqueue("test") end)
      assert.equal(case[2], world.jobs[id].for_now)
    end
  end)

  it("has no other attempt after a bug, or a client's mistake", function()
    gateway.job("bug", function() error "no" end)
    gateway.job("mistake", function() gateway.fail(422, "no") end)
    gateway.job("trouble", function() gateway.fail(502, "no") end)
    world:start()
    for kind, wanted in pairs { bug = false, mistake = false, trouble = true } do
      local id <const> = world:run(function() return gateway.enqueue(kind) end)
      assert.equal(wanted, world.jobs[id].for_now)
    end
  end)

  it("has failed where the scripts have no such kind any more", function()
    gateway.job("test", function() end)
    world:start()
    local id <const> = world:run(function() return gateway.enqueue("test") end)
    world:run(function() world.entries.job("gone", "{}", id) end)
    assert.equal("the scripts have no job 'gone' any more", gateway.job_status(id).error)
    assert.is_false(world.jobs[id].for_now)
  end)

  it("can be cancelled, and is forgotten where it is over", function()
    gateway.job("test", function() end)
    world:start()
    local id <const> = world:run(function() return gateway.enqueue("test") end)
    assert.equal("done", gateway.job_cancel(id).status)
    assert.is_nil(gateway.job_status(id))
    assert.is_nil(gateway.job_cancel(id))
  end)

  it("is listed with the others of its kind, the newest first", function()
    gateway.job("test", function() end)
    gateway.job("other", function() end)
    world:start()
    local ids <const> = {}
    for i, kind in ipairs { "test", "other", "test", "test" } do
      ids[i] = world:run(function() return gateway.enqueue(kind) end)
    end
    local function listed(...)
      local found <const> = {}
      for i, job in ipairs(gateway.jobs(...)) do
        found[i] = job.id
      end
      return found
    end
    assert.same({ ids[4], ids[3], ids[1] }, listed "test")
    assert.same({ ids[4], ids[3] }, listed("test", { limit = 2 }))
    assert.same({ ids[2] }, listed "other")
  end)

  it("is not known when it never was", function()
    assert.is_nil(gateway.job_status "no-such-id")
  end)

  it("is refused, at the operator's line, where it is misused", function()
    local function refused(fn)
      local ok <const>, raised <const> = pcall(fn)
      assert.is_false(ok)
      assert.matches("^[^:]*job_spec.lua:%d+: ", raised)
      return raised
    end
    gateway.job("test", print)
    assert.matches("declared twice", refused(function() gateway.job("test", print) end))
    assert.matches("wants a function", refused(function() gateway.job("other") end))
    assert.matches("the name of its kind", refused(function() gateway.job(nil, print) end))
    assert.matches("there is no job 'nope'", refused(function() gateway.enqueue "nope" end))
    assert.matches("wants an id", refused(function() gateway.job_status() end))
    assert.matches("wants an id", refused(function() gateway.job_cancel() end))
    assert.matches("there is no job 'nope'", refused(function() gateway.jobs "nope" end))
    assert.matches("unknown option 'max'", refused(function()
      gateway.jobs("test", { max = 1 })
    end))
    assert.matches("'limit' must be", refused(function() gateway.jobs("test", { limit = 0 }) end))
    assert.matches("'result' must be", refused(function()
      gateway.job_status("x", { result = 1 })
    end))
  end)

  it("has a progress from 0 to 100", function()
    run(function(_, job)
      for _, bad in ipairs { -1, 101, "5", 0 / 0 } do
        local ok <const>, raised <const> = pcall(function() job:progress(bad) end)
        assert.is_false(ok)
        assert.matches("from 0 to 100", raised)
      end
      job:progress(0)
      job:progress(100)
    end)
  end)
end)
