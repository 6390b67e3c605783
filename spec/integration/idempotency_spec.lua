-- Requests with an Idempotency-Key: over two workers, through restarts, and wherever the gateway
-- dies.
local files <const> = require "support.files"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local KILLED <const> = 137
local MOST <const> = 40 -- an order passes no crash point more often
local CALCULATE <const> = "/api/v1/prices/calculate"
local ORDERS <const> = "/api/v1/orders"
local TWO <const> = { items = { { productId = "TEST-001", quantity = 2 } } }
local THREE <const> = { items = { { productId = "TEST-001", quantity = 3 } } }


describe("an Idempotency-Key", function()
  local demo

  local function open(settings)
    demo = shop.open { DATA_DIR = files.folder(), WORKERS = 2 }
    if settings then
      demo.gateway:stop()
      demo:start_gateway(settings)
    end
  end
  after_each(process.end_all)

  local function headers_of(key, more)
    local headers = { "Idempotency-Key: " .. key }
    table.move(more or {}, 1, #(more or {}), 2, headers)
    return headers
  end

  local function order(key, json, more)
    return demo.gateway:request("POST", ORDERS,
      { json = json or TWO, headers = headers_of(key, more) })
  end

  local function begin(key, json)
    return demo.gateway:begin("POST", ORDERS, { json = json or TWO, headers = headers_of(key) })
  end

  local function assert_replayed(first, second)
    assert.equal(first.status, second.status, second.body)
    assert.equal(first.body, second.body)
    for _, name in ipairs { "content-type", "location" } do
      assert.equal(first.headers[name], second.headers[name])
    end
    assert.is_nil(first.headers["idempotency-replayed"])
    assert.equal("true", second.headers["idempotency-replayed"])
    assert.are_not_equal(first.headers["x-correlation-id"], second.headers["x-correlation-id"])
  end

  local function assert_problem(status, response, detail)
    assert.equal(status, response.status, response.body)
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.is_truthy(response.json.detail:find(detail, 1, true), response.json.detail)
  end


  describe("of an order", function()
    before_each(function() open() end)

    it("has it placed once, and answered as often as it is asked for", function()
      local first = order '"k-1"'
      assert.equal(201, first.status, first.body)
      for _ = 1, 4 do -- whichever worker
        assert_replayed(first, order '"k-1"')
      end
      assert_replayed(first, order "k-1")
      assert.equal(1, #demo:reservations())
    end)

    it("is another one with other quotes inside", function()
      local first, second = order [["a\"b"]], order [["a\\b"]]
      assert.same({ 201, 201 }, { first.status, second.status })
      assert.are_not_equal(first.body, second.body)
    end)

    it("belongs to one request", function()
      local first = order "k-1"
      assert_problem(422, order("k-1", THREE), "another request")
      assert_problem(422, demo.gateway:request("POST", ORDERS .. "?a=1",
        { json = TWO, headers = headers_of "k-1" }), "another request")
      assert_replayed(first, order "k-1")
      assert.equal(1, #demo:reservations())
    end)

    it("belongs to one caller", function()
      local first = order("k-1", TWO, { "Authorization: Bearer a" })
      local second = order("k-1", TWO, { "Authorization: Bearer b" })
      local third = order("k-1", THREE)
      assert.same({ 201, 201, 201 }, { first.status, second.status, third.status })
      assert.equal(3, #demo:reservations())
      assert_replayed(first, order("k-1", TWO, { "Authorization: Bearer a" }))
      assert_replayed(third, order("k-1", THREE))
    end)

    it("belongs to one route", function()
      order "k-1"
      local wish = { reportType = "low_stock", startDate = "2026-01-01", endDate = "2026-01-31" }
      local function generate(key)
        return demo.gateway:request("POST", "/api/v1/reports/generate",
          { json = wish, headers = headers_of(key) })
      end
      local first = generate "k-1"
      assert.equal(202, first.status, first.body)
      assert_replayed(first, generate "k-1")
      assert.are_not_equal(first.json.jobId, generate("k-2").json.jobId)
      assert.is_nil(demo.gateway:post("/api/v1/reports/generate", wish)
        .headers["idempotency-replayed"])
    end)

    it("is refused if it is none", function()
      for _, value in ipairs { "", '""', '"a', 'a"', "a b", "a,b", '"a";p=1', '"a\\b"',
        '"\195\164"', ("x"):rep(256) } do
        assert_problem(400, order(value), "Idempotency-Key must be")
      end
      assert_problem(400, order("a", TWO, { "Idempotency-Key: a" }), "Idempotency-Key must be")
      assert.same({}, demo:reservations())
      assert.equal(201, order(("x"):rep(255)).status)
    end)

    it("is in work until it is answered", function()
      demo:break_down("pricing", { latency_ms = 60000, path = CALCULATE })
      local connection = begin "k-1"
      demo:await_reservations(1)
      for _ = 1, 4 do
        local response = order "k-1"
        assert_problem(409, response, "still in work")
        assert.equal("1", response.headers["retry-after"])
      end
      assert_problem(422, order("k-1", THREE), "another request")
      connection:close()
      demo:repair()
      demo:await_reservations(0)
      local anew = poll("a free key", function()
        local response = order "k-1"
        return response.status ~= 409 and response
      end)
      assert.equal(201, anew.status)
      assert.is_nil(anew.headers["idempotency-replayed"])
      assert.equal(1, #demo:reservations())
    end)

    it("is used once by fifty at once", function()
      local connections, n, orders = {}, { [201] = 0, [409] = 0 }, {}
      for i = 1, 50 do
        connections[i] = begin "k-1"
      end
      for _, connection in ipairs(connections) do
        local response = connection:finish()
        n[response.status] = n[response.status] + 1
        if response.status == 201 then orders[response.json.orderId] = true end
      end
      assert.is_true(n[201] >= 1, "nobody was answered")
      assert.is_nil(next(orders, (next(orders))))
      assert.equal(1, #demo:reservations())
      assert.equal(next(orders), order("k-1").json.orderId)
    end)

    it("is free after what was raised", function()
      assert.equal(422, order("k-1", { items = {} }).status)
      demo:break_down("pricing", { status = 500 })
      assert.equal(502, order("k-1").status)
      demo:repair()
      local response = order "k-1"
      assert.equal(201, response.status, response.body)
      assert.is_nil(response.headers["idempotency-replayed"])
      assert.equal(1, #demo:reservations())
    end)

    it("is not free while something is still to be undone", function()
      demo:break_down("inventory", { status = 503, path = "/api/v1/stock/release" })
      demo:break_down("pricing", { status = 500 })
      assert.equal(502, order("k-1").status)
      assert_problem(409, order "k-1", "still in work")
      assert_problem(422, order("k-1", THREE), "another request")
      demo:kill "gateway"
      demo:start_gateway()
      assert_problem(409, order "k-1", "still in work")
      demo:repair()
      local anew = poll("a free key", function()
        local response = order "k-1"
        return response.status ~= 409 and response
      end)
      assert.equal(201, anew.status)
      assert.equal(1, #demo:reservations())
    end)

    it("is known to the next process", function()
      local first, second = order("k-1"), order("k-2", THREE)
      assert.equal(0, demo.gateway:stop())
      demo:start_gateway()
      assert_replayed(first, order "k-1")
      demo:kill "gateway"
      demo:start_gateway()
      assert_replayed(first, order "k-1")
      assert_replayed(second, order("k-2", THREE))
      assert_problem(422, order "k-2", "another request")
      assert.equal(201, order("k-3").status)
      assert.equal(3, #demo:reservations())
    end)
  end)


  it("is forgotten after a while", function()
    open { IDEMPOTENCY_KEEP_SECONDS = 1 }
    local first = order "k-1"
    assert_replayed(first, order "k-1")
    local anew = poll("a forgotten key", function()
      local response = order "k-1"
      return not response.headers["idempotency-replayed"] and response
    end)
    assert.equal(201, anew.status)
    assert.are_not_equal(first.json.orderId, anew.json.orderId)
  end)


  describe("of a script's own", function()
    local SCRIPT <const> = [[
      local gateway <const> = require "gateway"
      gateway.before(function(req)
        if req.headers["x-locked"] then return 401, { error = "locked" } end
      end)
      gateway.after(function(req, response)
        if req.query.bad_filter then error "bad filter" end
        response.headers["x-amended"] = "yes"
      end)
      local function run(req)
        local what <const> = req.params.what
        if what == "bug" then error "a bug" end
        if what == "fail" then gateway.fail(409, "no") end
        if what == "drop" then gateway.drop() end
        if what == "unsaid" then return 200, { x = 0 / 0 } end
        if what == "large" then return 200, ("x"):rep(2000) end
        if what == "empty" then return 204 end
        if what == "twice" then return 503, "busy", { ["set-cookie"] = { "a=1", "b=2" } } end
        if what == "committed" then
          local saga <close> = gateway.saga("thing", gateway.id())
          saga:commit { done = req.query.n }
          error "a bug, too late"
        end
        return 200, { id = gateway.id() }
      end
      gateway.route("POST /free/:what", { idempotency = true }, run)
      gateway.route("POST /bound/:what", { idempotency = { required = true } }, run)
      gateway.route("POST /plain/:what", run)
    ]]

    before_each(function()
      open {
        SCRIPTS_DIR = files.folder { ["init.lua"] = SCRIPT },
        IDEMPOTENCY_MAX_BYTES = 1024,
      }
    end)

    local function post(path, ...)
      return demo.gateway:request("POST", path, { headers = { ... }, body = "" })
    end

    local KEY <const> = "Idempotency-Key: k"

    it("may be required", function()
      assert_problem(400, post "/bound/id", "needs an Idempotency-Key")
      assert.equal(200, post("/bound/id", KEY).status)
      assert.equal(200, post("/free/id").status)
    end)

    it("means nothing where the route does not say so", function()
      local first, second = post("/plain/id", KEY), post("/plain/id", KEY)
      assert.are_not_equal(first.body, second.body)
    end)

    it("keeps what was returned: status, fields, an empty body", function()
      for _, what in ipairs { "id", "empty", "twice" } do
        local key = "Idempotency-Key: " .. what
        local first, second = post("/free/" .. what, key), post("/free/" .. what, key)
        assert_replayed(first, second)
        assert.equal(first.headers["set-cookie"], second.headers["set-cookie"])
        assert.equal("yes", second.headers["x-amended"])
      end
    end)

    it("keeps nothing of what was raised", function()
      for _, what in ipairs { "bug", "fail", "unsaid", "id?bad_filter=1" } do
        for _ = 1, 2 do
          local response = post("/free/" .. what, KEY)
          assert.is_true(response.status >= 409)
          assert.is_nil(response.headers["idempotency-replayed"])
        end
      end
      pcall(post, "/free/drop", KEY)
      assert.equal(200, post("/free/id", KEY).status)
    end)

    it("does not open what a filter has closed", function()
      assert.equal(401, post("/free/id", KEY, "X-Locked: yes").status)
      local first = post("/free/id", KEY)
      assert.equal(200, first.status)
      assert.equal(401, post("/free/id", KEY, "X-Locked: yes").status)
      assert_replayed(first, post("/free/id", KEY))
    end)

    it("says so if the answer was too large to be kept", function()
      assert.equal(200, post("/free/large", KEY).status)
      local response = post("/free/large", KEY)
      assert_problem(409, response, "more than is kept")
      assert.is_nil(response.headers["retry-after"])
    end)

    it("is decided by a saga that is committed, whatever comes after", function()
      assert.equal(500, post("/free/committed?n=1", KEY).status)
      local response = post("/free/committed?n=1", KEY)
      assert.equal(201, response.status, response.body)
      assert.same({ done = "1" }, response.json)
      assert.equal("application/json", response.headers["content-type"])
      assert.equal("true", response.headers["idempotency-replayed"])
    end)
  end)


  describe("when the gateway dies", function()
    before_each(function() open() end)

    local function try(key)
      local ok, response = pcall(order, key)
      return ok and response or nil
    end

    -- As a client does: until there is an answer.
    local function insist(key)
      return poll("an answer", function()
        local response = try(key)
        return response and response.status ~= 409 and response.status ~= 503 and response
      end)
    end

    for _, point in ipairs { "before_write", "in_write", "after_write", "before_send",
      "after_send" } do
      it(("at %s, still has the order placed once"):format(point), function()
        demo.gateway:stop()
        for nth = 1, MOST do
          local key = ("k-%s-%d"):format(point, nth)
          demo:start_gateway { MOONGATE_CRASH_AT = ("%s:%d"):format(point, nth) }
          local first = try(key)
          local died = not first
          if died then
            demo.gateway.process:expect(KILLED)
            assert.equal(KILLED, demo.gateway.process:wait())
          else
            assert.equal(201, first.status, first.body)
            demo.gateway.process:signal "TERM" -- it may still die at what nobody waits for
            if demo.gateway.process:wait() == KILLED then
              demo.gateway.process:expect(KILLED)
              died = true
            end
          end
          demo:start_gateway()
          local answer = insist(key)
          assert.equal(201, answer.status, answer.body)
          if first then assert.equal(first.body, answer.body) end
          local reserved = demo:release_all()
          assert.equal(1, #reserved)
          assert.equal(answer.json.orderId, reserved[1].orderId)
          assert.equal(answer.body, order(key).body)
          demo.gateway:stop()
          if not died then return end
        end
        error(point .. " is passed without end")
      end)
    end
  end)
end)
