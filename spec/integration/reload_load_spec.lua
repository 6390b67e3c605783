-- Scripts are replaced again and again under load: no request fails, nothing grows. RELOADS says
-- how often; `make soak` does it a thousand times.
local Crowd <const> = require "support.crowd"
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local RELOADS <const> = tonumber(os.getenv "RELOADS" or 50)
local CLIENTS <const> = 20

-- One that answers at once, one that waits for a backend, and one that is in work for longer than a
-- generation is live.
local SCRIPT <const> = [[
local gateway <const> = require "gateway"
local version <const> = %d
local itself <const> = gateway.backend("itself", { url = gateway.env "INVENTORY_SERVICE_URL",
  threshold = 3 })
gateway.route("GET /", function() return 200, { version = version } end)
gateway.route("GET /call", function()
  return 200, { version = version, heard = gateway.call(itself:get "/").status }
end)
gateway.route("GET /slow", function() gateway.sleep(0.3) return 200, { version = version } end)
]]

-- Saves and reloads, by the command that people use; the watch sees each change, too.
local RELOAD <const> = [[
i=1
while [ $i -le %d ]; do
  i=$((i + 1))
  sed "s/version <const> = [0-9]*/version <const> = $i/" "$0/init.lua" >"$0/.new" || exit 1
  mv "$0/.new" "$0/init.lua"
  until "$1" reload >"$0/.out" 2>&1; do
    grep -q 'still have requests in work' "$0/.out" || { cat "$0/.out" >&2; exit 1; }
    sleep 0.05
  done
done
]]


describe("scripts that are replaced under load", function()
  after_each(process.end_all)

  local function resident_kib(gateway)
    local status <const> = files.read(("/proc/%s/status"):format(gateway.process.pid))
    return tonumber(status:match "VmRSS:%s*(%d+)")
  end

  -- As the gateway has it, milliseconds, of what waits for nobody.
  local function longest(gateway)
    local most = 0
    for _, line in ipairs(gateway:log "request") do
      if line.route == "GET /" then most = math.max(most, line.duration_ms) end
    end
    return most
  end

  local function assert_answered(answers)
    local count <const> = {}
    for _, answer in ipairs(answers) do
      count[answer.status] = (count[answer.status] or 0) + 1
    end
    assert.same({ [200] = #answers }, count)
  end

  it("serve every request, and leave nothing behind", function()
    local behind <const> = gateways.start_with(SCRIPT:format(0),
      { INVENTORY_SERVICE_URL = "http://127.0.0.1:1" })
    local gateway <const> = gateways.start_with(SCRIPT:format(1), {
      WORKERS = 3, INVENTORY_SERVICE_URL = "http://127.0.0.1:" .. behind.port,
    })
    gateway:admin("GET", "/admin/status")
    local crowds <const> = {}
    for i, path in ipairs { "/", "/call", "/slow" } do
      crowds[i] = Crowd.new(gateway.port, CLIENTS, path, i == 1 and 0.002 or 0.01)
    end
    local reloads <const> = process.start(
      { "sh", "-c", RELOAD:format(RELOADS), gateway.scripts, gateways.binary },
      { ADMIN_PORT = gateway.admin_port })
    local half_way, at_half_kib
    repeat
      for _, crowd in ipairs(crowds) do crowd:run(0.02) end
      local live <const> = gateway:admin("GET", "/admin/status").json.live.generation
      if not half_way and live > RELOADS / 2 then
        half_way, at_half_kib = live, resident_kib(gateway)
      end
    until reloads:exit_code()
    for _, crowd in ipairs(crowds) do
      crowd:finish()
      assert_answered(crowd.answers)
    end
    assert.equal(0, reloads:exit_code())
    assert.equal(RELOADS + 1, gateway:get("/").json.version)

    local status = poll("the end of all but the live one", function()
      local seen <const> = gateway:admin("GET", "/admin/status").json
      return seen.lua_states == 3 and seen
    end)
    assert.is_true(status.live.generation > RELOADS)
    local at_end_kib <const> = resident_kib(gateway)
    if os.getenv "SOAK" then -- elsewhere a sanitizer keeps what is freed, and sees what is not
      print(("%d reloads, %d + %d + %d answers, RSS %d KiB half way, %d KiB at the end"):format(
        status.live.generation - 1, #crowds[1].answers, #crowds[2].answers, #crowds[3].answers,
        at_half_kib, at_end_kib))
      print(("the longest request that waits for nobody took %.1f ms"):format(longest(gateway)))
      assert.is_true(at_end_kib < at_half_kib * 1.1 + 4096)
    end
    gateway:stop()
    assert.same({}, gateway:log "breaker")
  end)
end)
