-- The route option `idempotency`, over the fake core.
local World <const> = require "support.world"


describe("a route with idempotency", function()
  local world, gateway, n

  before_each(function()
    world = World.new()
    gateway, n = world.gateway, 0
  end)

  -- A route whose handler counts, and then does what is given.
  local function declare(option, handler)
    gateway.route("POST /x", { idempotency = option }, function(req)
      n = n + 1
      return (handler or function() return 201, { n = n }, { location = "/x/" .. n } end)(req)
    end)
    world:start()
  end

  local function post(key, options)
    options = options or {}
    local headers <const> = options.headers or {}
    headers["idempotency-key"] = key
    return world:request("POST", options.target or "/x",
      { headers = headers, body = options.body or "{}", hang_up = options.hang_up })
  end

  local function assert_problem(status, detail, reply)
    assert.equal(status, reply.status)
    assert.equal("application/problem+json", reply.headers["content-type"])
    assert.equal(detail, reply.json.detail)
  end

  it("runs once, and answers as often as it is asked", function()
    declare(true)
    local first <const>, second <const> = post "k", post '"k"'
    assert.equal(1, n)
    assert.same({ 201, '{"n":1}', "/x/1" }, { first.status, first.text, first.headers.location })
    assert.is_nil(first.headers["idempotency-replayed"])
    assert.equal("true", second.headers["idempotency-replayed"])
    second.headers["idempotency-replayed"] = nil
    second.took, first.took = nil, nil
    assert.same(first, second)
  end)

  it("runs each time without a key, and for each key", function()
    declare(true)
    post()
    post()
    post "a"
    post "b"
    assert.equal(4, n)
  end)

  it("refuses a key that was another request's", function()
    declare(true)
    post "k"
    local detail <const> = "this Idempotency-Key has been used for another request"
    assert_problem(422, detail, post("k", { body = "[]" }))
    assert_problem(422, detail, post("k", { target = "/x?a=1" }))
    assert.equal(1, n)
    post("k", { headers = { authorization = "somebody else" } })
    assert.equal(2, n)
  end)

  it("refuses what is no key", function()
    declare(true)
    for _, value in ipairs { "", '""', '"a', "a b", "a,b", '"a\\b"', ("x"):rep(256) } do
      assert_problem(400, "Idempotency-Key must be one string of 1 to 255 visible characters",
        post(value))
    end
    assert.equal(0, n)
  end)

  it("may want one", function()
    declare { required = true }
    assert_problem(400, "this needs an Idempotency-Key", post())
    assert.equal(201, post("k").status)
    assert.equal(1, n)
  end)

  it("needs none where that is not said", function()
    for _, option in ipairs { true, {}, { required = false } } do
      world = World.new()
      gateway = world.gateway
      declare(option)
      assert.equal(201, post().status)
    end
    world = World.new()
    gateway, n = world.gateway, 0
    declare(false)
    post "k"
    post "k"
    assert.equal(2, n)
  end)

  it("answers 409 with Retry-After to what is in work", function()
    declare(true)
    world.core.key_claim = function() return "in work" end
    local reply <const> = post "k"
    assert_problem(409, "a request with this Idempotency-Key is still in work", reply)
    assert.equal(1, reply.headers["retry-after"])
    world.core.key_claim = function() return "not kept" end
    local large <const> = post "k"
    assert_problem(409,
      "this request has been answered, with more than is kept to be answered again", large)
    assert.is_nil(large.headers["retry-after"])
  end)

  it("says that the journal cannot be used, and goes on without a key", function()
    declare(true)
    world.journal_fault = "the disk is full"
    local reply <const> = post "k"
    assert_problem(503, "the journal cannot be used: the disk is full", reply)
    assert.equal("journal", reply.json.reason)
    assert.equal(201, post().status)
    assert.equal(1, n)
  end)

  it("answers what it could not keep, and says so in the log", function()
    declare(true, function()
      world.journal_fault = "the disk is full"
      return 200
    end)
    assert.equal(200, post("k").status)
    local line <const> = world:logged("error")[1]
    assert.equal("the answer to an Idempotency-Key was not kept", line.message)
    assert.equal("the disk is full", line.fields.reason)
  end)

  describe("keeps", function()
    local function assert_kept(status, handler)
      declare(true, handler)
      assert.equal(status, post("k").status)
      assert.equal(status, post("k").status)
      assert.equal(1, n)
    end

    it("what the handler returned, a failure too", function()
      assert_kept(503, function() return 503, "busy" end)
    end)

    it("what filters have made of it", function()
      gateway.after(function(_, response) response.status = 418 end)
      assert_kept(418, function() return 200 end)
    end)

    it("what a saga came to, whatever comes after", function()
      declare(true, function()
        local saga <close> = gateway.saga("order", "1")
        saga:commit { id = 1 }
        error "too late"
      end)
      assert.equal(500, post("k").status)
      local reply <const> = post "k"
      assert.same({ 201, '{"id":1}' }, { reply.status, reply.text })
      assert.equal(1, n)
    end)
  end)

  describe("keeps nothing of", function()
    local function assert_run_anew(status, handler)
      declare(true, handler)
      assert.equal(status, post("k").status)
      assert.equal(status, post("k").status)
      assert.equal(2, n)
    end

    it("a refusal", function()
      assert_run_anew(409, function() gateway.fail(409, "no") end)
    end)

    it("a bug", function() assert_run_anew(500, function() error "a bug" end) end)

    it("an answer that cannot be sent", function()
      assert_run_anew(500, function() return 200, nil, { [1] = "a" } end)
    end)

    it("a filter that raised", function()
      gateway.after(function() error "a bug" end)
      assert_run_anew(500, function() return 200 end)
    end)

    it("a failure of a backend", function()
      local b <const> = gateway.backend("b", { url = "http://b" })
      world.backends.b = function() return { kind = "connect" } end
      assert_run_anew(502, function() gateway.call(b:get "/y") end)
    end)

    it("a saga that was undone", function()
      local b <const> = gateway.backend("b", { url = "http://b" })
      world.backends.b = function() return { status = 200, json = {} } end
      assert_run_anew(409, function()
        local saga <close> = gateway.saga("order", "1")
        saga:step(b:post "/do", b:post "/undo")
        gateway.fail(409, "no")
      end)
    end)

    it("a request that was cancelled, though the handler did not mind", function()
      declare(true, function()
        pcall(gateway.sleep, 10)
        return 200
      end)
      post("k", { hang_up = 1 })
      post("k", { hang_up = 1 })
      assert.equal(2, n)
    end)

    it("what a filter answered in its place, and lets it answer again", function()
      local closed = true
      gateway.before(function() if closed then return 401 end end)
      declare(true)
      assert.equal(401, post("k").status)
      closed = false
      assert.equal(201, post("k").status)
      closed = true
      assert.equal(401, post("k").status)
      assert.equal(1, n)
    end)
  end)

  it("is declared with true, false or a table", function()
    for _, option in ipairs { 1, "yes", { require = true }, { required = 1 } } do
      local ok <const>, reason <const> = pcall(gateway.route, "POST /x", { idempotency = option },
        function() return 200 end)
      assert.is_false(ok)
      local words <const> = "option 'idempotency' must be true, false or { required = true }"
      assert.is_truthy(reason:find(words, 1, true), reason)
    end
  end)
end)
