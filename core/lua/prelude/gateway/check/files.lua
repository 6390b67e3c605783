-- Which files are the gateway's: those that init.lua requires, directly or by another. A folder
-- with an init.lua of its own that nobody requires is another gateway's (scripts/demo), and is left
-- alone with all that it links to.
local Values <const> = require "gateway.check.values"
local paths_of <const> = require "gateway.paths"

local files <const> = {}

-- path -> true, from `path` on.
local function follow(all, path, reached)
  if reached[path] or not all[path] then return end
  reached[path] = true
  for _, node in ipairs(all[path].nodes) do
    local module <const> = Values.required(node)
    for _, found in ipairs(module and paths_of(module) or {}) do
      follow(all, found, reached)
    end
  end
end

-- `all`: path -> { nodes }, none in what cannot be compiled; `loaded`: the modules that were
-- loaded, by name.
function files.reached(all, loaded)
  local reached <const> = {}
  follow(all, "init.lua", reached)
  for module in next, loaded do
    for _, path in ipairs(paths_of(module)) do
      follow(all, path, reached)
    end
  end
  return reached
end

-- The folders with an init.lua that is not reached: "demo/pricing/".
local function other_folders(sources, reached)
  local folders <const> = {}
  for path in next, sources do
    local folder <const> = path:match "^(.*/)init%.lua$"
    if folder and not reached[path] then folders[#folders + 1] = folder end
  end
  return folders
end

-- path -> true for the files of other gateways; with them go the files they link to, which have
-- the same text.
function files.of_others(sources, reached)
  local others <const>, texts <const> = {}, {}
  for _, folder in ipairs(other_folders(sources, reached)) do
    for path, text in next, sources do
      if path:sub(1, #folder) == folder and not reached[path] then
        others[path], texts[text] = true, true
      end
    end
  end
  for path, text in next, sources do
    if texts[text] and not reached[path] then others[path] = true end
  end
  return others
end

return files
