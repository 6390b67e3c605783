-- What an operator sees in the log, beside the lines of requests (correlation_spec): secrets,
-- errors that repeat, whose line it is, and a standard output that takes nothing.
local files <const> = require "support.files"
local front <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local SCRIPT <const> = [[
local gateway <const> = require "gateway"

gateway.job("nightly", function()
  gateway.log.warn("in a job")
  error "a bug in a job"
end)

gateway.route("POST /say", function(req)
  local said <const> = req:json()
  gateway.log.info(said.message, said.fields)
  gateway.log.info("headers", { headers = req.headers })
  return 204
end)

gateway.route("GET /bug/:id", function(req)
  error("no such thing: " .. req.params.id)
end)

gateway.route("GET /other", function()
  error "another bug"
end)

gateway.route("GET /warn/:id", function(req)
  gateway.log.warn("careful", { id = req.params.id })
  gateway.map({ 1, 2 }, function() gateway.log.debug "not shown" end)
  return 204
end)

gateway.route("POST /job", function()
  return 202, { id = gateway.enqueue("nightly") }
end)

gateway.route("GET /much", function()
  for _ = 1, 20 do gateway.log.info(("x"):rep(50000)) end
  return 204
end)
]]

describe("the log", function()
  teardown(process.end_all)

  -- The lines with this in the message, in order.
  local function lines_with(gateway, what)
    local found <const> = {}
    for _, line in ipairs(gateway:log()) do
      if line.message:find(what, 1, true) then found[#found + 1] = line end
    end
    return found
  end

  describe("of scripts", function()
    local gateway

    setup(function() gateway = front.start_with(SCRIPT, { LOG_REDACT = "iban, Card-Number" }) end)

    it("says whose line it is, and where it was written", function()
      local response <const> = gateway:get("/warn/7")
      local line <const> = gateway:await_log "careful"
      local id <const> = response.headers["x-correlation-id"]
      assert.same({ "warn", id, "GET /warn/:id", "init.lua:24", 1 },
        { line.level, line.correlation_id, line.route, line.where, line.generation })
      assert.same({ id = "7" }, line.fields)
    end)

    it("does so for jobs", function()
      local response <const> = gateway:post("/job", {})
      local line <const> = gateway:await_log "in a job"
      assert.same({ response.headers["x-correlation-id"], "nightly", response.json.id,
        "init.lua:4", 1 },
        { line.correlation_id, line.job, line.job_id, line.where, line.generation })
      local bug <const> = poll("the job's bug", function()
        return lines_with(gateway, "a bug in a job")[1]
      end)
      assert.same({ "error", "nightly", "init.lua:5" }, { bug.level, bug.job, bug.where })
    end)

    it("has no secrets in it, however deep they are", function()
      gateway:request("POST", "/say", {
        json = {
          message = "calling https://ann:hunter2@host/x?api_key=hunter2 with Bearer hunter2",
          fields = {
            user = { { password = "hunter2", name = "ann", IBAN = "hunter2" } },
            card_number = 12345678,
            said = "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2",
          },
        },
        headers = { "Authorization: Basic aHVudGVyMjpodW50ZXIy", "Cookie: a=hunter2",
          "Proxy-Authorization: hunter2", "Idempotency-Key: hunter2-1", "X-Note: seen" },
      })
      local line <const> = gateway:await_log("headers")
      local headers <const> = line.fields.headers
      for _, name in ipairs { "authorization", "cookie", "proxy-authorization",
        "idempotency-key" } do
        assert.equal("[redacted]", headers[name], name)
      end
      assert.equal("seen", headers["x-note"])
      local said <const> = lines_with(gateway, "calling ")[1]
      assert.equal("calling https://[redacted]@host/x?api_key=[redacted] with Bearer [redacted]",
        said.message)
      assert.same({
        user = { { password = "[redacted]", name = "ann", IBAN = "[redacted]" } },
        card_number = "[redacted]",
        said = "token [redacted]",
      }, said.fields)
      local output <const> = gateway.process:output()
      assert.is_nil(output:find("hunter2", 1, true))
      assert.is_nil(output:find("aHVudGVy", 1, true))
      assert.is_nil(output:find("12345678", 1, true))
    end)

    it("escapes what a terminal would obey", function()
      gateway:request("POST", "/say",
        { json = { message = "\27[31mred \194\155 \127\0end", fields = { a = "\194\155\27" } } })
      local line <const> = poll("the line", function() return lines_with(gateway, "[31mred")[1] end)
      assert.equal("\27[31mred \194\155 \127\0end", line.message)
      assert.is_nil(gateway.process:output():find "[\27\127]")
      assert.is_nil(gateway.process:output():find("\194\155", 1, true))
    end)
  end)

  describe("of errors that repeat", function()
    it("tells the first at once, and then how many there were", function()
      local gateway <const> = front.start_with(SCRIPT)
      for i = 1, 20 do
        assert.equal(500, gateway:get("/bug/" .. i).status)
      end
      assert.equal(500, gateway:get("/other").status)
      gateway:log_of(gateway:get("/other"))
      local lines <const> = lines_with(gateway, "no such thing")
      assert.equal(1, #lines)
      assert.is_nil(lines[1].repeated)
      assert.equal(22, #gateway:log "request")
      assert.equal(0, gateway:stop())
      local first <const>, counted <const> = table.unpack(lines_with(gateway, "no such thing"))
      assert.same({ "error", 19, "GET /bug/:id", first.where },
        { counted.level, counted.repeated, counted.route, counted.where })
      assert.is_truthy(counted.message:find("no such thing: 20", 1, true))
      assert.is_true(first.time <= counted.first_at and counted.first_at <= counted.last_at
        and counted.last_at <= counted.time)
      assert.equal(2, #lines_with(gateway, "another bug"))
    end)

    it("tells their number though nothing more is logged", function()
      local gateway <const> = front.start_with(SCRIPT, { LOG_FOLD_SECONDS = 0.2 })
      for i = 1, 5 do gateway:get("/bug/" .. i) end
      poll("their number", function()
        local lines <const> = lines_with(gateway, "no such thing")
        return lines[#lines] and lines[#lines].repeated
      end)
    end)

    it("is whole where something differs", function()
      local gateway <const> = front.start_with(SCRIPT)
      for _, id in ipairs { "a", "b", "a" } do
        gateway:get("/warn/" .. id)
      end
      gateway:log_of(gateway:get("/warn/c"))
      assert.equal(3, #gateway:log "careful")
    end)

    it("is whole while one develops", function()
      local gateway <const> = front.start_with(SCRIPT, { GATEWAY_ENV = "development" })
      for _ = 1, 3 do gateway:get("/bug/1") end
      gateway:log_of(gateway:get("/bug/1"))
      assert.equal(4, #lines_with(gateway, "no such thing"))
    end)
  end)

  -- Reads the first two lines, which say that it listens, and then nothing more while it runs.
  local STUCK <const> = [[
    mkfifo "$0/log"
    { read -r line; echo "$line"; read -r line; echo "$line"
      while kill -0 $$ 2>/dev/null; do sleep 0.05; done; } <"$0/log" &
    exec "$1" serve >"$0/log"
  ]]

  it("holds no request up when nobody reads it", function()
    local folder <const> = files.folder { ["init.lua"] = SCRIPT }
    local gateway <const> = front.attach(process.start(
      { "sh", "-c", STUCK, folder, front.binary },
      { HOST = "127.0.0.1", PORT = 0, ADMIN_PORT = 0, WORKERS = 1, DRAIN_SECONDS = 0,
        SCRIPTS_DIR = folder }))
    for _ = 1, 10 do
      assert.equal(204, gateway:get("/much").status)
    end
    assert.equal(0, gateway:stop())
  end)
end)
