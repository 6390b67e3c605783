-- Backends and how requests to them are described.
local World <const> = require "support.world"


describe("gateway.backend", function()
  local world, gateway

  before_each(function()
    world = World.new()
    gateway = world.gateway
  end)

  it("hands its options to the core", function()
    local backend <const> = gateway.backend("b", { url = "http://b", timeout = 2, threshold = 3 })
    assert.equal("b", backend.name)
    assert.same({ name = "b", options = { url = "http://b", timeout = 2, threshold = 3 } },
      world.declared[1])
    world.backend_state = "half_open"
    assert.equal("half_open", backend:state())
  end)

  it("knows every option", function()
    local given <const> = {
      urls = { "http://a", "http://b" },
      connect_timeout = 1, timeout = 2, try_timeout = 0.5, max_response = 1000,
      threshold = false, window = { seconds = 10 }, failure_rate = 0.5, slow_call = 1,
      slow_rate = 0.9, minimum_calls = 5, recovery = 10, recovery_max = 80, trials = 2,
      count_429 = true, breaker_per_host = false, attempts = 2, retry_on = {}, retry_base = 0.01,
      retry_cap = 0.1, retry_budget = 0, retry_min = 0, max_concurrent = 10, max_waiting = 0,
      health = { path = "/health", interval = 1, healthy = 1, unhealthy = 2 },
    }
    gateway.backend("b", given)
    assert.equal(given, world.declared[1].options)
  end)

  local MISTAKES <const> = {
    { { "b", { url = "http://b", time_out = 2 } }, "unknown option 'time_out'" },
    { { "b", { url = "http://b", timeout = 0 } }, "'timeout' must be a number of seconds" },
    { { "b", { url = "http://b", timeout = "2" } }, "'timeout' must be a number of seconds" },
    { { "b", { url = "http://b", threshold = 1.5 } }, "'threshold' must be a whole number" },
    { { "b", { url = "http://b", trials = 100 } }, "backend 'b': trials must be from 1 to 64" },
    { { "b", { url = "http://b", threshold = true } },
      "'threshold' must be a whole number above 0, or" },
    { { "b", { url = "http://b", urls = { "http://c" } } }, "give either 'url' or 'urls'" },
    { { "b", { urls = {} } }, "'urls' must be a list of strings" },
    { { "b", { urls = { "http://b", 2 } } }, "'urls' must be a list of strings" },
    { { "b", { urls = { "http://b", "ftp://b" } } }, "not a URL" },
    { { "b", { url = "http://b", window = 10 } }, "'window' must be a table" },
    { { "b", { url = "http://b", window = { cals = 10 } } }, "unknown option 'window.cals'" },
    { { "b", { url = "http://b", window = { calls = "10" } } },
      "'window.calls' must be a whole number" },
    { { "b", { url = "http://b", window = {} } },
      "'window' must have either 'calls' or 'seconds'" },
    { { "b", { url = "http://b", window = { calls = 1, seconds = 1 } } },
      "'window' must have either 'calls' or 'seconds'" },
    { { "b", { url = "http://b", failure_rate = 0.5 } }, "'failure_rate' needs 'window'" },
    { { "b", { url = "http://b", failure_rate = 50 } },
      "'failure_rate' must be a number above 0, up to 1" },
    { { "b", { url = "http://b", window = { calls = 1 }, slow_rate = 1 } },
      "'slow_rate' needs 'slow_call'" },
    { { "b", { url = "http://b", attempts = 0 } }, "'attempts' must be a whole number" },
    { { "b", { url = "http://b", retry_on = { 503, 200 } } },
      "'retry_on' must be a list of statuses" },
    { { "b", { url = "http://b", retry_budget = 20 } },
      "'retry_budget' must be a number from 0 to 1" },
    { { "b", { url = "http://b", max_waiting = 2 } }, "'max_waiting' needs 'max_concurrent'" },
    { { "b", { url = "http://b", health = {} } }, "'health.path' is missing" },
    { { "b", { url = "http://b", health = { path = "health" } } }, "'health.path' must be a path" },
    { { "b", {} }, "'url' is missing" },
    { { "b" }, "'url' is missing" },
    { { "b", "http://b" }, "options must be a table" },
    { { "b", { url = "ftp://b" } }, "not a URL" },
    { { "b b", { url = "http://b" } }, "a backend's name is made of" },
    { { nil, { url = "http://b" } }, "a backend's name is made of" },
  }
  for _, case in ipairs(MISTAKES) do
    it("refuses: " .. case[2], function()
      local ok <const>, raised <const> = pcall(function()
        gateway.backend(table.unpack(case[1], 1, 2))
        return nil -- no tail call: the level has to be this function's
      end)
      assert.is_false(ok)
      assert.matches("^[^:]*backend_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(case[2], 1, true), raised)
    end)
  end

  it("exists only while the scripts load", function()
    world:start()
    local ok <const>, raised <const> = pcall(gateway.backend, "b", { url = "http://b" })
    assert.is_false(ok)
    assert.matches("gateway.backend can only be called while the scripts load", raised)
  end)
end)


describe("a request", function()
  local world, gateway, b

  before_each(function()
    world = World.new()
    gateway = world.gateway
    b = gateway.backend("b", { url = "http://b" })
    world.backends.b = function() return { status = 200, json = {} } end
  end)

  it("is data, and only described", function()
    local options <const> = { id = 7, json = { a = 1 } }
    local request <const> = b:post("/things/{id}", options)
    assert.equal("b", request.backend)
    assert.equal("POST", request.method)
    assert.equal("/things/7", request.path)
    assert.equal(options, request.options)
    assert.equal("b: POST /things/7", tostring(request))
    assert.same({}, world.calls)
  end)

  it("has a method for each method", function()
    for name, method in pairs {
      get = "GET", head = "HEAD", delete = "DELETE", post = "POST", put = "PUT", patch = "PATCH",
    } do
      assert.equal(method, b[name](b, "/").method)
    end
    assert.equal("PURGE", b:request("PURGE", "/").method)
  end)

  it("takes its query from the options", function()
    assert.equal("/x?a=1&b=two%20words", b:get("/x", { query = { a = 1, b = "two words" } }).path)
  end)

  it("keeps an id within its segment", function()
    assert.equal("/p/..%2Fadmin%3Fx", b:get("/p/{id}", { id = "../admin?x" }).path)
  end)

  it("answers 400 for an id that is no segment: it came from the client", function()
    for _, id in ipairs { "", ".", ".." } do
      local raised <const> = world:raised_by(function() b:get("/p/{id}", { id = id }) end)
      assert.equal("problem", raised.kind)
      assert.equal(400, raised.status)
    end
  end)

  local MISTAKES <const> = {
    { "/p/{id}", { id = 1, feilds = 2 }, "unknown option 'feilds'" },
    { "/p", { id = 1 }, "'/p' has no such parameter" },
    { "/p/{id}", {}, "{id} needs a string or a number, got nil" },
    { "/p/{id}", { id = {} }, "{id} needs a string or a number, got table" },
    { "/p", { timeout = -1 }, "'timeout' must be a number of seconds above 0" },
    { "/p", { query = "a=1" }, "'query' must be a table" },
    { "/p", { headers = "a" }, "'headers' must be a table" },
    { "/p", { body = {} }, "'body' must be a string" },
    { "/p", { raw = 1 }, "'raw' must be true or false" },
    { "/p", { try_timeout = 0 }, "'try_timeout' must be a number of seconds above 0" },
    { "/p", { attempts = 0 }, "'attempts' must be a whole number above 0" },
    { "/p", { idempotent = 1 }, "'idempotent' must be true or false" },
    { "/p", { hedge = true }, "'hedge' must be a number of seconds above 0" },
    { "/p", { hedge = 1, idempotent = false }, "'hedge' needs 'idempotent = true' for GET" },
    { "/p", { json = {}, body = "" }, "give either 'json' or 'body'" },
    { "/p", "x", "the options must be a table" },
    { 12, nil, "the path must be a string" },
  }
  for _, case in ipairs(MISTAKES) do
    it("refuses, at the operator's line: " .. case[3], function()
      local raised <const> = world:raised_by(function()
        b:get(case[1], case[2])
        return nil
      end)
      assert.matches("^[^:]*backend_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(case[3], 1, true), raised)
    end)
  end

  it("is hedged only if it may be repeated", function()
    assert.equal("PUT", b:put("/p", { hedge = 0.1 }).method)
    assert.equal("POST", b:post("/p", { hedge = 0.1, idempotent = true }).method)
    assert.matches("backend_spec.lua:%d+: option 'hedge' needs 'idempotent = true' for POST",
      world:raised_by(function() b:post("/p", { hedge = 0.1 }) end))
  end)

  it("tells who forgot the colon", function()
    assert.matches("call it with a colon", world:raised_by(function() b.get("/p") end))
  end)

  it("has a method in capitals", function()
    assert.matches("capitals", world:raised_by(function() b:request("get", "/") end))
  end)

  it("is sent by gateway.call", function()
    world.backends.b = function(call)
      return { status = 200, json = { n = 1 }, headers = { ["x-seen"] = call.headers["x-a"] } }
    end
    local response <const> = world:run(function()
      return gateway.call(b:put("/x", { json = { q = 1 }, headers = { ["x-a"] = "yes" } }))
    end)
    assert.same({ n = 1 }, response.json)
    assert.equal(200, response.status)
    assert.equal("yes", response.headers["x-seen"])
    assert.is_nil(response.error)
    assert.same({ q = 1 }, world.calls[1].json)
  end)

  it("cannot be anything else to gateway.call", function()
    for _, bad in ipairs { {}, "x", 1 } do
      assert.matches("backend_spec.lua:%d+: gateway.call wants a request",
        world:raised_by(function() gateway.call(bad) end))
    end
  end)
end)


describe("a fallback", function()
  local world, gateway, b

  before_each(function()
    world = World.new()
    gateway = world.gateway
    b = gateway.backend("b", { url = "http://b" })
    world.backends.b = function() return { kind = "timeout" } end
  end)

  local function call(fallback)
    return world:run(function() return gateway.call(b:get("/x", { fallback = fallback })) end)
  end

  it("of true gives the error", function()
    local response <const> = call(true)
    assert.equal("timeout", response.error.kind)
    assert.is_nil(response.json)
  end)

  it("of a value stands in for the body", function()
    local response <const> = call { price = 0 }
    assert.same({ price = 0 }, response.json)
    assert.equal("timeout", response.error.kind)
    assert.is_false(call(false).json)
  end)

  it("of a function makes the body of the failure", function()
    assert.equal("was timeout", call(function(failure) return "was " .. failure.kind end).json)
  end)

  it("is not used where all is well", function()
    world.backends.b = function() return { status = 200, json = { a = 1 } } end
    local response <const> = call { a = 2 }
    assert.same({ a = 1 }, response.json)
    assert.is_nil(response.error)
  end)

  it("does not hold off the end of the whole request", function()
    world.backends.b = function() return { status = 200, delay = 10 } end
    local response
    local raised <const> = world:raised_by(function()
      response = gateway.call(b:get("/x", { fallback = true }))
      assert.equal(0.95, world.scheduler.now)
      gateway.sleep(1)
    end, { deadline = 1 })
    assert.equal("deadline", response.error.kind)
    assert.equal("deadline", raised.kind)
  end)
end)
