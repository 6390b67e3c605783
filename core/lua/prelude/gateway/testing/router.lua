-- Which route answers a request, by the rules of core/policy/router.h: a literal segment wins over
-- a parameter, from the left, with backtracking; HEAD falls back to GET.
local router <const> = {}

local function unescape(text)
  local broken <const> = text:gsub("%%%x%x", ""):find("%", 1, true)
  local decoded <const> = text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  if broken or decoded:find("\0", 1, true) then return nil end
  return decoded
end

-- A path's segments, decoded and without dot segments; nil for a path that is answered with 400.
local function split(path)
  if not path:find "^/" then return nil end
  local segments <const> = {}
  for raw, rest in path:gmatch "/([^/]*)()" do
    local segment <const> = unescape(raw)
    if not segment or (segment == ".." and #segments == 0) then return nil end
    if segment == ".." then segments[#segments] = nil end
    if segment ~= "." and segment ~= ".." then
      segments[#segments + 1] = segment
    elseif rest > #path then
      segments[#segments + 1] = ""
    end
  end
  return segments
end

local function pattern_segments(pattern)
  local segments <const> = {}
  for segment in pattern:gmatch "/([^/]*)" do
    segments[#segments + 1] = segment
  end
  return segments
end

local function params_of(pattern, segments)
  local params <const> = {}
  for i, part in ipairs(pattern) do
    local name <const> = part:match "^:(.*)"
    if name and segments[i] == "" then return nil end
    if name then
      params[name] = segments[i]
    elseif part ~= segments[i] then
      return nil
    end
  end
  return params
end

-- Of two patterns that fit, the one with the first literal where the other has a parameter.
local function is_closer(one, other)
  for i, part in ipairs(one) do
    local is_param <const> = part:find "^:" ~= nil
    if is_param ~= (other[i]:find "^:" ~= nil) then return not is_param end
  end
  return false
end

local function find(routes, method, segments)
  local best, best_params, best_pattern
  for id, route in ipairs(routes) do
    local pattern <const> = pattern_segments(route.pattern)
    if (not method or route.method == method) and #pattern == #segments then
      local params <const> = params_of(pattern, segments)
      if params and (not best or is_closer(pattern, best_pattern)) then
        best, best_params, best_pattern = id, params, pattern
      end
    end
  end
  return best, best_params
end

-- The place in `routes` (each { method, pattern }) and the parameters; or nil and the status that
-- is answered: 400, 404, 405.
function router.find(routes, method, path)
  local segments <const> = split(path)
  if not segments then return nil, 400 end
  local id, params = find(routes, method, segments)
  if not id and method == "HEAD" then
    id, params = find(routes, "GET", segments)
  end
  if id then return id, params end
  return nil, find(routes, nil, segments) and 405 or 404
end

-- The pattern with its names left out: two that are alike say the same.
function router.shape(pattern)
  return (pattern:gsub("/:[^/]*", "/:"))
end

return router
