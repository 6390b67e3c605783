-- A running moongate, be it the gateway or one of the demo backends.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local gateway <const> = {}

gateway.binary = os.getenv "MOONGATE" or "build/asan/moongate"

local Gateway <const> = {}
Gateway.__index = Gateway

local DEFAULTS <const> = {
  HOST = "127.0.0.1",
  PORT = 0,
  ADMIN_PORT = 0,
  WORKERS = 1,
  DRAIN_SECONDS = 0,
  SCRIPTS_DIR = "scripts",
}

local function settings_of(given)
  local settings <const> = {}
  for _, source in ipairs { DEFAULTS, given } do
    for name, value in pairs(source) do
      settings[name] = value
    end
  end
  return settings
end

local function port_of(self)
  local code <const> = self.process:exit_code()
  if code then error(("it ended with %d: %s"):format(code, self.process:errors()), 0) end
  local line <const> = self:log("listening")[1]
  return line and math.tointeger(line.port)
end

-- Starts one with these settings; the process.
function gateway.start_process(settings)
  return process.start({ gateway.binary, "serve" }, settings_of(settings))
end

-- The same, and waits until it listens.
function gateway.start(settings)
  local self <const> = gateway.attach(gateway.start_process(settings))
  self.scripts = settings.SCRIPTS_DIR
  return self
end

-- Waits until the gateway that is this process listens.
function gateway.attach(running)
  local self <const> = setmetatable({ process = running }, Gateway)
  self.port = poll("a gateway that listens", function() return port_of(self) end)
  return self
end

-- With scripts of the spec's own: the files of their folder by name, or the text of init.lua.
function gateway.start_with(scripts, settings)
  if type(scripts) == "string" then scripts = { ["init.lua"] = scripts } end
  settings = settings_of(settings or {})
  settings.SCRIPTS_DIR = files.folder(scripts)
  return gateway.start(settings)
end

function Gateway:request(method, path, options)
  return http.request(self.port, method, path, options)
end

function Gateway:get(path, ...)
  return self:request("GET", path, { headers = { ... } })
end

function Gateway:post(path, json)
  return self:request("POST", path, { json = json })
end

-- Asks its admin listener, as a program on the same machine does. Options as in http.format().
function Gateway:admin(method, path, options)
  self.admin_port = self.admin_port or math.tointeger(self:await_log("admin listening").port)
  local given <const> = { host = "127.0.0.1:" .. self.admin_port }
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  return http.request(self.admin_port, method, path, given)
end

-- Writes one of its scripts, as a careless editor does: truncates and writes.
function Gateway:save(name, text)
  files.write(self.scripts .. "/" .. name, text)
end

-- Waits until this generation is live.
function Gateway:await_generation(number)
  return self:await_log("scripts reloaded", function(line) return line.generation == number end)
end

function Gateway:connect()
  return assert(http.connect(self.port))
end

-- Sends a request without waiting for the response; the connection it is on.
function Gateway:begin(method, path, options)
  return self:connect():send(http.format(method, path, options))
end

-- The log lines with this message, all without one. A line that is being written is left out.
function Gateway:log(message)
  local lines <const> = {}
  for text in self.process:output():gmatch "([^\n]*)\n" do
    local line <const> = cjson.decode(text)
    if not message or line.message == message then lines[#lines + 1] = line end
  end
  return lines
end

-- The first log line with this message that fits, once there is one.
function Gateway:await_log(message, fits)
  return poll(("the log line '%s'"):format(message), function()
    for _, line in ipairs(self:log(message)) do
      if not fits or fits(line) then return line end
    end
  end)
end

-- The one log line of the request that got this response.
function Gateway:log_of(response)
  local id <const> = response.headers["x-correlation-id"]
  return self:await_log("request", function(line) return line.correlation_id == id end)
end

-- The log lines up to that of the request that got this response, with this message.
function Gateway:log_until(response, message)
  self:log_of(response)
  return self:log(message)
end

-- Asks it to end and returns the exit code.
function Gateway:stop()
  self.process:signal "TERM"
  return self.process:wait()
end

return gateway
