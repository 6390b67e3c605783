-- What lists the settings lists them all: `moongate help` is where they are.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"


describe("each setting", function()
  local defaults -- by name; "" for what is not set

  setup(function()
    local _, help = process.run { gateways.binary, "help" }
    defaults = {}
    local column = help:match("\n(  HOST +)0"):len() + 1
    for line in help:gmatch "[^\n]+" do
      local name = line:match "^  ([A-Z][A-Z_]+) "
      local default = name and line:sub(math.max(column, #name + 4)):match "^%S*"
      if name then defaults[name] = default == "-" and "" or default end
    end
    assert.equal("8000", defaults.PORT)
  end)
  teardown(process.end_all)

  -- Name and value by this pattern, a line each.
  local function read(text, pattern)
    local found = {}
    for name, value in ("\n" .. text):gmatch("\n" .. pattern) do
      assert.is_nil(found[name], name .. " is there twice")
      found[name] = value
    end
    return found
  end

  it("is in .env.example, with its default, if only as a comment", function()
    local text = files.read(".env.example"):match "^(.-\n)# %-%-%- docker compose"
    assert.same(defaults, read(text, "#?([A-Z_]+)=([^\n]*)"))
  end)

  -- One that is like another needs no row of its own.
  it("is in README.md, with its default", function()
    local text = files.read("README.md"):match "\n## Settings\n(.-)\n## "
    for name in pairs(defaults) do
      assert.is_truthy(text:find("`" .. name .. "`", 1, true), name)
    end
    for name, default in pairs(read(text, "| `([A-Z_]+)` | `?([^ `|]*)`? |")) do
      assert.equal(defaults[name], default, name)
    end
  end)

  it("reaches the gateway of docker-compose.yml", function()
    local gateway = files.read("docker-compose.yml"):match "\n  api%-gateway:\n(.-)\n\n"
    local found = read(gateway:match "\n    environment:\n(.*)", " +([A-Z_]+):([^\n]*)")
    for name in pairs(defaults) do
      assert.is_string(found[name], name .. " is missing: a line with its name alone will do")
    end
    for name, value in pairs(found) do
      local otherwise <const> = value:match("%${" .. name .. ":%-(.*)}")
      local is_own <const> = name:find "_URL$"
      if otherwise and not is_own then assert.equal(defaults[name], otherwise, name) end
    end
  end)
end)
