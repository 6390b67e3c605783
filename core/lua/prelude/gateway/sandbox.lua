-- The world of the scripts: the standard library without what reaches out of the gateway, a
-- require() that sees the scripts folder and the prelude, and globals that cannot be changed. The
-- core calls the function this module returns once, after the prelude and before the first script.
local core <const> = require "gateway.core"
local gateway <const> = require "gateway"
local log <const> = require "gateway.log"

local raw_set <const>, raw_load <const>, collect <const> = rawset, load, collectgarbage
local date <const> = os.date

local protected <const> = setmetatable({}, { __mode = "k" }) -- the views that protect() made

-- A read-only view. Reading through it costs one more table access, and calls of string methods,
-- ("x"):rep(3), do not go through it at all.
local function protect(library, name)
  local view <const> = setmetatable({}, {
    __index = library,
    __newindex = function(_, key)
      error(("%s.%s cannot be set: it is shared by all scripts"):format(name, tostring(key)), 2)
    end,
    __pairs = function(self)
      return function(_, key) return next(library, key) end, self, nil
    end,
    __metatable = false,
  })
  protected[view] = true
  return view
end

-- Formats in C, as many of them as there are.
local function short_date(format, ...)
  if type(format) == "string" and #format > 256 then
    error("os.date: the format is longer than 256 bytes", 2)
  end
  return date(format, ...)
end

local function pick(library, names)
  local picked <const> = {}
  for name in names:gmatch "%S+" do
    picked[name] = library[name]
  end
  return picked
end

-- --- require ---

local builtin <const> = {
  gateway = function() return protect(gateway, "gateway") end,
  ["gateway.json"] = function() return gateway.json end,
}
local loaded <const> = {}
local loading <const> = {} -- the modules that are being loaded, outermost first

local function refuse_loop(name)
  for _, outer in ipairs(loading) do
    if outer == name then
      local chain <const> = table.concat(loading, " requires ")
      error(("module '%s' requires itself: %s requires %s"):format(name, chain, name), 3)
    end
  end
end

local Loading <const> = {
  __close = function() loading[#loading] = nil end,
}

local function run(name, chunk)
  loading[#loading + 1] = name
  local mark <close> = setmetatable({}, Loading) -- luacheck: ignore mark
  local value <const> = chunk(name)
  return value == nil and true or value
end

local function find(name)
  local text <const>, chunk_name <const> = core.source(name)
  if not text then
    local path <const> = name:gsub("%.", "/")
    error(("module '%s' not found: there is no %s.lua and no %s/init.lua in the scripts folder, and"
      .. " it is none of gateway, gateway.json, cjson, cjson.safe"):format(name, path, path), 3)
  end
  local chunk <const>, reason <const> = raw_load(text, chunk_name, "t")
  if not chunk then error(reason, 0) end
  return chunk
end

local function require_module(name)
  if type(name) ~= "string" then error("require wants the name of a module", 2) end
  if loaded[name] == nil and builtin[name] then loaded[name] = builtin[name]() end
  if loaded[name] == nil then
    refuse_loop(name)
    loaded[name] = run(name, find(name))
  end
  return loaded[name]
end

-- --- lua-cjson, for scripts that were written for it ---

-- Without what would change it for all scripts, or undo the bounds.
local CJSON <const> = [[decode null encode_number_precision encode_invalid_numbers
  decode_invalid_numbers array_mt empty_array_mt empty_array _NAME _VERSION]]

function builtin.cjson()
  local cjson <const>, reason <const> = core.cjson()
  if not cjson then error(("cjson cannot be loaded: %s"):format(reason), 0) end
  local bounded <const> = pick(cjson, CJSON)
  local encode <const> = cjson.encode
  function bounded.encode(value)
    core.measure(value)
    return encode(value)
  end
  return protect(bounded, "cjson")
end

-- nil and the message, where cjson raises.
local function without_raising(fn)
  return function(value)
    local ok <const>, result <const> = pcall(fn, value)
    if ok then return result end
    return nil, result
  end
end

builtin["cjson.safe"] = function()
  local cjson <const> = builtin.cjson()
  local safe <const> = {}
  for name, value in pairs(cjson) do
    safe[name] = value
  end
  safe.encode, safe.decode = without_raising(cjson.encode), without_raising(cjson.decode)
  return protect(safe, "cjson.safe")
end

-- --- what replaces the standard functions that reach too far ---

local function set_raw(target, key, value)
  if protected[target] then error("this table is shared by all scripts and cannot be set", 2) end
  return raw_set(target, key, value)
end

-- Bytes: compiling cannot be interrupted, and takes a time that grows faster than its text.
local MAX_CHUNK <const> = 16384

-- The whole text, which load() may also be given in pieces.
local function read_chunk(chunk)
  if type(chunk) == "string" then return chunk end
  local pieces <const>, size = {}, 0
  for piece in chunk do
    if type(piece) ~= "string" then error("load: the reader must return strings", 3) end
    if piece == "" then break end
    pieces[#pieces + 1], size = piece, size + #piece
    if size > MAX_CHUNK then break end
  end
  return table.concat(pieces)
end

-- Text only: bytecode is not verified and can corrupt memory. A function's name in the prelude's
-- manner would be taken for the prelude's.
local function load_text(chunk, name, _, ...)
  if type(chunk) ~= "string" and type(chunk) ~= "function" then
    error("load wants a string or a function", 2)
  end
  if name ~= nil and (type(name) ~= "string" or name:find "^@gateway") then
    error("load: the chunk cannot have this name", 2)
  end
  local text <const> = read_chunk(chunk)
  if #text > MAX_CHUNK then return nil, "the chunk is larger than 16 KiB" end
  return raw_load(text, name or (chunk ~= text and "=(load)" or text), "t", ...)
end

local function count_garbage(option)
  if option ~= "count" then error("collectgarbage can only count", 2) end
  return collect "count"
end

-- A flow's own coroutine is the core's to resume: nobody would wake it.
local yield <const> = coroutine.yield

local function yield_from_own(...)
  if core.is_flow() then error("a handler cannot yield: only a coroutine of its own can", 2) end
  return yield(...)
end

local function allowed_globals()
  local allowed <const> = pick(_G, [[_VERSION _G assert error getmetatable ipairs next pairs pcall
    rawequal rawget rawlen select setmetatable tonumber tostring type xpcall]])
  allowed.rawset, allowed.load = set_raw, load_text
  allowed.collectgarbage, allowed.print, allowed.require = count_garbage, log.print, require_module
  for _, name in ipairs { "string", "table", "math", "utf8" } do
    allowed[name] = protect(_G[name], name)
  end
  local times <const> = pick(os, "time clock difftime")
  times.date = short_date
  allowed.os = protect(times, "os")
  -- Without running(), so that no script gets hold of a flow's own coroutine.
  local coroutines <const> = pick(coroutine, "create resume status wrap isyieldable close")
  coroutines.yield = yield_from_own
  allowed.coroutine = protect(coroutines, "coroutine")
  return setmetatable(allowed, {
    __index = function(_, name) error(("unknown global '%s'"):format(tostring(name)), 2) end,
  })
end

-- The table of globals itself becomes a read-only view, since chunks have it as their environment.
-- From here on the prelude, too, sees only what is allowed.
local function close_globals(globals, allowed)
  local view <const> = {
    __index = allowed,
    __newindex = function(_, name)
      error(("global '%s' cannot be set; say 'local'"):format(tostring(name)), 2)
    end,
    __metatable = false,
  }
  protected[globals] = true
  local next <const>, setmetatable <const> = next, setmetatable
  for name in next, globals do
    globals[name] = nil
  end
  setmetatable(globals, view)
end

return function()
  string.dump = nil -- luacheck: ignore 122 (also out of reach of ("x"):dump())
  getmetatable("").__metatable = false
  gateway.json = protect(gateway.json, "gateway.json")
  gateway.log = protect(gateway.log, "gateway.log")
  close_globals(_G, allowed_globals())
end
