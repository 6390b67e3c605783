-- Stores: JSON values by key, durable, shared by all workers.
--
--     local stock <const> = gateway.store "stock"
--     stock:put("TEST-001", { left = 12 })
--     local value <const>, version <const> = stock:get "TEST-001"
--
-- What changes a store returns when the change is durable; what is read is durable already.
local core <const> = require "gateway.core"
local failure <const> = require "gateway.failure"
local json <const> = require "gateway.json"
local options <const> = require "gateway.options"

local store <const> = {}

local Store <const> = { __name = "gateway.store" }
local methods <const> = {}
Store.__index = methods

-- As in engine/keyspace.h, in bytes.
local MAX_KEY <const> = 512
local MAX_VALUE <const> = 1024 * 1024
local MAX_SUM <const> = 8 * MAX_VALUE
local MAX_COUNT <const> = 1000

local MAX_UPDATES <const> = 100

local opened <const> = {} -- name -> store

-- What goes wrong beyond these is the script's mistake.
local function raise(status, detail)
  error(failure.new { kind = "problem", status = status, detail = detail })
end

local function check_self(self)
  if getmetatable(self) ~= Store then error("call it with a colon: store:get(key)", 3) end
end

-- Keys and values may be made of what clients sent, so their size is the client's mistake.
local function check_key(key, level)
  if type(key) ~= "string" then error("a store's key must be a string", level or 3) end
  if key == "" or #key > MAX_KEY then
    raise(400, ("a key has from 1 to %d bytes"):format(MAX_KEY))
  end
end

local function encode(value, level)
  level = level or 3
  if value == nil then error("a store keeps no nil: delete the key, or put json.null", level) end
  local ok <const>, text <const> = pcall(json.encode, value)
  if not ok then error("a store's value must be JSON: " .. tostring(text), level) end
  if #text > MAX_VALUE then raise(413, ("a value has up to %d bytes"):format(MAX_VALUE)) end
  return text
end

local function raise_fault(self, fault)
  raise(503, ("the store '%s' cannot be used: %s"):format(self.name, fault or "try again"))
end

-- --- reading ---

-- The value and its version, or nil.
function methods:get(key)
  check_self(self)
  check_key(key)
  local text <const>, version <const>, fault <const> = core.store_find(self.handle, key)
  if text then return json.decode(text), version end
  if version then raise_fault(self, fault) end
  return nil
end

local LIST_OPTIONS <const> = { limit = options.count, after = options.string }

-- Those whose key begins with `prefix`, in the order of their bytes; and whether there are more.
function methods:list(prefix, given)
  check_self(self)
  if type(prefix) ~= "string" then error("the prefix must be a string", 2) end
  local refused <const> = options.refuse(given, LIST_OPTIONS)
  if refused then error("store:list: " .. refused, 2) end
  local after <const>, limit <const> = given and given.after or "", given and given.limit or 100
  if limit > MAX_COUNT then error(("store:list: limit is up to %d"):format(MAX_COUNT), 2) end
  local entries <const>, more <const>, fault <const> =
    core.store_list(self.handle, prefix, after, limit)
  if not entries then raise_fault(self, fault) end
  for _, entry in ipairs(entries) do
    entry.value = json.decode(entry.value)
  end
  return entries, more
end

-- --- changing ---

local function is_integer(value) return math.type(value) == "integer" end

-- What one change of a transaction may say beside its key, by the word that names the key.
local FIELDS <const> = {
  put = { value = function(value) return value ~= nil end },
  delete = {},
  add = { by = is_integer, min = is_integer, max = is_integer },
  expect = { version = is_integer },
}

local function kind_of(given)
  if type(given) ~= "table" then return nil end
  local found
  for kind in next, FIELDS do
    if given[kind] ~= nil then
      if found then return nil end
      found = kind
    end
  end
  return found
end

-- Why it is no change, or nil.
local function refuse_change(given, kind)
  if not kind then return "each change has one of put, delete, add and expect, with its key" end
  local fields <const> = FIELDS[kind]
  for name, value in next, given do
    local test <const> = fields[name]
    if name ~= kind and not (test and test(value)) then
      return ("'%s' of '%s' cannot be that"):format(tostring(name), kind)
    end
  end
  if kind == "put" and given.value == nil then return "'put' needs a value" end
  if kind == "add" and given.by == nil then return "'add' needs 'by'" end
end

local function change_of(given)
  local kind <const> = kind_of(given)
  local refused <const> = refuse_change(given, kind)
  if refused then error("store:transaction: " .. refused, 3) end
  check_key(given[kind], 4)
  return {
    kind = kind,
    key = given[kind],
    value = kind == "put" and encode(given.value, 4) or nil,
    version = given.version,
    by = given.by,
    min = given.min,
    max = given.max,
  }
end

-- The number of the last change; or nil and the index of the one that was refused.
local function change(self, changes)
  local sum = 0
  for _, one in ipairs(changes) do
    sum = sum + #one.key + #(one.value or "")
  end
  if sum > MAX_SUM then raise(413, ("one transaction has up to %d bytes"):format(MAX_SUM)) end
  local answer <const>, number <const>, fault <const> = core.store_change(self.handle, changes)
  if not answer then raise_fault(self, fault) end
  if answer == "not a number" then
    error(("store '%s': what is to be added to is no whole number"):format(self.name), 3)
  end
  if answer == "refused" then return nil, number end
  return number
end

function methods:put(key, value)
  check_self(self)
  check_key(key)
  change(self, { { kind = "put", key = key, value = encode(value) } })
end

-- Whether it was there.
function methods:delete(key)
  check_self(self)
  check_key(key)
  return change(self, { { kind = "delete", key = key } }) == 1
end

local BOUNDS <const> = {
  min = { words = "a whole number", test = is_integer },
  max = { words = "a whole number", test = is_integer },
}

-- Adds to a whole number, 0 if there is none. The sum; nil if it would be out of bounds.
function methods:add(key, by, bounds)
  check_self(self)
  check_key(key)
  if not is_integer(by) then error("store:add wants a whole number", 2) end
  local refused <const> = options.refuse(bounds, BOUNDS)
  if refused then error("store:add: " .. refused, 2) end
  local min <const>, max <const> = bounds and bounds.min, bounds and bounds.max
  return (change(self, { { kind = "add", key = key, by = by, min = min, max = max } }))
end

-- All of the changes, in their order, or none. True; or false and the index of the change that
-- could not be made.
function methods:transaction(changes)
  check_self(self)
  if type(changes) ~= "table" or #changes == 0 or #changes > MAX_COUNT then
    error(("store:transaction wants a list of 1 to %d changes"):format(MAX_COUNT), 2)
  end
  local prepared <const> = {}
  for i, given in ipairs(changes) do
    prepared[i] = change_of(given)
  end
  local number <const>, refused_at <const> = change(self, prepared)
  return number ~= nil, refused_at
end

-- Puts what fn makes of the value (nil: there is none, or delete it), again with the new one if
-- somebody else was faster. Returns what fn made of it.
function methods:update(key, fn)
  check_self(self)
  check_key(key)
  if type(fn) ~= "function" then error("store:update wants a key and a function", 2) end
  for _ = 1, MAX_UPDATES do
    local old <const>, version <const> = self:get(key)
    local new <const> = fn(old)
    local changed <const> = new == nil and { kind = "delete", key = key }
      or { kind = "put", key = key, value = encode(new) }
    if change(self, { { kind = "expect", key = key, version = version }, changed }) then
      return new
    end
  end
  raise(503, ("'%s' of the store '%s' is changed by too many at once"):format(key, self.name))
end

-- --- opening ---

-- While the scripts load; the same name is the same store.
function store.open(name)
  if not core.loading() then error("gateway.store can only be called while the scripts load", 2) end
  if type(name) ~= "string" or not name:find "^[%w_-]+$" or #name > 64 then
    error("a store's name is made of up to 64 letters, digits, '_' and '-'", 2)
  end
  if not opened[name] then
    local handle <const>, reason <const> = core.store(name)
    if not handle then error(("store '%s': %s"):format(name, reason), 2) end
    opened[name] = setmetatable({ name = name, handle = handle }, Store)
  end
  return opened[name]
end

return store
