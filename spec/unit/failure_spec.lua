-- What failures say, and what the gateway answers when nobody catches them.
local World <const> = require "support.world"


describe("a failure", function()
  local world, b

  before_each(function()
    world = World.new()
    b = world.gateway.backend("inventory", { url = "http://inventory" })
    world.gateway.route("GET /get", function()
      return 200, world.gateway.call(b:get("/api/v1/products/TEST-001")).json
    end)
    world:start()
  end)

  local function answer_with(answer)
    world.backends.inventory = function() return answer end
  end

  local function raised_with(answer)
    answer_with(answer)
    return world:raised_by(function() world.gateway.call(b:get("/api/v1/products/TEST-001")) end)
  end

  it("names backend, request and kind", function()
    local failure = raised_with { kind = "open", retry_after = 41.2 }
    assert.equal("inventory: GET /api/v1/products/TEST-001: open (retry in 42 s)",
      tostring(failure))
    failure = raised_with { kind = "refused", retry_after = 1, message = "too many calls" }
    assert.equal("inventory: GET /api/v1/products/TEST-001: refused (too many calls)",
      tostring(failure))
    failure = raised_with { kind = "connect", message = "connection refused" }
    assert.equal("inventory: GET /api/v1/products/TEST-001: connect (connection refused)",
      tostring(failure))
    failure = raised_with { status = 503 }
    assert.equal("inventory: GET /api/v1/products/TEST-001: status 503", tostring(failure))
  end)

  it("gives a reason without paths and addresses", function()
    local failure = raised_with { kind = "connect", message = "10.0.0.7:8001 refused" }
    assert.equal("inventory cannot be reached", failure:reason())
    assert.equal("inventory answered 500", raised_with({ status = 500 }):reason())
  end)

  local ANSWERS <const> = {
    { { kind = "open", retry_after = 0.2 }, 503 },
    { { kind = "refused" }, 503 },
    { { kind = "timeout" }, 504 },
    { { kind = "deadline" }, 504 },
    { { kind = "connect" }, 502 },
    { { kind = "dns" }, 502 },
    { { kind = "tls" }, 502 },
    { { kind = "decode", status = 200 }, 502 },
    { { kind = "too_large", status = 200 }, 502 },
    { { status = 400 }, 400 },
    { { status = 401 }, 502 },
    { { status = 404 }, 404 },
    { { status = 409 }, 409 },
    { { status = 422 }, 422 },
    { { status = 429 }, 502 },
    { { status = 500 }, 502 },
    { { status = 503 }, 502 },
  }
  for _, case in ipairs(ANSWERS) do
    local answer <const>, status <const> = case[1], case[2]
    local name <const> = answer.kind or "status " .. answer.status
    it(("of %s is answered with %d"):format(name, status), function()
      answer_with(answer)
      local reply <const> = world:request("GET", "/get")
      assert.equal(status, reply.status)
      assert.equal(status, reply.json.status)
      assert.equal("application/problem+json", reply.headers["content-type"])
      assert.equal("about:blank", reply.json.type)
      assert.equal("correlation-1", reply.json.correlation_id)
      assert.is_string(reply.json.title)
      assert.is_string(reply.json.detail)
    end)
  end

  it("of kind open says when to come again, in whole seconds", function()
    answer_with { kind = "open", retry_after = 0.2 }
    assert.equal(1, world:request("GET", "/get").headers["retry-after"])
    answer_with { kind = "open", retry_after = 0 }
    assert.equal(1, world:request("GET", "/get").headers["retry-after"])
    answer_with { kind = "open", retry_after = 59.01 }
    assert.equal(60, world:request("GET", "/get").headers["retry-after"])
  end)

  it("passes a backend's own words on where its status is passed on", function()
    for _, name in ipairs { "detail", "error", "message" } do
      answer_with { status = 409, json = { [name] = "not enough in stock" } }
      assert.equal("not enough in stock", world:request("GET", "/get").json.detail)
    end
    answer_with { status = 500, json = { detail = "password of the database is x" } }
    assert.equal("inventory answered 500", world:request("GET", "/get").json.detail)
    answer_with { status = 422, json = { detail = { { loc = "a list, as of FastAPI" } } } }
    assert.equal("inventory answered 422", world:request("GET", "/get").json.detail)
  end)

  it("is logged once, and only where it is the gateway's trouble", function()
    answer_with { kind = "timeout" }
    world:request("GET", "/get")
    assert.equal(1, #world:logged "warn")
    assert.matches("GET /api/v1/products/TEST%-001: timeout", world:logged("warn")[1].message)
    answer_with { status = 404 }
    world:request("GET", "/get")
    assert.equal(1, #world.logs)
  end)
end)


describe("gateway.fail", function()
  local world, gateway

  before_each(function()
    world = World.new()
    gateway = world.gateway
  end)

  local function answer_of(...)
    local arguments <const> = table.pack(...)
    gateway.route("GET /fail", function() gateway.fail(table.unpack(arguments, 1, arguments.n)) end)
    return world:start():request("GET", "/fail")
  end

  it("answers with a problem and its members", function()
    local reply <const> = answer_of(409, "closed", { opens_at = "09:00", type = "urn:closed" })
    assert.equal(409, reply.status)
    assert.same({
      type = "urn:closed", title = "Conflict", status = 409, detail = "closed", opens_at = "09:00",
      correlation_id = "correlation-1",
    }, reply.json)
  end)

  it("has members that cannot change what is said", function()
    local reply <const> = answer_of(409, "closed", { status = 200, correlation_id = "x" })
    assert.equal(409, reply.json.status)
    assert.equal("correlation-1", reply.json.correlation_id)
  end)

  it("does without a detail", function()
    assert.equal("Conflict", answer_of(409).json.detail)
  end)

  it("copes with a detail that is not UTF-8", function()
    assert.equal("no '??'", answer_of(404, "no '\xff\xfe'").json.detail)
  end)

  it("is not logged", function()
    answer_of(400, "no")
    assert.equal(0, #world.logs)
  end)

  it("wants a status that is an error, at the operator's line", function()
    for _, bad in ipairs { 200, 600, "404", 404.5 } do
      local raised <const> = world:raised_by(function() gateway.fail(bad) end)
      assert.matches("failure_spec.lua:%d+: gateway.fail wants a status", raised)
    end
  end)
end)


describe("a bug", function()
  local function answer_of(options, handler)
    local world <const> = World.new(options)
    world.gateway.route("GET /bug", handler)
    return world:start():request("GET", "/bug"), world
  end

  it("is answered with 500 and no more, and logged with place and traceback", function()
    local reply <const>, world <const> = answer_of({}, function() return nil + 1 end)
    assert.equal(500, reply.status)
    assert.equal("internal error", reply.json.detail)
    assert.is_nil(reply.json.traceback)
    local line <const> = world:logged("error")[1]
    assert.matches("attempt to perform arithmetic", line.message)
    assert.matches("failure_spec.lua:%d+$", line.where)
    assert.matches("stack traceback:.*failure_spec.lua", line.fields.traceback)
    assert.equal(1, #world.logs)
  end)

  it("shows its error in development", function() -- and more: page_spec
    local reply = answer_of({ development = true }, function() error "oh" end)
    assert.matches("oh$", reply.json.error)
    reply = answer_of({ development = true }, function() error "\xff" end)
    assert.matches("%?$", reply.json.error)
  end)

  it("may be any value", function()
    for _, value in ipairs { 42, true, { code = 1 }, "\xff" } do
      local reply <const>, world <const> = answer_of({}, function() error(value) end)
      assert.equal(500, reply.status)
      assert.equal(1, #world:logged "error")
    end
    local reply <const> = answer_of({}, function() error() end)
    assert.equal(500, reply.status)
  end)

  it("does not pass for a failure by looking like one", function()
    local reply <const> = answer_of({}, function() error { kind = "problem", status = 404 } end)
    assert.equal(500, reply.status)
  end)

  it("may be a stack without end", function()
    local function forever() return 1 + forever() end
    assert.equal(500, answer_of({}, forever).status)
  end)
end)
