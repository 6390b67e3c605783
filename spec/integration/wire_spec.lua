-- HTTP/1.1 as it is on the wire: every request here is written out.
local gateways <const> = require "support.gateway"
local http <const> = require "support.http"
local process <const> = require "support.process"

local SCRIPTS <const> = [[
local gateway <const> = require "gateway"

gateway.route("GET /", function() return 200, "home" end)

gateway.route("GET /later", function(req)
  gateway.sleep(0.3)
  return 200, "later " .. (req.query.n or "")
end)

gateway.route("POST /echo", function(req) return 200, req.body end)

gateway.route("POST /small", { max_body = 10 }, function(req) return 200, req.body end)

gateway.route("GET /request/:name", function(req)
  return 200, {
    method = req.method,
    path = req.path,
    name = req.params.name,
    query = req.query,
    headers = req.headers,
  }
end)
]]


local function lines(...)
  return table.concat({ ... }, "\r\n") .. "\r\n\r\n"
end


describe("the wire", function()
  local gateway

  setup(function()
    gateway = gateways.start_with(SCRIPTS, {
      IDLE_SECONDS = 3,
      HEADER_SECONDS = 1,
      BODY_IDLE_SECONDS = 1,
      MAX_BODY_BYTES = 100000,
      CORS_ALLOW_ORIGINS = "https://a.example, https://b.example:8443",
    })
  end)
  teardown(process.end_all)

  local function send(...)
    return gateway:connect():send(...)
  end

  -- The response, and the connection closed after it: what came was refused for good.
  local function refusal(text)
    local connection = send(text)
    local response = connection:receive()
    assert.equal("close", response.headers.connection, text)
    assert.is_true(connection:is_closed(), text)
    connection:close()
    return response
  end

  -- The body of the one response to `text`.
  local function body_for(text)
    local response = send(text):finish()
    assert.equal(200, response.status, response.body)
    return response.body
  end

  local HOME <const> = lines("GET / HTTP/1.1", "Host: x")


  describe("connections", function()
    it("are kept", function()
      local connection = gateway:connect()
      for _ = 1, 5 do
        local response = connection:request("GET", "/")
        assert.equal("home", response.body)
        assert.is_nil(response.headers.connection)
      end
      connection:close()
    end)

    it("are closed when the client says so", function()
      local connection = send(lines("GET / HTTP/1.1", "Host: x", "Connection: close"))
      local response = connection:receive()
      assert.equal("home", response.body)
      assert.equal("close", response.headers.connection)
      assert.is_true(connection:is_closed())
    end)

    it("are kept after an answer without a body, and after a problem", function()
      local connection = gateway:connect()
      assert.equal("4", connection:request("HEAD", "/").headers["content-length"])
      assert.equal(404, connection:request("GET", "/nope").status)
      assert.equal(405, connection:request("POST", "/", { body = "unread" }).status)
      assert.equal(404, connection:request("POST", "/nope", { body = "unread" }).status)
      assert.equal(204, connection:request("OPTIONS", "/").status)
      assert.equal("home", connection:request("GET", "/").body)
      connection:close()
    end)

    it("are closed when nothing comes, without a word", function()
      local silent, used = gateway:connect(), gateway:connect()
      assert.equal("home", used:request("GET", "/").body)
      assert.is_true(silent:is_closed())
      assert.is_true(used:is_closed())
    end)

    it("wait their turn where there are as many as may be", function()
      local small = gateways.start_with(SCRIPTS, { MAX_CONNECTIONS = 2 })
      local first, second = small:connect(), small:connect()
      assert.equal("home", first:request("GET", "/").body)
      assert.equal("home", second:request("GET", "/").body)
      local third = small:begin("GET", "/")
      assert.is_false(third:hears(0.2))
      first:close()
      assert.equal("home", third:receive().body)
      second:close()
      third:close()
    end)

    it("speak HTTP/1.0", function()
      local connection = send("GET / HTTP/1.0\r\n\r\n")
      assert.equal("home", connection:receive().body)
      assert.is_true(connection:is_closed())

      connection = send(lines("GET / HTTP/1.0", "Connection: keep-alive"))
      local response = connection:receive()
      assert.equal("keep-alive", response.headers.connection)
      assert.equal("home", connection:request("GET", "/").body)
      connection:close()
    end)
  end)


  describe("pipelined requests", function()
    it("are answered in order, however long each takes", function()
      local connection = send(lines("GET /later?n=1 HTTP/1.1", "Host: x") .. HOME
        .. lines("GET /nope HTTP/1.1", "Host: x") .. lines("GET /later?n=2 HTTP/1.1", "Host: x"))
      assert.equal("later 1", connection:receive().body)
      assert.equal("home", connection:receive().body)
      assert.equal(404, connection:receive().status)
      assert.equal("later 2", connection:receive().body)
      connection:close()
    end)

    it("may be many, with bodies", function()
      local texts = {}
      for i = 1, 200 do
        texts[i] = http.format("POST", "/echo", { body = "number " .. i })
      end
      local connection = send(table.concat(texts))
      for i = 1, 200 do
        assert.equal("number " .. i, connection:receive().body)
      end
      connection:close()
    end)

    it("end with the one that is bad", function()
      local connection = send(HOME .. "BAD\r\n\r\n" .. HOME)
      assert.equal("home", connection:receive().body)
      assert.equal(400, connection:receive().status)
      assert.is_true(connection:is_closed())
    end)
  end)


  describe("requests", function()
    it("may come byte by byte", function()
      local connection = gateway:connect()
      for byte in http.format("POST", "/echo", { body = "split" }):gmatch "." do
        connection:send(byte)
      end
      assert.equal("split", connection:finish().body)
    end)

    it("reach the script as they were sent", function()
      local seen = send(lines("GET /request/a%2Fb%20c?x=1&y=%26&x=2&z HTTP/1.1", "Host: example:81",
        "X-Twice: one", "X-Twice: two", "X-Space:   around   ")):finish().json
      assert.same({ "GET", "a/b c" }, { seen.method, seen.name })
      assert.equal("&", seen.query.y)
      assert.same({ "example:81", "around" }, { seen.headers.host, seen.headers["x-space"] })
      assert.equal("one, two", seen.headers["x-twice"])
    end)

    it("may name the server in their target", function()
      assert.equal("home", body_for(lines("GET http://x/ HTTP/1.1", "Host: x")))
      assert.equal("home", body_for(lines("GET http://x HTTP/1.1", "Host: y")))
      local response = send(lines("OPTIONS * HTTP/1.1", "Host: x")):finish()
      assert.equal(204, response.status)
      assert.is_truthy(response.headers.allow:find "GET")
    end)

    it("may have empty lines before them", function()
      assert.equal("home", body_for("\r\n\r\n" .. HOME))
    end)

    it("find dot segments resolved, and nothing above the root", function()
      assert.equal("home", body_for(lines("GET /a/../ HTTP/1.1", "Host: x")))
      assert.equal("home", body_for(lines("GET /a/%2e%2E/ HTTP/1.1", "Host: x")))
      assert.equal(400, send(lines("GET /../ HTTP/1.1", "Host: x")):finish().status)
    end)
  end)


  describe("bodies", function()
    local function chunked(...)
      return lines("POST /echo HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")
        .. table.concat { ... }
    end

    it("may be chunked, with extensions and trailers", function()
      assert.equal("hello world", body_for(chunked("5;name=value\r\nhello\r\n",
        "006\r\n world\r\n", "0\r\nX-End: 1\r\n\r\n")))
      assert.equal("", body_for(chunked("0\r\n\r\n")))
    end)

    it("may be chunked, byte by byte, with another request after them", function()
      local connection = gateway:connect()
      for byte in chunked("3\r\nabc\r\n", "0\r\n\r\n"):gmatch "." do
        connection:send(byte)
      end
      assert.equal("abc", connection:receive().body)
      assert.equal("home", connection:request("GET", "/").body)
      connection:close()
    end)

    it("may be anything, and large", function()
      local body = ("\0\r\n\xff"):rep(25000)
      local response = gateway:request("POST", "/echo", { body = body })
      assert.is_true(response.body == body)
    end)

    it("are asked for, where the client waits for that", function()
      local connection = send(lines("POST /echo HTTP/1.1", "Host: x", "Content-Length: 5",
        "Expect: 100-continue"))
      assert.equal(100, connection:receive().status)
      connection:send "hello"
      assert.equal("hello", connection:receive().body)
      connection:close()
    end)

    it("are not asked for when the request is refused", function()
      for status, request in pairs {
        [404] = { "POST /nope HTTP/1.1", "Content-Length: 5" },
        [405] = { "POST / HTTP/1.1", "Content-Length: 5" },
        [413] = { "POST /echo HTTP/1.1", "Content-Length: 100001" },
      } do
        local text = lines(request[1], "Host: x", request[2], "Expect: 100-continue")
        assert.equal(status, refusal(text).status)
      end
    end)

    it("are refused when they are too large", function()
      for _, text in ipairs {
        lines("POST /echo HTTP/1.1", "Host: x", "Content-Length: 100001"),
        chunked(("186A0\r\n%s\r\n"):format(("x"):rep(100000)), "1\r\nx\r\n"),
        lines("POST /small HTTP/1.1", "Host: x", "Content-Length: 11"),
      } do
        assert.equal(413, refusal(text).status)
      end
      assert.equal("0123456789",
        gateway:request("POST", "/small", { body = "0123456789" }).body)
    end)
  end)


  describe("what is not HTTP", function()
    local function get(...)
      return lines("GET / HTTP/1.1", "Host: x", ...)
    end

    local function post(...)
      return lines("POST /echo HTTP/1.1", "Host: x", ...)
    end

    local CHUNKED <const> = "Transfer-Encoding: chunked"

    -- Each is refused with this status, and the connection closed.
    local refused <const> = {
      ["no version"] = { 400, "GET /\r\n\r\n" },
      ["two spaces"] = { 400, lines("GET  / HTTP/1.1", "Host: x") },
      ["a space in the target"] = { 400, lines("GET /a b HTTP/1.1", "Host: x") },
      ["a tab for a space"] = { 400, lines("GET\t/ HTTP/1.1", "Host: x") },
      ["a bad method"] = { 400, lines("G@T / HTTP/1.1", "Host: x") },
      ["a small version"] = { 400, lines("GET / http/1.1", "Host: x") },
      ["a long version"] = { 400, lines("GET / HTTP/1.10", "Host: x") },
      ["HTTP/2"] = { 505, lines("GET / HTTP/2.0", "Host: x") },
      ["the preface of HTTP/2"] = { 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
      ["TLS"] = { 400, "\22\3\1\2\0\1\0\1\252\3\3" },
      ["a relative target"] = { 400, lines("GET index.html HTTP/1.1", "Host: x") },
      ["* without OPTIONS"] = { 400, lines("GET * HTTP/1.1", "Host: x") },
      ["CONNECT"] = { 501, lines("CONNECT x:443 HTTP/1.1", "Host: x") },
      ["a fragment"] = { 400, lines("GET /#a HTTP/1.1", "Host: x") },
      ["bare line feeds"] = { 400, "GET / HTTP/1.1\nHost: x\n\n" },
      ["a bare line feed in the head"] = { 400, "GET / HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n" },
      ["a bare carriage return"] = { 400, get "X-A: b\rX-B: c" },
      ["a NUL in a value"] = { 400, get "X-A: b\0c" },
      ["a control character in a value"] = { 400, get "X-A: b\1c" },
      ["no Host"] = { 400, lines "GET / HTTP/1.1" },
      ["two Hosts"] = { 400, get "Host: x" },
      ["a bad Host"] = { 400, lines("GET / HTTP/1.1", "Host: a b") },
      ["a space before the colon"] = { 400, get "X-A : b" },
      ["a folded line"] = { 400, get("X-A: b", " c") },
      ["a field without a name"] = { 400, get ": b" },
      ["a field without a colon"] = { 400, get "X-A" },
      ["a bad name"] = { 400, get "X(A): b" },
      ["a length with a sign"] = { 400, post "Content-Length: +5" },
      ["a negative length"] = { 400, post "Content-Length: -1" },
      ["a length that is none"] = { 400, post "Content-Length: 5x" },
      ["an empty length"] = { 400, post "Content-Length:" },
      ["a list of lengths"] = { 400, post "Content-Length: 5, 5" },
      ["two lengths"] = { 400, post("Content-Length: 5", "Content-Length: 5") },
      ["a length beyond measure"] = { 400, post "Content-Length: 18446744073709551617" },
      ["a length and chunks"] = { 400, post("Content-Length: 5", CHUNKED) },
      ["an unknown coding"] = { 501, post "Transfer-Encoding: gzip" },
      ["a coding before chunked"] = { 501, post "Transfer-Encoding: gzip, chunked" },
      ["chunked twice"] = { 400, post "Transfer-Encoding: chunked, chunked" },
      ["chunked, but not last"] = { 400, post "Transfer-Encoding: chunked, gzip" },
      ["chunks in HTTP/1.0"] = { 400, lines("POST /echo HTTP/1.0", CHUNKED) },
      ["an unknown expectation"] = { 417, post("Content-Length: 1", "Expect: tea") },
      ["a chunk size with a sign"] = { 400, post(CHUNKED) .. "+1\r\nx\r\n0\r\n\r\n" },
      ["a chunk size with 0x"] = { 400, post(CHUNKED) .. "0x1\r\nx\r\n0\r\n\r\n" },
      ["a chunk size beyond measure"] = { 400, post(CHUNKED) .. "fffffffffffffffff\r\nx" },
      ["no chunk size"] = { 400, post(CHUNKED) .. "\r\nx\r\n0\r\n\r\n" },
      ["a chunk without its end"] = { 400, post(CHUNKED) .. "1\r\nxy\r\n0\r\n\r\n" },
      ["a bare line feed after a chunk"] = { 400, post(CHUNKED) .. "1\r\nx\n0\r\n\r\n" },
      ["a bad trailer"] = { 400, post(CHUNKED) .. "0\r\nX-A : b\r\n\r\n" },
      ["a line that is too long"] = { 414, "GET /" .. ("x"):rep(8192) .. " HTTP/1.1\r\n" },
      ["a field that is too long"] = { 431, get("X-A: " .. ("x"):rep(32768)) },
      ["too many fields"] = { 431, get(table.unpack((function()
        local fields = {}
        for i = 1, 100 do
          fields[i] = "X-A: b"
        end
        return fields
      end)())) },
    }

    for what, case in pairs(refused) do
      it("is refused: " .. what, function()
        local response = refusal(case[2])
        assert.equal(case[1], response.status, response.body)
        assert.equal("application/problem+json", response.headers["content-type"])
        assert.is_string(response.json.detail)
      end)
    end

    it("does not stop the rest", function()
      assert.equal("home", gateway:get("/").body)
    end)

    it("keeps the connection where the framing is not in doubt", function()
      local connection = gateway:connect()
      for _, path in ipairs { "/%00", "/%", "/%zz", "/../x", "/%2e%2e/%2e%2e/x" } do
        assert.equal(400, connection:request("GET", path).status, path)
      end
      assert.equal("home", connection:request("GET", "/").body)
      connection:close()
    end)
  end)


  describe("clients that are slow", function()
    it("have so long for the head", function()
      for _, start in ipairs { "G", "GET / HTTP/1.1\r\nHost: x\r\nX-A: " } do
        local response = refusal(start)
        assert.equal(408, response.status)
      end
    end)

    it("do not gain time by sending a little", function()
      local connection, pieces = send "GET / HTTP/1.1\r\nHost: x\r\n", 0
      while not connection:hears(0.1) do
        connection:send "X-A: b\r\n"
        pieces = pieces + 1
        assert(pieces < 50)
      end
      assert.equal(408, connection:finish().status)
    end)

    it("have so long for each piece of the body", function()
      local response = refusal(lines("POST /echo HTTP/1.1", "Host: x", "Content-Length: 5") .. "he")
      assert.equal(408, response.status)
    end)

    it("do not keep others waiting", function()
      local slow = send "GET / HT"
      assert.equal("home", gateway:get("/").body)
      assert.equal(408, slow:finish().status)
    end)
  end)


  describe("browsers of other origins", function()
    local function get_from(origin)
      return gateway:get("/", origin and "Origin: " .. origin)
    end

    it("may see what a listed one asked for", function()
      for _, origin in ipairs { "https://a.example", "https://b.example:8443" } do
        local headers = get_from(origin).headers
        assert.equal(origin, headers["access-control-allow-origin"])
        assert.equal("true", headers["access-control-allow-credentials"])
        assert.equal("X-Correlation-ID", headers["access-control-expose-headers"])
        assert.equal("Origin", headers.vary)
      end
    end)

    it("may not where it is not listed", function()
      for _, origin in ipairs { "https://evil.example", "http://a.example", "https://b.example",
        "null", "https://a.example.evil" } do
        local response = get_from(origin)
        assert.equal(200, response.status)
        assert.is_nil(response.headers["access-control-allow-origin"], origin)
        assert.equal("Origin", response.headers.vary)
      end
      assert.equal("Origin", get_from(nil).headers.vary)
    end)

    it("see errors too", function()
      local response = gateway:get("/nope", "Origin: https://a.example")
      assert.equal("https://a.example", response.headers["access-control-allow-origin"])
    end)

    local function ask_before(origin)
      return gateway:request("OPTIONS", "/echo", { headers = {
        "Origin: " .. origin,
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type, x-correlation-id",
      } })
    end

    it("ask before", function()
      local response = ask_before "https://a.example"
      assert.equal(204, response.status)
      local headers = response.headers
      assert.equal("https://a.example", headers["access-control-allow-origin"])
      assert.is_truthy(headers["access-control-allow-methods"]:find("POST", 1, true))
      assert.equal("content-type, x-correlation-id", headers["access-control-allow-headers"])
      assert.equal("Origin", headers.vary)
    end)

    it("are told nothing where they are not listed", function()
      local headers = ask_before("https://evil.example").headers
      assert.is_nil(headers["access-control-allow-origin"])
      assert.is_nil(headers["access-control-allow-methods"])
    end)

    it("have no credentials where all are welcome", function()
      local open = gateways.start_with(SCRIPTS, { CORS_ALLOW_ORIGINS = "*" })
      local headers = open:get("/", "Origin: https://any.example").headers
      assert.equal("*", headers["access-control-allow-origin"])
      assert.is_nil(headers["access-control-allow-credentials"])
    end)

    it("are not talked of where nobody asked for it", function()
      local closed = gateways.start_with(SCRIPTS)
      local response = closed:get("/", "Origin: https://a.example")
      assert.is_nil(response.headers["access-control-allow-origin"])
      assert.is_nil(response.headers.vary)
    end)
  end)
end)
