-- Scripts that change on the disk while the gateway serves.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local socket <const> = require "socket"

-- Each worker has a Lua state of its own, so `worker` is an id per worker and generation.
local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local worker <const> = tostring {}
gateway.route("GET /", function() return 200, { says = %q, worker = worker } end)
]]

local function says(word)
  return SCRIPT:format(word)
end

local function run(command)
  assert(os.execute(command), command)
end


describe("scripts that change on the disk", function()
  local gateway

  local function start(scripts, settings)
    local given <const> = { WORKERS = 2, GATEWAY_ENV = "development" }
    for name, value in pairs(settings or {}) do
      given[name] = value
    end
    gateway = gateways.start_with(scripts, given)
    return gateway
  end

  after_each(process.end_all)

  local function status()
    return gateway:admin("GET", "/admin/status").json
  end

  -- Both workers say so, on new connections.
  local function assert_all_say(word, generation)
    local workers <const>, heard = {}, 0
    poll("both workers", function()
      local response <const> = gateway:get "/"
      assert.equal(word, response.json.says)
      assert.equal(tostring(generation), response.headers["x-gateway-generation"])
      if not workers[response.json.worker] then heard = heard + 1 end
      workers[response.json.worker] = true
      return heard == 2
    end)
  end

  it("are live on all workers within a second", function()
    start(says "one")
    local kept <const> = {}
    for i = 1, 8 do
      kept[i] = gateway:connect()
      assert.equal("one", kept[i]:request("GET", "/").json.says)
    end
    local saved_at <const> = socket.gettime()
    gateway:save("init.lua", says "two")
    local line <const> = gateway:await_generation(2)
    assert.is_true(socket.gettime() - saved_at < 1)
    assert.equal("file change", line.origin)
    for _, connection in ipairs(kept) do
      local response <const> = connection:request("GET", "/")
      assert.same({ "two", "2" }, { response.json.says, response.headers["x-gateway-generation"] })
      connection:close()
    end
    assert_all_say("two", 2)
  end)

  it("say in each line of the log which they are", function()
    start([[
      local gateway <const> = require "gateway"
      gateway.route("GET /", function() gateway.log.info "seen" return 200 end)
    ]], { GATEWAY_ENV = "production" })
    local response <const> = gateway:get "/"
    assert.is_nil(response.headers["x-gateway-generation"])
    assert.equal(1, gateway:log_of(response).generation)
    assert.equal(1, gateway:await_log("seen").generation)
    assert.equal(1, gateway:log_of(gateway:get "/nowhere").generation)
  end)

  it("change nothing while they are broken", function()
    start(says "one")
    gateway:save("init.lua", says "two" .. "local = 3\n")
    local line <const> = gateway:await_log "scripts not reloaded"
    assert.same({ "error", "init.lua", 4, 1 },
      { line.level, line.file, line.line, line.generation })
    assert.equal(200, gateway:get("/ready").status)
    assert_all_say("one", 1)
    local seen = status()
    assert.is_true(seen.disk_differs)
    assert.equal(1, seen.live.generation)
    assert.matches("^%d+%-%d+%-%d+T", seen.failure.since)
    assert.same({ "init.lua", 4 }, { seen.failure.errors[1].file, seen.failure.errors[1].line })
    gateway:save("init.lua", says "two")
    gateway:await_generation(2)
    assert_all_say("two", 2)
    seen = status()
    assert.is_false(seen.disk_differs)
    assert.same(require "cjson".null, seen.failure)
  end)

  it("change nothing where they name a backend that cannot be", function()
    start([[
      local gateway <const> = require "gateway"
      local b <const> = gateway.backend("b", { url = "http://127.0.0.1:1", attempts = 1 })
      gateway.route("GET /", function() return 200, gateway.call(b:get "/").body end)
    ]])
    gateway:save("init.lua", [[
      local gateway <const> = require "gateway"
      gateway.backend("b", { url = "http://127.0.0.1:2" })
      gateway.backend("c", { url = "127.0.0.1:2" })
    ]])
    local line <const> = gateway:await_log "scripts not reloaded"
    assert.same({ "init.lua", 3 }, { line.file, line.line })
    assert.matches("backend 'c': url must be", line.error)
    assert.equal(502, gateway:get("/").status)
  end)

  it("are seen when an editor replaces them by rename", function()
    start(says "one")
    for i, word in ipairs { "two", "three" } do
      gateway:save(".init.lua.swp", says(word))
      run(("mv %s/.init.lua.swp %s/init.lua"):format(gateway.scripts, gateway.scripts))
      gateway:await_generation(i + 1)
      assert_all_say(word, i + 1)
    end
  end)

  it("are seen in folders that have come since", function()
    start(says "one")
    run(("mkdir -p %s/lib/deep"):format(gateway.scripts))
    gateway:save("lib/deep/word.lua", [[return "two"]])
    gateway:save("init.lua", says("x"):gsub('"x"', [[require "lib.deep.word"]]))
    poll("the new module", function() return gateway:get("/").json.says == "two" end)
    local generation <const> = math.tointeger(status().live.generation)
    gateway:save("lib/deep/word.lua", [[return "three"]])
    gateway:await_generation(generation + 1)
    assert_all_say("three", generation + 1)
  end)

  it("are seen as Kubernetes changes a ConfigMap", function()
    local map <const> = files.folder()
    local function add(version, word)
      run(("mkdir %s/..%s"):format(map, version))
      files.write(("%s/..%s/init.lua"):format(map, version), says(word))
      run(("ln -s ..%s %s/..data_tmp"):format(version, map))
      run(("mv -T %s/..data_tmp %s/..data"):format(map, map))
    end
    add("v1", "one")
    run(("ln -s ..data/init.lua %s/init.lua"):format(map))
    gateway = gateways.start { SCRIPTS_DIR = map, WORKERS = 2, GATEWAY_ENV = "development" }
    assert_all_say("one", 1)
    for i, word in ipairs { "two", "three" } do
      local version <const> = "v" .. i + 1
      add(version, word)
      run(("rm -r %s/..v%d"):format(map, i))
      gateway:await_generation(i + 1)
      assert_all_say(word, i + 1)
    end
  end)

  -- A ConfigMap has no folders: routes.words is in routes.words.lua. A file that comes is served
  -- by gateways that run, without a restart.
  it("are a ConfigMap's without folders, with files that come", function()
    local map <const> = files.folder()
    local function swap(version, texts)
      local folder <const> = ("%s/..%s"):format(map, version)
      run("mkdir " .. folder)
      for name, text in pairs(texts) do files.write(folder .. "/" .. name, text) end
      run(("cd %s && ln -s ..%s ..data_tmp && mv -T ..data_tmp ..data"):format(map, version))
      for name in pairs(texts) do run(("ln -sf ..data/%s %s/%s"):format(name, map, name)) end
    end
    local route <const> = 'require("gateway").route("GET %s", function() return 200, "%s" end)'
    swap("v1", { ["init.lua"] = says "one" })
    gateway = gateways.start { SCRIPTS_DIR = map, WORKERS = 2 }
    assert.equal(404, gateway:get("/words").status)
    swap("v2", {
      ["init.lua"] = says "two" .. ' require "routes.words"',
      ["routes.words.lua"] = route:format("/words", "moon"),
    })
    local begun <const> = socket.gettime()
    poll("the new route", function() return gateway:get("/words").status == 200 end)
    assert.is_true(socket.gettime() - begun < 2)
    assert.equal("moon", gateway:get("/words").body)
    run(("%s check %s >/dev/null 2>&1"):format(os.getenv "MOONGATE", map))
  end)

  it("are seen when the folder is a link that is turned", function()
    local root <const> = files.folder()
    for _, word in ipairs { "one", "two" } do
      run(("mkdir %s/%s"):format(root, word))
      files.write(("%s/%s/init.lua"):format(root, word), says(word))
    end
    run(("ln -s one %s/live"):format(root))
    gateway = gateways.start {
      SCRIPTS_DIR = root .. "/live", WORKERS = 2, GATEWAY_ENV = "development",
    }
    run(("ln -sfn two %s/live"):format(root))
    gateway:await_generation(2)
    assert_all_say("two", 2)
  end)

  it("may be gone for a while", function()
    start(says "one")
    local folder <const> = gateway.scripts
    run(("mv %s %s.away"):format(folder, folder))
    local line <const> = gateway:await_log "scripts not reloaded"
    assert.matches("No such file", line.error)
    assert.equal(200, gateway:get("/ready").status)
    assert_all_say("one", 1)
    assert.is_true(status().disk_differs)
    assert.equal(422, gateway:admin("POST", "/admin/reload").status)
    run(("mv %s.away %s"):format(folder, folder))
    poll("the same scripts", function() return not status().disk_differs end)
    gateway:save("init.lua", says "two")
    gateway:await_generation(2)
    assert_all_say("two", 2)
  end)

  it("are loaded at SIGHUP, too", function()
    start(says "one")
    gateway.process:signal "HUP"
    assert.equal("SIGHUP", gateway:await_generation(2).origin)
    assert_all_say("one", 2)
  end)


  describe("while something is in work", function()
    local WAITS <const> = [[
      local gateway <const> = require "gateway"
      local itself <const> = gateway.backend("slow", { url = gateway.env "INVENTORY_SERVICE_URL" })
      local word <const> = %q
      gateway.job("report", function()
        gateway.log.info("job begun", { word = word })
        gateway.sleep(2)
        return { word = word }
      end)
      gateway.route("GET /", function() return 200, { says = word } end)
      gateway.route("GET /slow", function()
        gateway.log.info("begun", { word = word })
        return 200, { says = word, heard = gateway.call(itself:get "/wait").status }
      end)
      gateway.route("POST /job", function() return 202, { id = gateway.enqueue("report", {}) } end)
      gateway.route("GET /job/:id", function(req)
        local job <const> = gateway.job_status(req.params.id, { result = true })
        return 200, { status = job.status, word = job.result and job.result:get "word" }
      end)
    ]]
    local behind

    local function begin()
      behind = gateways.start_with [[
        local gateway <const> = require "gateway"
        gateway.route("GET /wait", function() gateway.sleep(1.5) return 200 end)
      ]]
      start(WAITS:format "one", { INVENTORY_SERVICE_URL = "http://127.0.0.1:" .. behind.port })
    end

    -- By number; what is in work there.
    local function in_work(number)
      for _, one in ipairs(gateway:admin("GET", "/admin/generations").json.generations) do
        if one.generation == number then return one.in_work end
      end
    end

    it("let it end as it began", function()
      begin()
      local slow <const> = gateway:begin("GET", "/slow")
      gateway:await_log "begun"
      gateway:save("init.lua", WAITS:format "two")
      gateway:await_generation(2)
      assert.equal("two", gateway:get("/").json.says)
      assert.equal(1, in_work(1))
      assert.equal(4, status().lua_states)
      local response <const> = slow:finish()
      assert.same({ 200, "one", "1" },
        { response.status, response.json.says, response.headers["x-gateway-generation"] })
      assert.equal(1, gateway:log_of(response).generation)
      poll("the end of the old generation", function() return status().lua_states == 2 end)
      assert.equal(0, in_work(1))
    end)

    it("let a job end as it began", function()
      begin()
      local id <const> = gateway:post("/job", {}).json.id
      gateway:await_log "job begun"
      gateway:save("init.lua", WAITS:format "two")
      gateway:await_generation(2)
      local job <const> = poll("the end of the job", function()
        local seen <const> = gateway:get("/job/" .. id).json
        return seen.status == "done" and seen
      end)
      assert.equal("one", job.word)
      poll("the end of the old generation", function() return status().lua_states == 2 end)
    end)

    it("let it end when the gateway does", function()
      begin()
      local slow <const> = gateway:begin("GET", "/slow")
      gateway:await_log "begun"
      gateway:save("init.lua", WAITS:format "two")
      gateway:await_generation(2)
      gateway.process:signal "TERM"
      local response <const> = slow:finish()
      assert.same({ 200, "one" }, { response.status, response.json.says })
      assert.equal(0, gateway.process:wait())
    end)
  end)

  it("keep what is known of the backends", function()
    local script <const> = [[
      local gateway <const> = require "gateway"
      local b <const> =
        gateway.backend("b", { url = "http://127.0.0.1:1", threshold = 2, timeout = %d })
      gateway.route("GET /", function() return 200, { state = b:state() } end)
      gateway.route("GET /call", function() return 200, gateway.call(b:get "/").body end)
    ]]
    start(script:format(5))
    poll("an open breaker", function()
      gateway:get "/call"
      return gateway:get("/").json.state == "open"
    end)
    gateway:save("init.lua", script:format(6))
    gateway:await_generation(2)
    assert.equal("open", gateway:get("/").json.state)
    assert.equal(503, gateway:get("/call").status)
  end)
end)
