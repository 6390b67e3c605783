-- Routes, their filters, and the client's request.
local World <const> = require "support.world"


describe("gateway.route", function()
  local world, gateway

  before_each(function()
    world = World.new()
    gateway = world.gateway
  end)

  local function get(handler, options)
    gateway.route("GET /x", handler)
    return world:start():request("GET", "/x", options)
  end

  it("answers with what the handler returns", function()
    local reply <const> = get(function() return 201, { a = 1 }, { ["x-a"] = "b" } end)
    assert.equal(201, reply.status)
    assert.equal('{"a":1}', reply.text)
    assert.equal("application/json", reply.headers["content-type"])
    assert.equal("b", reply.headers["x-a"])
  end)

  it("answers with text, or nothing", function()
    assert.equal("text/plain; charset=utf-8",
      get(function() return 200, "hello" end).headers["content-type"])
    world = World.new()
    gateway = world.gateway
    assert.is_nil(get(function() return 204 end).text)
  end)

  it("hands options to the core", function()
    gateway.route("PUT /x/:id", { deadline = 2.5, max_body = 100 }, function() return 200 end)
    assert.same({ method = "PUT", pattern = "/x/:id", deadline = 2.5, max_body = 100 },
      world.routes[1])
  end)

  it("may have no options", function()
    gateway.route("GET /x", nil, function() return 204 end)
    assert.equal(204, world:start():request("GET", "/x").status)
  end)

  it("gives the handler the request", function()
    local seen
    gateway.route("GET /x/:id", function(req)
      seen = req
      return 204
    end)
    world:start():request("GET", "/x/a%2Fb?q=1", { headers = { ["x-a"] = "b" } })
    assert.equal("a/b", seen.params.id)
    assert.equal("1", seen.query.q)
    assert.equal("b", seen.headers["x-a"])
    assert.equal("correlation-1", seen.correlation_id)
  end)

  local MISTAKES <const> = {
    { { "/x", print }, "declared as \"GET /path/:param\"" },
    { { "get /x", print }, "declared as" },
    { { 7, print }, "declared as" },
    { { "GET /x" }, "route 'GET /x' wants a handler" },
    { { "GET /x", {}, "handler" }, "wants a handler" },
    { { "GET /x", { dead_line = 1 }, print }, "unknown option 'dead_line'" },
    { { "GET /x", { deadline = "1" }, print }, "'deadline' must be a number of seconds" },
    { { "GET /x", { max_body = 0 }, print }, "'max_body' must be a whole number" },
    { { "GET /x", { before = { 1 } }, print }, "'before' must be a function or a list" },
    { { "GET /x", 5, print }, "options must be a table" },
  }
  for _, case in ipairs(MISTAKES) do
    it("refuses, at the operator's line: " .. case[2], function()
      local ok <const>, raised <const> = pcall(function()
        gateway.route(table.unpack(case[1], 1, 3))
        return nil
      end)
      assert.is_false(ok)
      assert.matches("^[^:]*route_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(case[2], 1, true), raised)
    end)
  end

  it("says which route is declared twice", function()
    gateway.route("GET /x", print)
    local ok <const>, raised <const> = pcall(gateway.route, "GET /x", print)
    assert.is_false(ok)
    assert.matches("route 'GET /x': there is such a route already", raised)
  end)

  it("exists only while the scripts load", function()
    world:start()
    for _, name in ipairs { "route", "before", "after", "job", "breaker" } do
      local ok <const>, raised <const> = pcall(gateway[name], "GET /x", print)
      assert.is_false(ok)
      assert.truthy(raised:find("gateway." .. name .. " can only be called", 1, true), raised)
    end
  end)

  it("takes it for a bug when nothing, or no status, is returned", function()
    local reply <const> = get(function() end)
    assert.equal(500, reply.status)
    assert.equal("routes.lua:1: route 'GET /x' returned nothing where the status belongs",
      world:logged("error")[1].message)
    world = World.new()
    gateway = world.gateway
    assert.equal(500, get(function() return { a = 1 } end).status)
    assert.matches("returned a table where the status belongs", world:logged("error")[1].message)
  end)

  it("takes it for a bug when the answer cannot be said", function()
    for _, answer in ipairs {
      { 200, { 0 / 0 } }, { 200, print }, { 200, "x", { ["x-a"] = "a\r\nb" } }, { 99 },
    } do
      world = World.new()
      gateway = world.gateway
      local reply <const> = get(function() return table.unpack(answer) end)
      assert.equal(500, reply.status)
      assert.equal("internal error", reply.json.detail)
      assert.equal(1, #world:logged "error")
    end
  end)

  it("can drop the connection, and stops there", function()
    local went_on, closed = false, false
    local reply <const> = get(function()
      local mark <close> = setmetatable({}, { __close = function() closed = true end })
      gateway.drop()
      went_on = true
      return 200, mark
    end)
    assert.is_true(reply.dropped)
    assert.is_false(went_on)
    assert.is_true(closed)
    assert.same({}, world.logs)
  end)
end)


describe("filters", function()
  local world, gateway, order

  before_each(function()
    world = World.new()
    gateway = world.gateway
    order = {}
  end)

  local function mark(name)
    return function() order[#order + 1] = name end
  end

  it("run in order, the global ones around all routes, also earlier ones", function()
    gateway.route("GET /x", {
      before = { mark "route before 1", mark "route before 2" },
      after = mark "route after",
    }, function()
      order[#order + 1] = "handler"
      return 204
    end)
    gateway.before(mark "before")
    gateway.after(mark "after")
    assert.equal(204, world:start():request("GET", "/x").status)
    assert.same({ "before", "route before 1", "route before 2", "handler", "after", "route after" },
      order)
  end)

  it("answer in the handler's place by returning a status", function()
    gateway.before(function(req)
      if req.headers["x-key"] ~= "secret" then return 401, { error = "no" }, { ["x-a"] = "b" } end
    end)
    gateway.route("GET /x", { before = mark "route before" }, mark "handler")
    local reply <const> = world:start():request("GET", "/x")
    assert.equal(401, reply.status)
    assert.equal("b", reply.headers["x-a"])
    assert.same({ error = "no" }, reply.json)
    assert.same({}, order)
  end)

  it("see and change the answer", function()
    gateway.after(function(req, response)
      response.status = response.status + 1
      response.body.seen = req.path
      response.headers["x-after"] = "1"
    end)
    local constant <const> = { ["x-a"] = "b" }
    gateway.route("GET /x", function() return 200, {}, constant end)
    local reply <const> = world:start():request("GET", "/x")
    assert.equal(201, reply.status)
    assert.equal("/x", reply.json.seen)
    assert.equal("1", reply.headers["x-after"])
    assert.equal("b", reply.headers["x-a"])
    assert.same({ ["x-a"] = "b" }, constant)
  end)

  it("see problems too", function()
    gateway.after(function(_, response) response.headers["x-after"] = response.status end)
    gateway.route("GET /x", function() gateway.fail(409, "no") end)
    local reply <const> = world:start():request("GET", "/x")
    assert.equal(409, reply.status)
    assert.equal(409, reply.headers["x-after"])
    assert.equal("application/problem+json", reply.headers["content-type"])
  end)

  it("may fail like a handler", function()
    gateway.before(function() gateway.fail(403, "no") end)
    gateway.route("GET /x", mark "handler")
    assert.equal(403, world:start():request("GET", "/x").status)
    assert.same({}, order)
  end)

  it("after a route may fail too: that is the answer then", function()
    gateway.after(function() error "in the filter" end)
    gateway.route("GET /x", function() return 200 end)
    assert.equal(500, world:start():request("GET", "/x").status)
    assert.matches("in the filter", world:logged("error")[1].message)
  end)

  it("after a route may drop the connection", function()
    gateway.after(function() gateway.drop() end)
    gateway.route("GET /x", function() return 200 end)
    assert.is_true(world:start():request("GET", "/x").dropped)
  end)

  it("are functions", function()
    for _, name in ipairs { "before", "after" } do
      local ok <const>, raised <const> = pcall(function() gateway[name] "x" end)
      assert.is_false(ok)
      assert.matches("route_spec.lua:%d+: gateway." .. name .. " wants a function", raised)
    end
  end)
end)


describe("req:json", function()
  local world

  local function post(options)
    world = World.new()
    world.gateway.route("POST /x", function(req) return 200, { got = req:json() } end)
    return world:start():request("POST", "/x", options)
  end

  it("decodes the body", function()
    assert.same({ got = { a = 1 } }, post({ json = { a = 1 } }).json)
    for _, content_type in ipairs {
      "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json",
    } do
      local reply <const> = post { body = "7", headers = { ["content-type"] = content_type } }
      assert.same({ got = 7 }, reply.json)
    end
  end)

  it("passes null and false on as values", function()
    assert.equal('{"got":null}', post({ body = "null", json = nil,
      headers = { ["content-type"] = "application/json" } }).text)
    assert.equal('{"got":false}', post({ json = false }).text)
  end)

  it("is a 415 for anything that does not say it is JSON", function()
    for _, content_type in ipairs { "text/plain", "application/jsonx", "text/json;+json", "" } do
      local reply <const> = post { body = "7", headers = { ["content-type"] = content_type } }
      assert.equal(415, reply.status)
    end
    assert.equal(415, post({ body = "7" }).status)
  end)

  it("is a 400 with the position for what is not", function()
    local reply <const> = post {
      body = '{\n "a": }',
      headers = { ["content-type"] = "application/json" },
    }
    assert.equal(400, reply.status)
    assert.matches("line 2, column 7", reply.json.detail)
    assert.equal(400, post({ headers = { ["content-type"] = "application/json" } }).status)
  end)
end)


describe("the built-in routes", function()
  it("say whether the gateway is alive and ready", function()
    local world <const> = World.new():start()
    local reply = world:request("GET", "/health")
    assert.equal(200, reply.status)
    assert.same({ status = "ok" }, reply.json)
    reply = world:request("GET", "/ready")
    assert.equal(200, reply.status)
    assert.same({ status = "ready" }, reply.json)
    world.not_ready = "draining"
    reply = world:request("GET", "/ready")
    assert.equal(503, reply.status)
    assert.same({ status = "not ready", reason = "draining" }, reply.json)
  end)

  it("give way to the scripts'", function()
    local world <const> = World.new()
    world.gateway.route("GET /health", function() return 200, { status = "mine" } end)
    assert.equal("mine", world:start():request("GET", "/health").json.status)
    assert.equal("ready", world:request("GET", "/ready").json.status)
  end)

  it("have no filters", function()
    local world <const> = World.new()
    world.gateway.before(function() return 401 end)
    world:start()
    assert.equal(200, world:request("GET", "/health").status)
    assert.equal(200, world:request("GET", "/ready").status)
  end)
end)
