-- Draws docs/dashboard-*.png: the dashboard in front of the shop, with traffic, while inventory is
-- slow and then fails. About two minutes; loopback only.
package.path = "spec/?.lua;" .. package.path

local browsers <const> = require "support.browser"
local files <const> = require "support.files"
local process <const> = require "support.process"
local shop <const> = require "support.live_shop"
local socket <const> = require "socket"

local WELL <const>, SLOW <const> = 75, 20 -- seconds
local MAX_COLOURS <const> = 128

local demo, browser, address

local function start()
  local scripts <const> = files.folder()
  os.execute("cp -r scripts/. " .. files.quote(scripts))
  demo = shop.open {
    DATA_DIR = files.folder(), SCRIPTS_DIR = scripts, WORKERS = 2, SERVICE_TIMEOUT = 3,
    CIRCUIT_BREAKER_THRESHOLD = 5, CIRCUIT_BREAKER_TIMEOUT = 45,
  }
  demo.gateway:admin("GET", "/admin/status")
  address = ("http://127.0.0.1:%d/"):format(demo.gateway.admin_port)
  for i = 1, 3 do
    local load <const> = { "lua5.4", "tests/screenshots/load.lua", demo.gateway.port, 233 * i }
    process.start(load):expect(143)
  end
  files.write(scripts .. "/routes/extra.lua", "-- nothing yet\nreturn {}\n")
end

local function photograph(name)
  local path <const> = ("docs/dashboard-%s.png"):format(name)
  socket.sleep(2.5)
  browser:photograph(path)
  local quoted <const> = files.quote(path)
  assert(os.execute(("pngquant --force --skip-if-larger --strip --output %s %d %s")
    :format(quoted, MAX_COLOURS, quoted)))
  print(path)
end

local function look(scheme, width, height, hash)
  browser:prefer(scheme, "reduce")
  browser:resize(width, height, 2)
  browser:go "about:blank"
  browser:go(address .. (hash or ""))
  browser:await("#feed", "Live")
end

-- The correlation id of a request that took so long.
local function slow_request(ms)
  local path <const> = "/admin/requests?route=GET%20/api/v1/products/:id&limit=1&min_ms=" .. ms
  return demo.gateway:admin("GET", path).json.requests[1].correlation_id
end

local function run()
  start()
  socket.sleep(WELL)
  browser = browsers.open()
  demo:break_down("inventory", { latency_ms = 900 })
  socket.sleep(SLOW)
  local id <const> = slow_request(800)
  look("light", 1360, 1220)
  photograph "light"
  look("light", 1360, 760, "#request=" .. id)
  browser:await("#requests .one", id)
  photograph "waterfall"
  look("light", 390, 1300)
  photograph "phone"
  demo:break_down("inventory", { status = 503 })
  demo:break_down("pricing", { latency_ms = 30 })
  look("dark", 1360, 1220)
  browser:await("[aria-labelledby='backend-inventory']", "open")
  photograph "dark"
end

local ok <const>, problem <const> = xpcall(run, debug.traceback)
if browser then browser:close() end
local has_ended <const>, complaint <const> = pcall(process.end_all)
if not ok then error(problem, 0) end
if not has_ended then error(complaint, 0) end
