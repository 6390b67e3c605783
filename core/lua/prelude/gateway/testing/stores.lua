-- Stores of the fake: what engine/keyspace.h does, with tables.
--
--     world.stores       by name: { entries = key -> { value (JSON), version } }
--     world.store_fault  a text: nothing can be read or written, and why
local stores <const> = {}

local MAX_SUM <const> = 8 * 1024 * 1024

function stores.add(core, world)
  world.stores = {}
  local by_handle <const> = {}

  function core.store(name)
    if world.no_more_stores then return nil, "there are 16 already" end
    world.stores[name] = { entries = {}, version = 0 }
    by_handle[#by_handle + 1] = world.stores[name]
    return #by_handle
  end

  -- As all that waits for the disk does.
  local function wait() core.sleep(0) end

  function core.store_find(handle, key)
    wait()
    if world.store_fault then return nil, "failed", world.store_fault end
    local found <const> = by_handle[handle].entries[key]
    if found then return found.value, found.version end
  end

  function core.store_list(handle, prefix, after, limit)
    wait()
    if world.store_fault then return nil, "failed", world.store_fault end
    local keys <const>, list <const>, entries <const> = {}, {}, by_handle[handle].entries
    for key in pairs(entries) do
      if key:sub(1, #prefix) == prefix and key > after then keys[#keys + 1] = key end
    end
    table.sort(keys)
    local sum = 0
    for i, key in ipairs(keys) do
      sum = sum + #key + #entries[key].value
      if i > limit or sum > MAX_SUM then return list, true end
      list[i] = { key = key, value = entries[key].value, version = entries[key].version }
    end
    return list, false
  end

  local function put(store, entries, key, value)
    store.version = store.version + 1
    entries[key] = { value = value, version = store.version }
  end

  local makers <const> = {}

  function makers.put(store, entries, change)
    put(store, entries, change.key, change.value)
  end

  function makers.delete(_, entries, change)
    local number <const> = entries[change.key] and 1 or 0
    entries[change.key] = nil
    return number
  end

  function makers.add(store, entries, change)
    local found <const> = entries[change.key]
    local number <const> = not found and 0 or found.value:find "^%-?%d+$"
      and math.tointeger(tonumber(found.value))
    if not number then return nil, "not a number" end
    local sum <const> = number + change.by
    if sum < (change.min or math.mininteger) or sum > (change.max or math.maxinteger) then
      return nil, "refused"
    end
    put(store, entries, change.key, tostring(sum))
    return sum
  end

  function makers.expect(_, entries, change)
    local found <const> = entries[change.key]
    if (found and found.version or 0) ~= (change.version or 0) then return nil, "refused" end
  end

  function core.store_change(handle, changes)
    wait()
    if world.store_fault then return nil, "failed", world.store_fault end
    local store <const>, entries <const>, number = by_handle[handle], {}, 0
    for key, entry in pairs(store.entries) do
      entries[key] = entry
    end
    for i, change in ipairs(changes) do
      local made <const>, refused <const> = makers[change.kind](store, entries, change)
      if refused then return refused, i end
      number = made or number
    end
    store.entries = entries
    return "done", number
  end
end

return stores
