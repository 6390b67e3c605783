-- Scripts that misbehave: what becomes of the request, and that the gateway does not care.
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"

local SCRIPTS <const> = {}

SCRIPTS["init.lua"] = [[
local gateway <const> = require "gateway"
require "misuse"

local nowhere <const> = gateway.backend("nowhere", { url = "http://127.0.0.1:1" })
local itself <const> = gateway.backend("itself", { url = gateway.env "INVENTORY_SERVICE_URL" })

gateway.route("GET /", function() return 200, "home" end)
gateway.route("GET /sleep", { deadline = 3 }, function() gateway.sleep(60) return 200 end)

-- --- errors ---

local function deep() error "boom" end
gateway.route("GET /error", function() deep() return 200 end)
gateway.route("GET /error-table", function() error { secret = 1 } end)
gateway.route("GET /error-nil", function() error(nil) end)
gateway.route("GET /index-nil", function(req) return 200, req.nothing.at.all end)
gateway.route("GET /overflow", function()
  local function recurse(n) return 1 + recurse(n + 1) end
  return 200, recurse(1)
end)
gateway.route("GET /error-in-handler", function()
  error(setmetatable({}, { __tostring = function() error "again" end }))
end)
gateway.route("GET /unknown-global", function() return 200, undefined_name end)
gateway.route("GET /set-global", function() leaked = 1 return 200 end)
gateway.route("GET /outside", function()
  return 200, { io = pcall(function() return io end), execute = os.execute == nil }
end)
gateway.route("GET /after-load", function() gateway.route("GET /new", print) end)

-- --- answers that are none ---

gateway.route("GET /nothing", function() end)
gateway.route("GET /text-status", function() return "200" end)
gateway.route("GET /status-99", function() return 99 end)
gateway.route("GET /function", function() return 200, { fn = print } end)
gateway.route("GET /nan", function() return 200, { a = { 0 / 0 } } end)
gateway.route("GET /cycle", function() local t = {} t.t = t return 200, t end)
gateway.route("GET /bad-text", function() return 200, { "\xff" } end)
gateway.route("GET /reserved-header", function() return 200, "x", { ["Content-Length"] = "5" } end)
gateway.route("GET /split-header", function() return 200, "x", { ["X-A"] = "b\r\nX-C: d" } end)

-- --- waiting in the wrong way ---

gateway.route("GET /stubborn", { deadline = 0.3 }, function()
  local caught = 0
  for _ = 1, 1000 do
    if not pcall(gateway.call, itself:get "/sleep") then caught = caught + 1 end
    if not pcall(gateway.sleep, 60) then caught = caught + 1 end
  end
  gateway.log.info("stubborn", { caught = caught })
  return gateway.call(itself:get "/").status
end)
gateway.route("GET /for-ever", { deadline = 0.2 }, function()
  while true do pcall(gateway.sleep, 0.05) end
end)
local function wait() return gateway.call(itself:get "/").body end
local WAITS <const> = {
  gsub = function() return (("a b"):gsub("%w", wait)) end,
  sort = function() table.sort({ 3, 1, 2 }, function(a, b) wait() return a < b end) end,
  handler = function() return select(2, xpcall(error, function() gateway.sleep(0.1) end)) end,
  sleep = function() return (("a"):gsub("a", function() gateway.sleep(0.01) end)) end,
  map = function() return (("a"):gsub("a", function() gateway.map({ 1 }, wait) end)) end,
}
gateway.route("GET /waits/:where", function(req)
  local ok <const>, reason <const> = pcall(WAITS[req.params.where])
  return 200, { ok = ok, reason = tostring(reason), after = wait() }
end)
gateway.route("POST /accept", function() return 200, {} end)
gateway.route("POST /saga/:id", function(req)
  local saga <close> = gateway.saga("order", req.params.id)
  local note <const> = { n = 1 }
  saga:step(itself:post("/accept", { json = note }), itself:post("/accept", { json = note }))
  note.n = 2
  saga:step(itself:post("/accept", { json = note }), itself:post("/accept", { json = note }))
  gateway.fail(409, "no such thing: " .. req.params.id)
end)
gateway.route("GET /log-it", function(req)
  gateway.log.info("seen", { agent = req.headers["user-agent"], fn = print, nan = 0 / 0 })
  return 200, "logged"
end)
gateway.route("GET /changed-failure", function()
  local failure <const> = select(2, pcall(gateway.fail, 400, "x"))
  failure.detail, failure.members = nil, 5
  error(failure)
end)
gateway.route("GET /yield", function() coroutine.yield "out" return 200 end)
gateway.route("GET /own-coroutine", function()
  local ok <const>, reason <const> = coroutine.wrap(function()
    return pcall(gateway.call, itself:get "/")
  end)()
  return 200, { ok = ok, reason = tostring(reason), after = gateway.call(itself:get "/").status }
end)
gateway.route("GET /resume-itself", function()
  return 200, { resumed = (coroutine.resume(coroutine.create(function() gateway.sleep(0) end))) }
end)
gateway.route("GET /deadline", { deadline = 0.2 }, function() gateway.sleep(60) return 200 end)
gateway.route("GET /unreachable", function() return 200, gateway.call(nowhere:get "/").json end)
gateway.route("GET /one-fails", function()
  gateway.gather { gone = nowhere:get "/", late = itself:get "/sleep" }
  return 200
end)
gateway.route("GET /map-fails", function()
  gateway.map({ 1, 2, 3 }, function(i) if i == 2 then error "two" end gateway.sleep(60) end)
  return 200
end)
gateway.route("GET /drop", function() gateway.drop() end)
]]

SCRIPTS["misuse.lua"] = [[
local gateway <const> = require "gateway"

local function broken(req)
  if req.headers["x-break"] == "before" then error "broken before" end
end
gateway.before(broken)
gateway.after(function(req, response)
  if req.headers["x-break"] == "after" then error "broken after" end
  response.headers["x-seen"] = "yes"
end)
]]


describe("scripts that misbehave", function()
  local production, development

  -- The backend `itself` is a third gateway with the same scripts.
  setup(function()
    local behind = gateways.start_with(SCRIPTS, { INVENTORY_SERVICE_URL = "http://127.0.0.1:1" })
    local url = "http://127.0.0.1:" .. behind.port
    production = gateways.start_with(SCRIPTS, { INVENTORY_SERVICE_URL = url, LOG_FOLD_SECONDS = 0 })
    development = gateways.start_with(SCRIPTS,
      { INVENTORY_SERVICE_URL = url, GATEWAY_ENV = "development" })
  end)
  teardown(process.end_all)
  after_each(function()
    assert.equal("home", production:get("/").body)
    assert.equal("home", development:get("/").body)
  end)

  -- The line in which the bug of the request that got `response` is logged.
  local function bug_of(gateway, response)
    local id = response.headers["x-correlation-id"]
    for _, line in ipairs(gateway:log_until(response)) do
      if line.level == "error" and line.correlation_id == id then return line end
    end
  end

  -- A bug: the client of the production gateway learns nothing, the log everything.
  local function assert_bug(path, message)
    local response = production:get(path)
    assert.equal(500, response.status, response.body)
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.equal("internal error", response.json.detail)
    assert.is_nil(response.json.traceback)
    assert.is_nil(response.json.error)
    local line = bug_of(production, response)
    assert.is_truthy(line.message:find(message, 1, true), line.message)
    return line
  end


  describe("by an error", function()
    it("answer 500, and the log has the place and the traceback", function()
      local line = assert_bug("/error", "boom")
      assert.is_truthy(line.where:find "^init.lua:%d+$")
      assert.is_truthy(line.fields.traceback:find("deep", 1, true))
      assert.equal("GET /error", line.route)
    end)

    it("tell it to the client only in development", function()
      local response = development:get("/error")
      assert.equal(500, response.status)
      assert.is_truthy(response.json.error:find("init.lua:%d+: boom"))
      assert.is_truthy(response.json.traceback:find("stack traceback", 1, true))
      assert.is_truthy(response.json.traceback:find("deep", 1, true))
    end)

    for path, message in pairs {
      ["/error-table"] = "table",
      ["/error-nil"] = "nil",
      ["/index-nil"] = "attempt to index a nil value (field 'nothing')",
      ["/overflow"] = "stack overflow",
      ["/unknown-global"] = "unknown global 'undefined_name'",
      ["/set-global"] = "global 'leaked' cannot be set",
      ["/after-load"] = "gateway.route can only be called while the scripts load",
      ["/map-fails"] = "two",
    } do
      it("answer 500: " .. path, function() assert_bug(path, message) end)
    end

    it("answer 500 even if the error cannot be told", function()
      assert.equal(500, production:get("/error-in-handler").status)
      assert.equal(500, development:get("/error-in-handler").status)
    end)

    it("answer 500 where a filter has it", function()
      for _, filter in ipairs { "before", "after" } do
        local response = production:get("/", "X-Break: " .. filter)
        assert.equal(500, response.status)
        local line = bug_of(production, response)
        assert.is_truthy(line.message:find("broken " .. filter, 1, true))
      end
    end)

    it("still have their filters after them", function()
      assert.equal("yes", production:get("/error").headers["x-seen"])
    end)

    it("do not reach outside", function()
      assert.same({ io = false, execute = true }, production:get("/outside").json)
    end)
  end)


  describe("by an answer that is none", function()
    for path, message in pairs {
      ["/nothing"] = "route 'GET /nothing' returned nothing where the status belongs",
      ["/text-status"] = "returned a string where the status belongs",
      ["/status-99"] = "the status must be an integer from 200 to 599, got 99",
      ["/function"] = "fn",
      ["/nan"] = "nan is not JSON",
      ["/cycle"] = "t",
      ["/bad-text"] = "UTF-8",
      ["/reserved-header"] = "header 'Content-Length' cannot be set",
      ["/split-header"] = "header 'X-A': the value has a control character",
    } do
      it("answer 500: " .. path, function() assert_bug(path, message) end)
    end
  end)


  describe("by waiting", function()
    it("beyond their deadline answer 504", function()
      local response = production:get("/deadline")
      assert.equal(504, response.status)
      assert.is_nil(bug_of(production, response))
    end)

    it("again and again when they are cancelled already, get nowhere", function()
      local response = production:get("/stubborn")
      assert.equal(504, response.status)
      assert.equal(2000, production:await_log("stubborn").fields.caught)
    end)

    it("by a yield of their own answer 500", function()
      assert.equal(500, production:get("/yield").status)
    end)

    it("in a coroutine of their own are refused, and can go on", function()
      local seen = production:get("/own-coroutine").json
      assert.is_false(seen.ok)
      assert.is_truthy(seen.reason:find("coroutine", 1, true), seen.reason)
      assert.equal(200, seen.after)
      assert.is_false(production:get("/resume-itself").json.resumed)
    end)

    it("for a backend that is not there answer 502", function()
      local response = production:get("/unreachable")
      assert.equal(502, response.status)
      assert.equal("nowhere cannot be reached", response.json.detail)
    end)

    it("for several, of which one fails, do not wait for the rest", function()
      local response = production:get("/one-fails")
      assert.equal(502, response.status)
      assert.equal("nowhere cannot be reached", response.json.detail)
      local failures = {} -- by backend: which of them begins first is a matter of the table's order
      for _, call in ipairs(production:log_of(response).calls) do
        failures[call.backend] = call.failure
      end
      assert.same({ nowhere = "connect", itself = "cancelled" }, failures)
    end)
  end)


  it("drop the connection if they say so", function()
    local connection = production:begin("GET", "/drop")
    assert.is_true(connection:is_closed())
    connection:close()
  end)

  describe("by waiting where nothing can wait", function()
    for _, where in ipairs { "gsub", "sort", "sleep", "map" } do
      it("are told so: " .. where, function()
        local response = production:get("/waits/" .. where)
        assert.equal(200, response.status)
        assert.is_false(response.json.ok)
        assert.is_truthy(response.json.reason:find("this cannot wait here", 1, true))
        assert.equal("home", response.json.after)
      end)
    end

    it("are stopped in an error handler, too", function()
      local response = production:get "/waits/handler"
      assert.equal(200, response.status)
      assert.equal("home", response.json.after)
    end)

    it("are ended when they go on for ever after their deadline", function()
      assert.equal(500, production:get("/for-ever").status)
    end)
  end)

  describe("by what they say", function()
    it("undo a saga whatever its id and reason are", function()
      local response = production:request("POST", "/saga/%FF")
      assert.equal(409, response.status)
      assert.equal(2, #response.json.undone)
      assert.equal(2, response.json.undone[1].body.n)
      assert.equal(1, response.json.undone[2].body.n)
    end)

    it("log what can be logged of it", function()
      local response = production:get("/log-it", "User-Agent: caf\xe9")
      assert.equal("logged", response.body)
      local id = response.headers["x-correlation-id"]
      for _, line in ipairs(production:log_until(response)) do
        if line.correlation_id == id and line.message == "seen" then
          assert.equal("caf?", line.fields.agent)
        end
      end
    end)

    it("answer 500 for a failure that they spoilt", function()
      local response = production:get "/changed-failure"
      assert.equal(500, response.status)
      assert.equal("application/problem+json", response.headers["content-type"])
    end)
  end)
end)
