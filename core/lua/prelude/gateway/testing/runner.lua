-- `moongate test`: busted over the specs of a scripts folder, inside the binary's own Lua.
local MISSING <const> = [[
moongate: busted is not installed, and the specs need it:
  apt-get install lua-busted
]]

local Exit <const> = {}

-- Busted ends by os.exit(); here that only unwinds, so that the state is closed in order.
local function exit(code)
  error(setmetatable({ code = code == true and 0 or code or 0 }, Exit), 0)
end

local function complain(text, ...)
  io.stderr:write("moongate: ", text:format(...), "\n")
  return 2
end

local function has_specs(folder)
  local path <const>, dir <const> = require "pl.path", require "pl.dir"
  if not path.isdir(folder) then return false end
  for _, file in ipairs(dir.getallfiles(folder)) do
    if file:find "_spec%.lua$" then return true end
  end
  return false
end

-- Under a chunk name of its own, which busted takes for the name of the program.
local start <const> = load("local runner, options = ... runner(options) return nil",
  "@moongate test")

-- 0 or 1; 2 for what busted refused before it ran a spec.
local function run(runner)
  local ok <const>, raised <const> = pcall(start, runner, { standalone = false })
  if ok then return 0 end
  if getmetatable(raised) ~= Exit then error(raised, 0) end
  if not package.loaded["busted.execute"] and raised.code ~= 0 then return 2 end
  return raised.code == 0 and 0 or 1
end

return function(context)
  local found <const>, runner <const> = pcall(require, "busted.runner")
  if not found then
    io.stderr:write(MISSING)
    return 2
  end
  local folder <const> = context.folder .. "/spec"
  if not has_specs(folder) then return complain("%s: there are no *_spec.lua", folder) end
  require "gateway.testing".folder = context.folder
  local words <const> = { [0] = "moongate test" }
  for word in context.arguments:gmatch "[^\n]+" do
    words[#words + 1] = word
  end
  words[#words + 1] = folder
  rawset(_G, "arg", words)
  package.path = folder .. "/?.lua;" .. package.path
  os.exit = exit -- luacheck: ignore 122
  return run(runner)
end
