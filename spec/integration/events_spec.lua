-- GET /admin/events: the live feed, byte by byte.
local cjson <const> = require "cjson"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"

local PRODUCT <const> = "/api/v1/products/TEST-001"
local MAX_STREAMS <const> = 32

describe("the live feed", function()
  local demo, gateway, port

  setup(function()
    demo = shop.open { WORKERS = 2 }
    gateway = demo.gateway
    gateway:admin("GET", "/admin/status") -- finds out the port
    port = gateway.admin_port
  end)
  teardown(process.end_all)

  -- A stream, past its header section; and that.
  local function open(version)
    local connection <const> = assert(http.connect(port))
    connection:send(("GET /admin/events HTTP/%s\r\nHost: 127.0.0.1:%d\r\n\r\n"):format(
      version or "1.1", port))
    local head <const> = {}
    repeat
      head[#head + 1] = connection.socket:receive "*l"
    until head[#head] == ""
    return connection, table.concat(head, "\n")
  end

  local function receive_chunk(connection)
    local size <const> = tonumber(connection.socket:receive "*l", 16)
    local data <const> = size > 0 and connection.socket:receive(size) or ""
    assert.equal("", connection.socket:receive "*l")
    return data
  end

  -- The events in some text: { name, data (decoded) }.
  local function events_of(text)
    local events <const> = {}
    for name, data in text:gmatch "event: (%w+)\ndata: ([^\n]+)\n\n" do
      events[#events + 1] = { name = name, data = cjson.decode(data) }
    end
    return events
  end

  it("begins with what was, and goes on with what is", function()
    assert.equal(200, gateway:get(PRODUCT).status)
    local stream <const>, head <const> = open()
    assert.is_truthy(head:find "^HTTP/1.1 200 OK\n")
    assert.is_truthy(head:find("Content-Type: text/event-stream", 1, true))
    assert.is_truthy(head:find("Cache-Control: no-store", 1, true))
    local first <const> = receive_chunk(stream)
    assert.is_truthy(first:find "^retry: %d+\n\n")
    local events <const> = events_of(first)
    assert.same({ "past", "live" }, { events[1].name, events[2].name })
    local past <const> = events[1].data
    assert.equal(#past.times, #past.requests_per_s)
    local following <const> = events_of(receive_chunk(stream))[1]
    assert.equal("live", following.name)
    assert.is_truthy(following.data.time > events[2].data.time)
    stream:close()
  end)

  it("tells the rates of routes and of backends", function()
    local stream <const> = open()
    receive_chunk(stream)
    for _ = 1, 10 do
      gateway:get(PRODUCT)
    end
    local live <const> = poll("the rates", function()
      local data <const> = events_of(receive_chunk(stream))[1].data
      return data.requests_per_s > 0 and data
    end)
    assert.equal("GET /api/v1/products/:id", live.routes[1].route)
    assert.equal(#live.routes, live.routes_in_all)
    assert.is_true(live.routes[1].p50_ms > 0)
    local inventory <const> = live.backends[1]
    assert.same({ "inventory", "closed" }, { inventory.name, inventory.state })
    assert.is_true(inventory.now.per_s > 0)
    assert.is_true(inventory.now.p99_ms >= inventory.now.p50_ms)
    assert.same({ open = 0, parked = 0 }, live.sagas)
    assert.same({ running = 0, waiting = 0 }, live.jobs)
    stream:close()
  end)

  it("tells since when a backend fails, and the gateway", function()
    local stream <const> = open()
    receive_chunk(stream)
    demo:break_down("inventory", { status = 500 })
    demo:break_down("pricing", { status = 500 })
    local live <const> = poll("failures", function()
      gateway:get(PRODUCT)
      local data <const> = events_of(receive_chunk(stream))[1].data
      return type(data.failing_since) == "string" and data
    end)
    local now <const> = live.backends[1].now
    assert.is_truthy(now.failing_since:find "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d")
    assert.is_true(now.failing_since <= live.time)
    assert.same({ cjson.null, cjson.null }, { now.slow_since, now.usual_ms })
    demo:repair()
    stream:close()
  end)

  it("speaks HTTP/1.0, without chunks", function()
    local stream <const>, head <const> = open "1.0"
    assert.is_nil(head:find "Transfer%-Encoding")
    assert.is_truthy(head:find("Connection: close", 1, true))
    assert.equal("retry: 1000", stream.socket:receive "*l")
    stream:close()
  end)

  it("is for GET, and for so many at a time", function()
    assert.equal(405, gateway:admin("HEAD", "/admin/events").status)
    local streams <const> = {}
    for i = 1, MAX_STREAMS do
      streams[i] = open()
    end
    local refused <const> = gateway:admin("GET", "/admin/events")
    assert.equal(503, refused.status)
    streams[1]:close()
    poll("a place", function()
      local stream <const>, head <const> = open()
      stream:close()
      return head:find "200 OK"
    end)
    for i = 2, MAX_STREAMS do
      streams[i]:close()
    end
  end)

  it("wants the token", function()
    local guarded <const> = demo:start_gateway { ADMIN_TOKEN = "secret" }
    assert.equal(401, guarded:admin("GET", "/admin/events").status)
    guarded:stop()
  end)

  it("ends in order when the gateway does, and does not hold it up", function()
    local stream <const> = open()
    gateway.process:signal "TERM"
    local last
    repeat
      last = receive_chunk(stream)
    until last == ""
    assert.is_true(stream:is_closed())
    assert.equal(0, gateway.process:wait())
  end)
end)
