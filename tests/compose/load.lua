-- Clients that keep a service busy while a spec does something to it: processes of their own, as
-- docker's commands are waited for.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local load <const> = {}

local Load <const> = {}
Load.__index = Load

-- `n` clients of the service at this port, each asking again and again; see client.lua.
function load.start(n, port, method, path, body)
  local self <const> = setmetatable({ stop_file = files.folder() .. "/stop", clients = {} }, Load)
  for i = 1, n do
    self.clients[i] = process.start {
      "lua5.4", "tests/compose/client.lua", port, self.stop_file, method, path, body,
    }
  end
  return self
end

-- What they got so far: { at, status, body } or { at, failure }.
function Load:answers()
  local answers <const> = {}
  for _, client in ipairs(self.clients) do
    for text in client:output():gmatch "([^\n]*)\n" do
      answers[#answers + 1] = cjson.decode(text)
    end
  end
  return answers
end

-- The first of the answers that fits, once there is one.
function Load:await(what, fits)
  return poll(what, function()
    for _, answer in ipairs(self:answers()) do
      if fits(answer) then return answer end
    end
  end)
end

-- Lets them finish what they have begun; all that they got.
function Load:stop()
  files.write(self.stop_file, "")
  for _, client in ipairs(self.clients) do
    client:wait()
  end
  return self:answers()
end

return load
