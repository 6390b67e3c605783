-- Sending requests and waiting: call, gather, first, map, sleep. The calling script sleeps until
-- everything it asked for is there, once per function and not once per call.
local core <const> = require "gateway.core"
local backend <const> = require "gateway.backend"
local bug <const> = require "gateway.bug"
local failure <const> = require "gateway.failure"
local options <const> = require "gateway.options"

local getmetatable <const>, type <const>, next <const> = debug.getmetatable, type, next
local Request <const>, Failure <const> = backend.Request, failure.metatable

local flow <const> = {}

local DEFAULT_MAP_LIMIT <const> = 10
local MAX_DEPTH <const> = 32 -- of a gather's tree; deeper is a table that contains itself

local LIMIT <const> = { limit = options.count }

local function fallback_of(request)
  local given <const> = request.options
  return given and given.fallback
end

-- What the request's `expect` refuses is a failure like any other of the backend's.
local function inspect(request, result)
  local given <const> = request.options
  if not given or not given.expect or getmetatable(result) == Failure then return result end
  local reason <const> = given.expect(result.json)
  if not reason then return result end
  return failure.new {
    kind = "decode",
    backend = request.backend,
    method = request.method,
    path = request.path,
    status = result.status,
    message = reason,
  }
end

-- core.fetch, and what came back looked at.
local function fetch_all(requests, limit)
  local results <const> = core.fetch(requests, limit)
  for i = 1, #requests do
    results[i] = inspect(requests[i], results[i])
  end
  return results
end

-- The failure that ended a fetch: when one fails, its siblings are cancelled, and they may come
-- first.
local function culprit(requests, results)
  local cancelled
  for i = 1, #requests do
    local result <const> = results[i]
    if getmetatable(result) == Failure and fallback_of(requests[i]) == nil then
      if result.kind ~= "cancelled" then return result end
      cancelled = cancelled or result
    end
  end
  return cancelled
end

local function replacement(failed, fallback)
  if fallback == true then return { error = failed } end
  if type(fallback) == "function" then fallback = fallback(failed) end
  return { json = fallback, error = failed }
end

-- Raises what no fallback stands in for, and puts the fallbacks in the place of the rest.
local function settle(requests, results)
  local uncaught <const> = culprit(requests, results)
  if uncaught then error(uncaught) end
  for i = 1, #requests do
    local result <const> = results[i]
    if getmetatable(result) == Failure then
      results[i] = replacement(result, fallback_of(requests[i]))
    end
  end
  return results
end

local function fetch(requests, limit)
  local results <const> = fetch_all(requests, limit)
  for i = 1, #requests do
    if getmetatable(results[i]) == Failure then return settle(requests, results) end
  end
  return results
end

-- For sagas: sends a request and returns its response or the failure.
function flow.try(request)
  return fetch_all({ request })[1]
end

-- For sagas: what flow.call() makes of such a result.
function flow.settle(request, result)
  if getmetatable(result) ~= Failure then return result end
  return settle({ request }, { result })[1]
end

function flow.call(request)
  if getmetatable(request) ~= Request then
    error("gateway.call wants a request, as backend:get() and the like make it", 2)
  end
  return fetch({ request })[1]
end

local function path_to(path, key)
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

-- Walks the tree: puts each request into `requests`, and where its response belongs (which table
-- of the answer, which key) into `shapes` and `keys`. Returns what is wrong with the tree, or nil.
local function collect(tree, shape, found, path, depth)
  if depth > MAX_DEPTH then return path .. " is nested too deeply" end
  for key, leaf in next, tree do
    if getmetatable(leaf) == Request then
      local n <const> = #found.requests + 1
      found.requests[n], found.shapes[n], found.keys[n] = leaf, shape, key
    elseif type(leaf) == "table" then
      shape[key] = {}
      local reason <const> = collect(leaf, shape[key], found, path_to(path, key), depth + 1)
      if reason then return reason end
    else
      return ("%s is a %s, neither a request nor a table"):format(path_to(path, key), type(leaf))
    end
  end
end

local function limit_of(given, default)
  if given == nil then return default end
  local reason <const> = options.refuse(given, LIMIT)
  if reason then return nil, reason end
  return given.limit or default
end

-- Takes any table whose leaves are requests, sends them all, and returns the same shape filled
-- with their responses.
function flow.gather(tree, given)
  if type(tree) ~= "table" or getmetatable(tree) == Request then
    error("gateway.gather wants a table of requests", 2)
  end
  local limit <const>, refused <const> = limit_of(given)
  if refused then error("gateway.gather: " .. refused, 2) end
  local shape <const> = {}
  local found <const> = { requests = {}, shapes = {}, keys = {} }
  local reason <const> = collect(tree, shape, found, "", 1)
  if reason then error("gateway.gather: " .. reason, 2) end
  local requests <const>, shapes <const>, keys <const> = found.requests, found.shapes, found.keys
  if #requests == 0 then return shape end
  local results <const> = fetch(requests, limit)
  for i = 1, #requests do
    shapes[i][keys[i]] = results[i]
  end
  return shape
end

local function is_list_of_requests(list)
  if type(list) ~= "table" or getmetatable(list) == Request then return false end
  for i = 1, #list do
    if getmetatable(list[i]) ~= Request then return false end
  end
  return true
end

-- Raised by the child that has the last response that was waited for, or after whose failure there
-- cannot be enough: it ends the others.
local ENOUGH <const> = setmetatable({}, { __name = "gateway.enough" })

-- Sends each request in a child of its own, so that `expect` has seen a response before the calls
-- that are still under way are cancelled for its sake. Returns all results by their place, and the
-- places of the first `n` responses in the order they came.
local function race(n, requests)
  local results <const>, places <const> = {}, {}
  local left = #requests -- that may still answer, or have a fallback
  local ok <const>, raised <const> = pcall(core.children, #requests, #requests, function(i)
    local fetched <const>, result <const> = xpcall(flow.try, bug.explain, requests[i])
    if not fetched then error(result, 0) end
    results[i] = result
    if #places == n then return end
    if getmetatable(result) ~= Failure then
      places[#places + 1] = i
    elseif fallback_of(requests[i]) == nil then
      left = left - 1
    end
    if #places == n or left < n then error(ENOUGH, 0) end
  end)
  if not ok and raised ~= ENOUGH then error(raised, 0) end
  return results, places
end

-- Where too few have answered, fallbacks stand in for some that have not.
local function add_fallbacks(n, requests, results, places)
  for i = 1, #requests do
    if #places == n then return end
    local fallback <const> = fallback_of(requests[i])
    if fallback ~= nil and getmetatable(results[i]) == Failure then
      results[i] = replacement(results[i], fallback)
      places[#places + 1] = i
    end
  end
end

-- The first `n` responses in the order they arrived, and their places in `requests`; the other
-- calls are cancelled. A failure only ends it when too few are left.
function flow.first(n, requests)
  if not is_list_of_requests(requests) then
    error("gateway.first wants a number and a list of requests", 2)
  end
  if math.type(n) ~= "integer" or n < 1 or n > #requests then
    error(("gateway.first cannot wait for %s of %d requests"):format(tostring(n), #requests), 2)
  end
  local results <const>, places <const> = race(n, requests)
  add_fallbacks(n, requests, results, places)
  if #places < n then error(culprit(requests, results)) end
  local responses <const> = {}
  for i = 1, n do
    responses[i] = results[places[i]]
  end
  return responses, places
end

-- Runs fn(item, index) for each item in a child of this flow and returns the results in order.
function flow.map(list, fn, given)
  if type(list) ~= "table" then error("gateway.map wants a list", 2) end
  if type(fn) ~= "function" then error("gateway.map wants a function", 2) end
  local limit <const>, reason <const> = limit_of(given, DEFAULT_MAP_LIMIT)
  if reason then error("gateway.map: " .. reason, 2) end
  local results <const> = {}
  if #list == 0 then return results end
  core.children(#list, limit, function(i)
    -- Caught here and raised again: a saga in `fn` can only call its undo while the error unwinds
    -- inside the child.
    local ok <const>, value <const> = xpcall(fn, bug.explain, list[i], i)
    if not ok then error(value, 0) end
    results[i] = value
  end)
  return results
end

function flow.sleep(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds < math.huge) then
    error("gateway.sleep wants a number of seconds", 2)
  end
  core.sleep(seconds)
end

return flow
