local World <const> = require "support.world"


describe("a saga", function()
  local world, gateway, b
  local answers -- path -> answer, or a list of answers for one call after the other

  before_each(function()
    world = World.new()
    gateway = world.gateway
    b = gateway.backend("b", { url = "http://b" })
    answers = {}
    world.backends.b = function(call)
      local answer <const> = answers[call.path]
      if answer and #answer > 0 then return table.remove(answer, 1) end
      return answer or { status = 200, json = { path = call.path }, delay = 1 }
    end
  end)

  local function step(saga, name)
    return saga:step(b:post("/do/" .. name),
      b:post("/undo/" .. name, { json = { name = name } }))
  end

  -- Runs the steps a, b, c and then `finish`, in a saga that closes like a script's.
  local function run(finish)
    return pcall(world.run, world, function()
      local saga <close> = gateway.saga("test", "s-1")
      for _, name in ipairs { "a", "b", "c" } do
        step(saga, name)
      end
      finish(saga)
    end)
  end

  it("gives each step's response", function()
    world:run(function()
      local saga <close> = gateway.saga("test", "s-1")
      assert.equal("/do/a", step(saga, "a").json.path)
      saga:commit()
    end)
  end)

  it("that is committed leaves what was done", function()
    assert.is_true(run(function(saga) saga:commit() end))
    assert.same({ "POST b /do/a", "POST b /do/b", "POST b /do/c" }, world:sent())
    assert.is_nil(world.context.undone)
  end)

  it("undoes newest first after an error, which goes on", function()
    local ok <const>, raised <const> = run(function() gateway.fail(409, "no") end)
    assert.is_false(ok)
    assert.equal("no", raised.detail)
    assert.same({ "POST b /do/a", "POST b /do/b", "POST b /do/c",
      "POST b /undo/c", "POST b /undo/b", "POST b /undo/a" }, world:sent())
  end)

  it("undoes when it is left without a commit", function()
    assert.is_true(run(function() end))
    assert.same({ "POST b /undo/c", "POST b /undo/b", "POST b /undo/a" },
      table.move(world:sent(), 4, 6, 1, {}))
  end)

  it("undoes at once when told to", function()
    run(function(saga) saga:undo("the customer left") end)
    assert.equal(6, #world.calls)
    assert.equal("the customer left", world:logged("warn")[1].fields.reason)
  end)

  it("notes what was undone for the answer", function()
    run(function() error "no" end)
    assert.same({
      backend = "b", method = "POST", path = "/undo/c", body = { name = "c" },
    }, world.context.undone[1])
    assert.equal(3, #world.context.undone)
    assert.is_nil(world.context.undo_failed)
  end)

  local CERTAIN <const> = {
    { kind = "connect" }, { kind = "dns" }, { kind = "tls" },
    { kind = "open", retry_after = 1 }, { kind = "refused" },
    { status = 400 }, { status = 409 }, { status = 499 },
  }
  for _, answer in ipairs(CERTAIN) do
    local name <const> = answer.kind or answer.status
    it(("does not undo a step that certainly did nothing: %s"):format(name), function()
      answers["/do/b"] = answer
      assert.is_false(run(function() end))
      assert.same({ "POST b /do/a", "POST b /do/b", "POST b /undo/a" }, world:sent())
    end)
  end

  local UNKNOWN <const> = {
    { kind = "timeout", delay = 1 }, { kind = "decode", status = 200 },
    { kind = "too_large", status = 200 }, { status = 500 }, { status = 503 },
    { kind = "connect", attempts = 2 }, { status = 409, attempts = 2 },
  }
  for _, answer in ipairs(UNKNOWN) do
    local name <const> = ("%s, %d tried"):format(answer.kind or answer.status, answer.attempts or 1)
    it(("undoes a step whose outcome is unknown: %s"):format(name), function()
      answers["/do/b"] = answer
      assert.is_false(run(function() end))
      assert.same({ "POST b /do/a", "POST b /do/b", "POST b /undo/b", "POST b /undo/a" },
        world:sent())
    end)
  end

  it("undoes after the client has hung up in the middle of a step", function()
    local raised <const> = world:raised_by(function()
      local saga <close> = gateway.saga("test", "s-1")
      step(saga, "a")
      step(saga, "b")
    end, { hang_up = 1.5 })
    assert.equal("cancelled", raised.kind)
    assert.same({ "POST b /do/a", "POST b /do/b", "POST b /undo/b", "POST b /undo/a" },
      world:sent())
    assert.equal("cancelled", world.calls[2].ended)
    assert.equal("ok", world.calls[4].ended)
  end)

  it("undoes after the deadline, and takes the time it needs", function()
    answers["/undo/a"] = { status = 200, json = {}, delay = 20 }
    local raised <const> = world:raised_by(function()
      local saga <close> = gateway.saga("test", "s-1")
      step(saga, "a")
      gateway.sleep(60)
    end, { deadline = 3 })
    assert.equal("deadline", raised.kind)
    assert.equal("ok", world.calls[2].ended)
    assert.equal(23, world.scheduler.now)
  end)

  it("is shielded only while it undoes", function()
    local kinds <const> = {}
    world:run(function()
      pcall(function()
        local saga <close> = gateway.saga("test", "s-1")
        step(saga, "a")
        gateway.sleep(60)
      end)
      local _, raised <const> = pcall(gateway.sleep, 1)
      kinds[1] = raised.kind
    end, { hang_up = 2 })
    assert.same({ "cancelled" }, kinds)
  end)

  it("tries an undo three times, a little later each time", function()
    answers["/undo/c"] = { { status = 503 }, { kind = "connect" }, { status = 200, json = {} } }
    run(function() error "no" end)
    local at <const> = {}
    for _, call in ipairs(world.calls) do
      if call.path == "/undo/c" then at[#at + 1] = call.at end
    end
    assert.equal(3, #at)
    assert.near(0.1, at[2] - at[1], 1e-6)
    assert.near(0.5, at[3] - at[2], 1e-6)
    assert.equal(3, #world.context.undone)
    assert.equal(0, #world:logged "error")
  end)

  it("goes on when an undo fails, logs it, and says so", function()
    answers["/undo/b"] = { status = 500 }
    run(function() error "no" end)
    assert.same({ "POST b /undo/c", "POST b /undo/b", "POST b /undo/b", "POST b /undo/b",
      "POST b /undo/a" }, table.move(world:sent(), 4, 8, 1, {}))
    assert.equal(2, #world.context.undone)
    assert.equal("/undo/b", world.context.undo_failed[1].path)
    assert.equal("b answered 500", world.context.undo_failed[1].reason)
    local line <const> = world:logged("error")[1]
    assert.equal("an undo failed", line.message)
    assert.equal("s-1", line.fields.saga_id)
    assert.equal("/undo/b", line.fields.path)
    assert.equal("status 500", line.fields.error)
  end)

  it("takes a 404 as undone", function()
    answers["/undo/c"] = { status = 404 }
    run(function() error "no" end)
    assert.equal(6, #world.calls)
    assert.is_nil(world.context.undo_failed)
  end)

  it("may have steps without an undo", function()
    world:raised_by(function()
      local saga <close> = gateway.saga("test", "s-1")
      saga:step(b:get("/look"))
      error "no"
    end)
    assert.same({ "GET b /look" }, world:sent())
  end)

  it("lets a step with a fallback fail", function()
    answers["/do/x"] = { status = 409 }
    world:run(function()
      local saga <close> = gateway.saga("test", "s-1")
      local response <const> = saga:step(b:post("/do/x", { fallback = true }), b:post("/undo/x"))
      assert.equal(409, response.error.status)
    end)
    assert.same({ "POST b /do/x" }, world:sent())
  end)

  it("cannot be used once it is committed or undone", function()
    for _, finish in ipairs { "commit", "undo" } do
      for _, use in ipairs { "step", "commit", "undo" } do
        local raised <const> = world:raised_by(function()
          local saga <close> = gateway.saga("test", finish .. "." .. use)
          saga[finish](saga)
          saga[use](saga, b:get("/x"))
          return nil
        end)
        assert.matches("saga_spec.lua:%d+: the saga test %l+%.%l+ is %l+ already", raised)
      end
    end
  end)

  it("refuses, at the operator's line, what is no request", function()
    for _, bad in ipairs { {}, "x" } do
      assert.matches("saga_spec.lua:%d+: saga:step wants a request",
        world:raised_by(function() gateway.saga("t", "1"):step(bad) end))
      assert.matches("saga_spec.lua:%d+: saga:step wants a request as the undo",
        world:raised_by(function() gateway.saga("t", "1"):step(b:get("/"), bad) end))
    end
    assert.matches("wants a kind and an id", world:raised_by(function() gateway.saga("t") end))
  end)

  it("is told in the problem that answers the request", function()
    answers["/undo/a"] = { status = 500 }
    gateway.route("POST /order", function()
      local saga <close> = gateway.saga("order", "o-1")
      step(saga, "a")
      step(saga, "b")
      gateway.fail(422, "not today")
    end)
    local reply <const> = world:start():request("POST", "/order")
    assert.equal(422, reply.status)
    assert.equal("/undo/b", reply.json.undone[1].path)
    assert.equal("/undo/a", reply.json.undo_failed[1].path)
  end)

  it("does not send what the journal cannot take, and says why", function()
    local raised <const> = world:raised_by(function()
      local saga <close> = gateway.saga("test", "s-1")
      step(saga, "a")
      world.journal_fault = "the disk is full"
      step(saga, "b")
    end)
    assert.equal(503, raised.status)
    assert.equal("the journal cannot be written: the disk is full", raised.detail)
    assert.same({ "POST b /do/a", "POST b /undo/a" }, world:sent())
  end)

  it("is undone if its commit cannot be written", function()
    local ok <const>, raised <const> = run(function(saga)
      world.journal_fault = "the disk is full"
      saga:commit()
    end)
    assert.is_false(ok)
    assert.equal(503, raised.status)
    assert.equal(6, #world.calls)
  end)

  it("is left alone if nobody can say whether it is committed", function()
    function world.core.saga_commit() return "in doubt", "the disk is gone" end
    local ok <const>, raised <const> = run(function(saga) saga:commit() end)
    assert.is_false(ok)
    assert.equal(503, raised.status)
    assert.matches("whether test s%-1 is done will only be known", raised.detail)
    assert.equal(3, #world.calls)
  end)

  it("cannot begin beside one of its name, or after one that was committed", function()
    for _, finish in ipairs { "commit", "step" } do
      local raised <const> = world:raised_by(function()
        local first <close> = gateway.saga("test", finish)
        step(first, "a")
        if finish == "commit" then first:commit() end
        local second <close> = gateway.saga("test", finish)
        step(second, "b")
      end)
      assert.equal(409, raised.status)
      assert.equal(("test %s is under way or done already"):format(finish), raised.detail)
    end
    assert.same({ "POST b /do/a", "POST b /do/a", "POST b /undo/a" }, world:sent())
  end)

  it("cannot be committed while a step is under way", function()
    local raised <const> = world:raised_by(function()
      local saga <close> = gateway.saga("test", "s-1")
      gateway.map({ 1, 2 }, function(i)
        if i == 1 then return step(saga, "a") end
        saga:commit()
      end)
    end)
    assert.matches("saga_spec.lua:%d+: saga:commit: a step of it is still under way",
      tostring(raised))
    assert.same({ "POST b /do/a", "POST b /undo/a" }, world:sent())
  end)

  it("keeps a result that JSON can say", function()
    assert.matches("saga_spec.lua:%d+: saga:commit: .*nan is not JSON",
      world:raised_by(function() gateway.saga("test", "s-1"):commit { x = 0 / 0 } end))
  end)

  describe("has a status", function()
    local function status()
      return world:run(function() return gateway.saga_status("test", "s-1") end)
    end

    it("that is nil for one that never was", function()
      assert.is_nil(status())
      assert.matches("gateway.saga_status wants a kind and an id",
        world:raised_by(function() gateway.saga_status "test" end))
    end)

    it("while it is open and when it is committed", function()
      world:run(function()
        local saga <close> = gateway.saga("test", "s-1")
        step(saga, "a")
        assert.equal("open", gateway.saga_status("test", "s-1").state)
        saga:commit { total = 1 }
      end)
      local found <const> = status()
      assert.equal("committed", found.state)
      assert.same({ total = 1 }, found.result)
      assert.is_nil(found.undone)
      assert.is_number(found.created_at)
    end)

    it("with what was undone, and why", function()
      run(function() gateway.fail(409, "not today") end)
      local found <const> = status()
      assert.equal("undone", found.state)
      assert.equal("not today", found.reason)
      assert.equal(3, #found.undone)
      assert.equal("/undo/c", found.undone[1].path)
    end)

    it("with what could not be undone yet", function()
      answers["/undo/b"] = { kind = "connect", message = "Connection refused" }
      run(function() error "a bug" end)
      local found <const> = status()
      assert.equal("compensating", found.state)
      assert.equal("internal error", found.reason)
      assert.equal("/undo/b", found.undo_failed[1].path)
      assert.equal("b cannot be reached", found.undo_failed[1].reason)
    end)

    it("unless the journal cannot be read", function()
      world.journal_fault = "the disk is gone"
      local raised <const> = world:raised_by(function() gateway.saga_status("test", "s-1") end)
      assert.equal(503, raised.status)
      assert.equal("the journal cannot be read: the disk is gone", raised.detail)
    end)
  end)
end)
