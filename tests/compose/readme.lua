-- The commands that README.md tells a person to type, run as they stand there.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local stack <const> = require "stack"

local readme <const> = {}

-- Indented lines are commands; one that ends in a backslash goes on in the next.
local function commands_of(heading)
  local text <const> = files.read("README.md"):match("\n" .. heading .. "\n(.-)\n## ")
  local commands <const>, open = {}, nil
  for line in text:gmatch "[^\n]*" do
    local command <const> = line:match "^    (.*)"
    if command then
      open = (open or "") .. command .. "\n"
      if not command:find "\\$" then
        commands[#commands + 1] = open
        open = nil
      end
    end
  end
  return commands
end

-- The gateway and its backends are at other ports here.
local function at_ports(command, ports)
  return (command
    :gsub("localhost:8000", "localhost:" .. ports["api-gateway"])
    :gsub("localhost:8001", "localhost:" .. ports["inventory-service"])
    :gsub("localhost:8002", "localhost:" .. ports["pricing-service"]))
end

-- Runs the commands below this heading; what each says: { output, json }.
function readme.run(heading, ports)
  local said <const> = {}
  for i, command in ipairs(commands_of(heading)) do
    local output <const>, code <const> = stack.try(at_ports(command, ports))
    assert(code == 0, command .. output)
    local ok <const>, json <const> = pcall(cjson.decode, output)
    said[i] = { output = output, json = ok and json or nil }
  end
  return said
end

return readme
