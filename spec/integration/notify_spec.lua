-- What systemd, or who else set NOTIFY_SOCKET, is told (Type=notify).
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"
local unix <const> = require "socket.unix"

local HOME <const> = 'require("gateway").route("GET /", function() return 200 end)'
local LIMIT <const> = 20 -- seconds, of a slow machine


describe("the supervisor", function()
  local supervisor, path

  before_each(function()
    path = files.folder() .. "/notify"
    supervisor = unix.dgram()
    assert(supervisor:bind(path))
    supervisor:settimeout(LIMIT)
  end)

  after_each(function()
    process.end_all()
    supervisor:close()
  end)

  it("is told when it serves, and when it ends", function()
    local gateway <const> = gateways.start_with(HOME, { NOTIFY_SOCKET = path })
    assert.equal("READY=1", supervisor:receive())
    assert.equal(200, gateway:get("/").status)
    gateway.process:signal "TERM"
    assert.equal("STOPPING=1", supervisor:receive())
    assert.equal(0, gateway.process:wait())
  end)

  it("is not told that it serves if it cannot", function()
    local folder <const> = files.folder { ["init.lua"] = "x = = 1" }
    local started <const> = gateways.start_process { SCRIPTS_DIR = folder, NOTIFY_SOCKET = path }
    assert.equal(1, started:wait())
    started:expect(1, started:errors())
    supervisor:settimeout(0)
    assert.is_nil((supervisor:receive()))
  end)

  it("need not listen", function()
    local gateway <const> = gateways.start_with(HOME, { NOTIFY_SOCKET = path .. "-nobody" })
    assert.equal(200, gateway:get("/").status)
  end)
end)
