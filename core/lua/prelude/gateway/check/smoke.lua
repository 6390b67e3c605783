-- `moongate check --run`: each route is called, with its parameters "1" and an empty JSON object as
-- the body, while all backends answer something, none can be reached, and all say 404. What is told
-- are bugs: what a handler raises that is no failure. A failure, a 4xx or a 5xx of its own are
-- answers like any other.
--
-- A bug that comes after a made-up answer may come of the answer, so it is only told if it is a
-- misuse of the module gateway, which no answer makes right.
local anything <const> = require "gateway.check.anything"
local budget <const> = require "gateway.check.budget"

local Smoke <const> = {}
Smoke.__index = Smoke

local WAYS <const> = {
  { "while the backends answer", function(self)
    self.is_made_up = true
    return { status = 200, live = anything(), delay = 0.05 }
  end },
  { "while no backend can be reached", function()
    return { kind = "connect", message = "connection refused", delay = 0.05 }
  end },
  { "while the backends say 404", function() return { status = 404, delay = 0.05 } end },
}

local MISUSE <const> = {
  "unknown global '", "unknown option '", "^option '", "where the status belongs",
  "call it with a colon", "there is no job '", "^gateway%.%l+ wants", "^gateway%.%l+ can only",
}

local HAS_BODY <const> = { POST = true, PUT = true, PATCH = true }

local function is_misuse(message)
  for _, pattern in ipairs(MISUSE) do
    if message:find(pattern) then return true end
  end
  return false
end

-- A bug's place if it is in a script, else the route's; and its message without the place. Only the
-- first line of it, since a traceback may follow.
function Smoke:locate(message, route)
  message = message:match "^[^\n]*"
  for file, line in message:gmatch "([^%s:]+):(%d+): " do
    if self.loading.sources[file] then
      local place <const> = ("%s:%s: "):format(file, line)
      local from <const>, to <const> = message:find(place, 1, true)
      return file, tonumber(line), message:sub(1, from - 1) .. message:sub(to + 1)
    end
  end
  return route.file, route.line, message:match "^[%w_./]+:%d+: (.*)$" or message
end

-- "init.lua:4: " of a traceback, "" if no script is on it.
function Smoke:innermost(stack)
  for file, line in stack:gmatch "([^%s:]+):(%d+): in" do
    if self.loading.sources[file] then return ("%s:%s: "):format(file, line) end
  end
  return ""
end

function Smoke:add(route, message, way)
  local file <const>, line <const>, text <const> = self:locate(message, route)
  if self.is_made_up and not is_misuse(text) then
    self.unsure[route.target] = true
    return
  end
  if self.findings:has_at(file, line) then return end -- the text says so already, or another way
  local body <const> = HAS_BODY[route.target:match "^%u+"] and " with the body {}" or ""
  self.findings:add {
    file = file, line = line, rule = "bug",
    message = ("%s (%s%s, %s)"):format(text, route.target, body, way),
  }
end

function Smoke:call(route, way)
  local method <const>, pattern <const> = route.target:match "^(%u+) (.*)$"
  local options <const> = HAS_BODY[method] and { json = {} } or {}
  budget.start()
  local ok <const>, raised <const> = pcall(self.world.request, self.world, method,
    pattern:gsub("/:[^/]*", "/1"), options)
  budget.lift()
  if budget.stack then
    self:add(route, self:innermost(budget.stack) .. budget.MESSAGE, way)
  elseif not ok then
    self:add(route, tostring(raised), way)
  end
end

-- The bugs that the log tells of since line `from`.
function Smoke:read_log(from, route, way)
  for i = from, #self.world.logs do
    local line <const> = self.world.logs[i]
    if line.level == "error" and line.fields and line.fields.traceback then
      self:add(route, line.message, way)
    end
  end
end

function Smoke:try(route, way)
  self.is_made_up = false
  for name in next, self.loading.backends do
    self.world.backends[name] = function() return way[2](self) end
  end
  local first_line <const> = #self.world.logs + 1
  self:call(route, way[1])
  self:read_log(first_line, route, way[1])
end

local function count(set)
  local n = 0
  for _ in next, set do
    n = n + 1
  end
  return n
end

-- Returns how many routes were called, how many handlers never ran (a filter answered for them) and
-- how many stopped at a made-up answer.
return function(loading, findings)
  local self <const> = setmetatable({
    loading = loading, world = loading.world, findings = findings, unsure = {},
  }, Smoke)
  self.world.scheduler.on_spawn = budget.watch
  for _, route in ipairs(loading.routes) do
    for _, way in ipairs(WAYS) do
      self:try(route, way)
    end
  end
  return #loading.routes, #loading.routes - count(loading.ran), count(self.unsure)
end
