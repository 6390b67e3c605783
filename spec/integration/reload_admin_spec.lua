-- The admin listener and the commands that ask it.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local function says(word)
  return ([[
local gateway <const> = require "gateway"
gateway.route("GET /", function() return 200, %q end)
]]):format(word)
end


describe("the admin listener", function()
  local gateway

  local function start(settings)
    gateway = gateways.start_with(says "one", settings)
  end

  after_each(process.end_all)

  local function reload()
    return gateway:admin("POST", "/admin/reload")
  end

  -- One who wants a new generation for each word need not wait for the watch.
  local function go_through(...)
    for _, word in ipairs { ... } do
      gateway:save("init.lua", says(word))
      assert.equal(200, reload().status)
    end
  end

  local function live()
    return math.tointeger(gateway:admin("GET", "/admin/status").json.live.generation)
  end

  local function command(...)
    return process.run({ gateways.binary, ... },
      { ADMIN_PORT = gateway.admin_port, ADMIN_TOKEN = gateway.token })
  end

  it("answers a reload when it is done", function()
    start()
    gateway:save("init.lua", says "two")
    local response <const> = reload()
    assert.equal("two", gateway:get("/").body)
    assert.equal(200, response.status)
    assert.equal("application/json", response.headers["content-type"])
    assert.equal(64, #response.json.sha256)
    assert.same({ "admin", 3 }, { response.json.origin, math.tointeger(response.json.routes) })
  end)

  it("answers what is wrong with the scripts", function()
    start()
    gateway:save("init.lua", "local = 3\n")
    local response <const> = reload()
    assert.equal(422, response.status)
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.equal(1, response.json.generation)
    assert.same({ "init.lua", 1 }, { response.json.errors[1].file, response.json.errors[1].line })
    assert.matches("expected", response.json.errors[1].message)
    assert.equal("one", gateway:get("/").body)
  end)

  it("lists the last ten generations", function()
    start()
    go_through("2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12")
    local list <const> = gateway:admin("GET", "/admin/generations").json.generations
    assert.equal(10, #list)
    assert.is_true(list[1].live)
    assert.equal(live(), list[1].generation)
    assert.is_false(list[2].live)
    assert.matches("^%d+%-%d+%-%d+T", list[2].live_at)
  end)

  it("says in what an earlier one differs", function()
    start()
    gateway:save("more.lua", "return 1\n")
    go_through "two"
    local response <const> = gateway:admin("GET", "/admin/generations/1/diff")
    assert.equal(200, response.status)
    assert.equal(([[
--- generation 1/init.lua
+++ generation N/init.lua
@@ -1,2 +1,2 @@
 local gateway <const> = require "gateway"
-gateway.route("GET /", function() return 200, "one" end)
+gateway.route("GET /", function() return 200, "two" end)
--- /dev/null
+++ generation N/more.lua
@@ -0,0 +1 @@
+return 1
]]):gsub("N", live()), response.body)
    assert.equal(404, gateway:admin("GET", "/admin/generations/77/diff").status)
    assert.equal(404, gateway:admin("GET", "/admin/generations/x/diff").status)
  end)

  it("goes back, and stays there until the files change", function()
    start()
    go_through "two"
    local before <const> = live()
    local response = gateway:admin("POST", "/admin/rollback")
    assert.equal(200, response.status)
    assert.is_true(response.json.held)
    assert.matches("^rollback to %d+$", response.json.origin)
    assert.equal(before + 1, live())
    gateway:save("notes.txt", "seen, and of no interest")
    gateway:save("init.lua", says "two") -- as it was
    assert.equal(before + 1, live())
    response = gateway:admin("POST", "/admin/rollback", { json = { generation = 1 } })
    assert.equal("rollback to 1", response.json.origin)
    assert.equal("one", gateway:get("/").body)
    gateway:save("init.lua", says "three")
    poll("the changed files", function() return gateway:get("/").body == "three" end)
    local list <const> = gateway:admin("GET", "/admin/generations").json.generations
    assert.same({ "file change", false }, { list[1].origin, list[1].held })
  end)

  it("refuses to go back to nothing", function()
    start()
    local function rollback(body)
      local headers <const> = { "Content-Type: application/json" }
      return gateway:admin("POST", "/admin/rollback", { body = body, headers = headers })
    end
    assert.equal(404, rollback(nil).status)
    assert.equal(404, rollback [[{"generation": 9}]].status)
    for _, body in ipairs { "x", "[]", "{} x", [[{"generation": 1]] } do
      assert.equal(400, rollback(body).status, body)
    end
    for _, number in ipairs { "0", "-1", [["1"]] } do
      local body <const> = ([[{"generation": %s}]]):format(number)
      local response <const> = rollback(body)
      assert.equal(422, response.status, body)
      assert.equal("generation: must be a number from 1 to 4294967295", response.json.detail)
    end
    assert.equal("number: there is no such member", rollback [[{"number": 1}]].json.detail)
    assert.equal("one", gateway:get("/").body)
  end)

  it("has no other paths and methods", function()
    start()
    assert.equal(404, gateway:admin("GET", "/admin").status)
    local response <const> = gateway:admin("GET", "/admin/reload")
    assert.same({ 405, "POST, OPTIONS" }, { response.status, response.headers.allow })
    assert.equal(404, gateway:get("/admin/status").status) -- nor the other listener these
  end)

  it("is for those who know its name, and not for pages of others", function()
    start()
    assert.equal(421, gateway:admin("POST", "/admin/reload", { host = "evil.example" }).status)
    for _, line in ipairs { "Origin: http://evil.example", "Sec-Fetch-Site: cross-site" } do
      assert.equal(403, gateway:admin("POST", "/admin/reload", { headers = { line } }).status)
    end
    assert.equal(1, live())
  end)

  it("wants the token if there is one", function()
    start { ADMIN_TOKEN = "secret" }
    assert.equal(401, reload().status)
    for token, status in pairs { secreT = 401, secret = 200 } do
      local headers <const> = { "Authorization: Bearer " .. token }
      assert.equal(status, gateway:admin("GET", "/admin/status", { headers = headers }).status)
    end
    local code, _, err = command "generations"
    assert.same({ 1, "this needs the token that ADMIN_TOKEN has\n" }, { code, err })
    gateway.token = "secret"
    assert.equal(0, (command "generations"))
  end)

  it("must have one where others can reach it", function()
    local folder <const> = files.folder { ["init.lua"] = says "one" }
    local environment <const> =
      { SCRIPTS_DIR = folder, PORT = 0, ADMIN_PORT = 0, ADMIN_HOST = "0.0.0.0", HOST = "127.0.0.1" }
    local code <const>, out <const>, err <const> =
      process.run({ gateways.binary, "serve" }, environment)
    assert.same({ 2, "" }, { code, out })
    assert.matches("^moongate: ADMIN_TOKEN: [^\n]+\n$", err)
  end)

  it("stops the start if its port is taken", function()
    start()
    gateway:admin("GET", "/admin/status")
    local code <const>, out <const>, err <const> = process.run({ gateways.binary, "serve" }, {
      SCRIPTS_DIR = gateway.scripts, HOST = "127.0.0.1", PORT = 0, ADMIN_PORT = gateway.admin_port,
    })
    assert.same({ 1, "" }, { code, out })
    assert.matches("^moongate: admin: [^\n]+\n$", err)
  end)

  it("does not pile up generations that have work left", function()
    gateway = gateways.start_with [[
      local gateway <const> = require "gateway"
      gateway.route("GET /slow", function() gateway.sleep(4) return 200, "slept" end)
      gateway.route("GET /", function() return 200, "one" end)
    ]]
    local slow <const>, busy = {}, nil
    for i = 1, 20 do
      slow[i] = gateway:begin("GET", "/slow")
      poll("the request in work", function()
        return gateway:admin("GET", "/admin/generations").json.generations[1].in_work == 1
      end)
      busy = reload()
      if busy.status ~= 200 then break end
    end
    assert.equal(17, #slow)
    assert.same({ 503, "1" }, { busy.status, busy.headers["retry-after"] })
    assert.matches("16 earlier generations still have requests in work", busy.json.detail)
    gateway:save("init.lua", says "two") -- waits for its turn
    for i = 1, 17 do
      assert.equal("slept", slow[i]:finish().body)
    end
    poll("the new scripts", function() return gateway:get("/").body == "two" end)
  end)

  it("does not load scripts during the shutdown", function()
    start { DRAIN_SECONDS = 2 }
    gateway:admin("GET", "/admin/status")
    gateway.process:signal "TERM"
    gateway:await_log "shutting down"
    local response <const> = reload()
    assert.same({ 503, "the gateway is shutting down" }, { response.status, response.json.detail })
    gateway.process:signal "TERM"
  end)


  describe("is asked by", function()
    it("moongate reload", function()
      start()
      gateway:admin("GET", "/admin/status")
      gateway:save("init.lua", says "two")
      local code, out, err = command "reload"
      assert.same({ 0, "" }, { code, err })
      assert.matches("^generation %d+ is live: admin, 3 routes, sha256 %x+\n$", out)
      gateway:save("init.lua", "local = 3\n")
      code, out, err = command "reload"
      assert.same({ 1, "" }, { code, out })
      assert.matches("^init.lua:1: [^\n]+\ngeneration %d+ goes on\n$", err)
    end)

    it("moongate generations and moongate rollback", function()
      start()
      go_through "two"
      local code, out = command "generations"
      assert.equal(0, code)
      assert.matches("^GENERATION  LIVE SINCE +BY +ROUTES +SHA256 +IN WORK\n", out)
      assert.matches("\n%d+ +%S+Z +admin +3 ", out)
      code, out = command("generations", "1")
      assert.equal(0, code)
      assert.matches("^%-%-%- generation 1/init.lua\n", out)
      code, out = command("rollback", "1")
      assert.equal(0, code)
      assert.matches("is live: rollback to 1", out, 1, true)
      code, out = command "generations"
      assert.equal(0, code)
      assert.matches("live, held until the files change\n", out)
      assert.equal("one", gateway:get("/").body)
    end)

    it("nobody who does not know how", function()
      start()
      gateway:admin("GET", "/admin/status")
      assert.equal(2, (command("rollback", "x")))
      assert.equal(2, (command("reload", "5")))
      assert.equal(2, (command("reload", "--admin-port", "x")))
      local code <const>, _, err <const> = command("rollback", "77")
      assert.same({ 1, "there is no generation 77, or not any more\n" }, { code, err })
    end)

    it("nobody where it is not", function()
      start()
      gateway:admin("GET", "/admin/status")
      assert.equal(0, gateway:stop())
      local code <const>, _, err <const> = command "reload"
      assert.equal(1, code)
      assert.matches("^moongate: no answer from the admin listener: [^\n]+\n$", err)
    end)
  end)
end)


describe("the last good scripts", function()
  after_each(process.end_all)

  local function start(data, scripts, ...)
    local environment <const> = {
      SCRIPTS_DIR = scripts, DATA_DIR = data, HOST = "127.0.0.1", PORT = 0, ADMIN_PORT = 0,
      WORKERS = 1, DRAIN_SECONDS = 0,
    }
    return process.start({ gateways.binary, "serve", ... }, environment)
  end

  it("are served where those on disk are broken", function()
    local data <const> = files.folder()
    local gateway <const> = gateways.start_with(says "one", { DATA_DIR = data })
    poll("the file", function() return #files.read(data .. "/last-good.scripts") > 0 end)
    assert.equal(0, gateway:stop())
    gateway:save("init.lua", "local = 3\n")

    local refused <const> = start(data, gateway.scripts)
    assert.equal(1, refused:wait())
    assert.matches("^moongate: init.lua:1: [^\n]+\n$", refused:errors())
    refused:expect(1, refused:errors())

    local again <const> = gateways.start {
      SCRIPTS_DIR = gateway.scripts, DATA_DIR = data, LAST_GOOD = 1,
    }
    assert.equal("one", again:get("/").body)
    local line <const> =
      again:await_log "the last good scripts are live: those on disk cannot be loaded"
    assert.same({ "error", "init.lua", 1 }, { line.level, line.file, line.line })
    local status <const> = again:admin("GET", "/admin/status").json
    assert.is_true(status.last_good)
    assert.is_true(status.disk_differs)
    assert.equal("init.lua", status.failure.errors[1].file)
    again:save("init.lua", says "two")
    poll("the good scripts", function() return again:get("/").body == "two" end)
    assert.is_false(again:admin("GET", "/admin/status").json.last_good)
  end)

  it("are no help where there are none", function()
    local scripts <const> = files.folder { ["init.lua"] = "local = 3\n" }
    local refused <const> = start(files.folder(), scripts, "--last-good")
    assert.equal(1, refused:wait())
    assert.matches("init.lua:1:", refused:errors())
    refused:expect(1, refused:errors())
  end)

  it("are not kept, but served, where nothing can be written", function()
    local gateway <const> = gateways.start_with(says "one", { DATA_DIR = "/nowhere/at/all" })
    assert.matches("cannot be kept: /nowhere",
      poll("the warning", function()
        for _, line in ipairs(gateway:log()) do
          if line.level == "warn" then return line.message end
        end
      end))
    gateway:save("init.lua", says "two")
    poll("the new scripts", function() return gateway:get("/").body == "two" end)
  end)

  it("are whole, also on a full disk", function()
    local disk <const> = files.folder()
    if not files.mount(disk, "1m") then
      pending "a small disk of its own: this machine does not let us mount one"
      return
    end
    local ok <const>, raised <const> = pcall(function()
      local gateway <const> = gateways.start_with(says "one", { DATA_DIR = disk })
      local kept <const> = files.read(disk .. "/last-good.scripts")
      assert.matches("^moongate scripts 1\n", kept)
      files.fill(disk .. "/filler")
      gateway:save("big.lua", "-- " .. ("x"):rep(100000) .. "\n")
      gateway:save("init.lua", says "two")
      poll("the new scripts", function() return gateway:get("/").body == "two" end)
      poll("the warning", function()
        for _, line in ipairs(gateway:log()) do
          if line.message:find("No space left", 1, true) then return true end
        end
      end)
      assert.equal(kept, files.read(disk .. "/last-good.scripts"))
      assert.equal("", files.read(disk .. "/last-good.scripts.new"))
      gateway:stop()
    end)
    files.unmount(disk)
    assert(ok, raised)
  end)
end)
