-- require "gateway.testing", for the specs that `moongate test` runs: the operator's scripts in
-- their sandbox, over backends that the spec answers for, on a clock that moves by itself. See
-- types.lua for each name.
local budget <const> = require "gateway.check.budget"
local suggest <const> = require "gateway.suggest"
local World <const> = require "gateway.testing.world"

local testing <const> = { folder = "scripts" }

local FAILURES <const> = {
  connect = true, dns = true, tls = true, timeout = true, open = true, refused = true,
  decode = true, too_large = true,
}

local STATES <const> = {
  closed = true, open = true, half_open = true, forced_open = true, disabled = true,
}

local function is_seconds(value) return type(value) == "number" and value >= 0 end
local function is_table(value) return type(value) == "table" end

local ANSWER <const> = {
  status = { "a status from 100 to 599", function(value)
    return math.type(value) == "integer" and value >= 100 and value <= 599
  end },
  json = { "any value", function() return true end },
  body = { "a string", function(value) return type(value) == "string" end },
  headers = { "a table", is_table },
  latency = { "a number of seconds", is_seconds },
  retry_after = { "a number of seconds", is_seconds },
  fail = { "a failure's kind, as \"connect\"", function(value) return FAILURES[value] end },
}

-- Why this cannot be an answer, or nil.
local function refuse_answer(answer)
  if type(answer) == "function" then return nil end
  if type(answer) ~= "table" then return "an answer is a table or a function" end
  for name, value in next, answer do
    local kind <const> = ANSWER[name]
    if not kind then
      return ("an answer has no '%s'%s"):format(tostring(name), suggest(tostring(name), ANSWER))
    end
    if not kind[2](value) then return ("'%s' must be %s"):format(name, kind[1]) end
  end
end

-- --- a fake backend ---

local Backend <const> = {}
Backend.__index = Backend

-- "GET /products/{id}" as a test of calls.
local function matcher(target)
  if target == "*" then return function() return true end end
  local method <const>, path <const> = target:match "^(%u+) (/.*)$"
  if not method then return nil end
  local pattern <const> = path:gsub("[%^$()%%.%[%]*+%-?]", "%%%0"):gsub("{[^{}]*}", "[^/]+")
  return function(call)
    return call.method == method and call.path:find("^" .. pattern .. "$") ~= nil
  end
end

-- How the backend answers such calls from now on: with each of the answers in turn, then with the
-- last one. What was said last counts first.
function Backend:on(target, ...)
  if getmetatable(self) ~= Backend then error("call it with a colon: backend:on(...)", 2) end
  local fits <const> = type(target) == "string" and matcher(target)
  if not fits then error("on() wants \"GET /path/{id}\", or \"*\" for all calls", 2) end
  local answers <const> = { ... }
  if #answers == 0 then error(("on(\"%s\") wants an answer"):format(target), 2) end
  for _, answer in ipairs(answers) do
    local reason <const> = refuse_answer(answer)
    if reason then error(("on(\"%s\"): %s"):format(target, reason), 2) end
  end
  table.insert(self.rules, 1, { fits = fits, answers = answers, used = 0 })
  return self
end

-- What was sent to it so far, in order.
function Backend:calls()
  return table.move(self.recorded, 1, #self.recorded, 1, {})
end

-- What backend:state() says to the scripts. Calls are not affected: see `fail = "open"`.
function Backend:set_state(state)
  if not STATES[state] then error("set_state() wants the state of a breaker, as \"open\"", 2) end
  self.world.states[self.name] = state
  return self
end

local function query_of(text)
  local query <const> = {}
  for name, value in text:gmatch "([^&=]+)=([^&]*)" do
    query[name] = value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return query
end

-- The call as specs see it, apart from what the fake core goes on writing into its own.
local function record(self, call)
  local path <const>, query <const> = call.path:match "^([^?]*)%??(.*)$"
  local seen <const> = {
    method = call.method,
    path = path,
    query = query_of(query),
    headers = call.headers,
    json = call.json,
    body = call.body,
    at = call.at,
  }
  self.recorded[#self.recorded + 1] = seen
  return seen
end

local function find_answer(self, call)
  for _, rule in ipairs(self.rules) do
    if rule.fits(call) then
      rule.used = math.min(rule.used + 1, #rule.answers)
      return rule.answers[rule.used]
    end
  end
end

local MESSAGES <const> = { connect = "connection refused", timeout = "it took too long" }

-- The answer as the fake core wants it.
local function translate(answer)
  return {
    kind = answer.fail,
    message = MESSAGES[answer.fail],
    status = not answer.fail and (answer.status or 200) or nil,
    json = answer.json,
    body = answer.body,
    headers = answer.headers,
    delay = answer.latency,
    retry_after = answer.retry_after,
  }
end

local function answer_to(self, call)
  local seen <const> = record(self, call)
  local answer = find_answer(self, seen)
  if type(answer) == "function" then
    answer = answer(seen)
    local reason <const> = refuse_answer(answer)
    if reason then error(("%s %s: %s"):format(call.method, call.path, reason), 0) end
  end
  if answer then return translate(answer) end
  table.insert(self.unanswered, ("%s: %s %s"):format(self.name, call.method, seen.path))
  return { kind = "connect", message = "the test gives no answer" }
end

-- --- the gateway under test ---

local Gateway <const> = {}
Gateway.__index = Gateway

local REQUEST <const> = { json = true, body = true, headers = true, hang_up = true }

local function refuse_request(method, target, options)
  if type(method) ~= "string" or type(target) ~= "string" or not target:find "^/" then
    return "request() wants a method and a path: gw:request(\"GET\", \"/\")"
  end
  for name in next, options do
    if not REQUEST[name] then
      return ("request() has no option '%s'%s"):format(tostring(name),
        suggest(tostring(name), REQUEST))
    end
  end
end

-- The calls that nobody answered are the test's mistake, whatever the script made of them.
local function complain_of_unanswered(self)
  local calls <const> = self.unanswered
  if #calls == 0 then return nil end
  local text <const> = table.concat(calls, "\n  ")
  for i = #calls, 1, -1 do
    calls[i] = nil
  end
  return ("the test gives no answer to\n  %s\nsay gw.backend(name):on(\"METHOD /path\", {...})")
    :format(text)
end

-- What the log says of a bug since line `from`.
local function bug_since(world, from)
  for i = from, #world.logs do
    local line <const> = world.logs[i]
    if line.level == "error" and line.fields and line.fields.traceback then return line.message end
  end
end

function Gateway:request(method, target, options)
  if getmetatable(self) ~= Gateway then error("call it with a colon: gw:request(...)", 2) end
  options = options or {}
  local refused <const> = refuse_request(method, target, options)
  if refused then error(refused, 2) end
  local first_line <const> = #self.world.logs + 1
  budget.allow()
  local ok <const>, reply <const> = pcall(self.world.request, self.world, method, target, options)
  if budget.stack then error(budget.MESSAGE .. budget.stack, 2) end
  if not ok then error(reply, 2) end
  local unanswered <const> = complain_of_unanswered(self)
  if unanswered then error(unanswered, 2) end
  return {
    status = reply.status,
    headers = reply.headers,
    body = reply.text,
    json = reply.json,
    took = reply.took,
    dropped = reply.dropped,
    bug = bug_since(self.world, first_line),
  }
end

-- The scripts' own require(), for what is to be tested without a request.
function Gateway:require(name)
  return self.world.globals.require(name)
end

-- The log's lines, of one level or all: { level, message, fields, where }.
function Gateway:logs(level)
  local lines <const> = {}
  for _, line in ipairs(self.world.logs) do
    if not level or line.level == level then lines[#lines + 1] = line end
  end
  return lines
end

-- What a metric counts by now: a number, or of a histogram { count, sum }; nil for labels that were
-- never used. `labels` as the script gives them.
function Gateway:metric(name, labels)
  local found <const> = self.world.metrics[name]
  if not found then
    error(("the scripts declare no metric '%s'%s"):format(tostring(name),
      suggest(tostring(name), self.world.metrics)), 2)
  end
  local values <const> = {}
  for i, label in ipairs(found.labels) do
    values[i] = tostring((labels or {})[label])
  end
  return found.series[table.concat(values, ",")]
end

-- Seconds since load(): they pass only while something waits.
function Gateway:now()
  return self.world.scheduler.now
end

-- --- loading ---

local function new_backends(self)
  local backends <const> = {}
  for _, declared in ipairs(self.world.declared) do
    local backend <const> = setmetatable({
      name = declared.name,
      world = self.world,
      unanswered = self.unanswered,
      rules = {},
      recorded = {},
    }, Backend)
    backends[declared.name] = backend
    self.world.backends[declared.name] = function(call) return answer_to(backend, call) end
  end
  return backends
end

-- An endless loop, while the scripts load or later, fails the test instead of the terminal.
local function load_world(options)
  budget.start()
  local ok <const>, world <const> = xpcall(World.load, function(raised)
    budget.lift()
    return raised
  end, {
    scripts = options.scripts or testing.folder,
    env = options.env,
    development = options.development,
    prepare = function(new)
      budget.watch_coroutines(new.globals.coroutine)
      new.scheduler.on_spawn = budget.watch
    end,
  })
  budget.lift()
  if not ok then error(world, 0) end
  return world
end

local LOAD <const> = { scripts = true, env = true, development = true }

-- The scripts as the gateway loads them, in a state of their own. options: env (variables that
-- gateway.env() finds), development, scripts (another folder, or the texts of modules by name).
function testing.load(options)
  options = options or {}
  for name in next, options do
    if not LOAD[name] then
      error(("testing.load has no option '%s'%s"):format(tostring(name),
        suggest(tostring(name), LOAD)), 2)
    end
  end
  local self <const> = setmetatable({ unanswered = {} }, Gateway)
  self.world = load_world(options)
  local backends <const> = new_backends(self)
  function self.backend(name)
    if not backends[name] then
      error(("the scripts declare no backend '%s'%s"):format(tostring(name),
        suggest(tostring(name), backends)), 2)
    end
    return backends[name]
  end
  return self
end

return testing
