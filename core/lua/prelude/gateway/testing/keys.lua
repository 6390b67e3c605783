-- Idempotency keys of the fake: what engine/keys.h does, with a table for the journal.
--
--     world.keys           by caller, route and key: { hash, flow, saga, reply }
--     world.journal_fault  a text: no key can be used, and why
local keys <const> = {}

local MAX_LENGTH <const> = 255

local function read_quoted(text)
  if not text:find "^[ -~]*$" then return nil end
  local plain <const> = text:gsub('\\(["\\])', function(c) return c == '"' and "\1" or "\2" end)
  if plain:find '["\\]' then return nil end
  return (plain:gsub("\1", '"'):gsub("\2", "\\"))
end

-- The key in the header's value, or nil.
local function read(value)
  local quoted <const> = value:match '^"(.*)"$'
  local key <const> = quoted and read_quoted(quoted) or not quoted and value:match '^[!#-+%-.-~]+$'
  return key and #key > 0 and #key <= MAX_LENGTH and key or nil
end

local function root_of(flow)
  while flow and flow.parent do
    flow = flow.parent
  end
  return flow
end

local function hash_of(req)
  local query <const> = {}
  for name, value in pairs(req.query) do
    query[#query + 1] = ("%q=%q"):format(name, value)
  end
  table.sort(query)
  return table.concat({ req.method, req.path, table.concat(query, "&"), req.body or "" }, "\n")
end

local function is_running(flow)
  return coroutine.status(flow.thread) ~= "dead"
end

local function is_in_work(entry)
  if is_running(entry.flow) then return true end
  local state <const> = entry.saga and entry.saga.state
  return not entry.reply and (state == "open" or state == "compensating")
end

local function copy(reply)
  local headers <const> = {}
  for name, value in pairs(reply.headers) do
    headers[name] = value
  end
  return { status = reply.status, headers = headers, text = reply.text }
end

-- `current()` is the flow; a request's has its `req`.
function keys.add(core, world, current)
  world.keys = {}

  local function claim(flow, name)
    local hash <const> = hash_of(flow.req)
    local found <const> = world.keys[name]
    local in_work <const> = found and is_in_work(found)
    if found and (in_work or found.reply) then
      if found.hash ~= hash then return "other" end
      if in_work then return "in work" end
      flow.replayed = found.reply
      return "answered"
    end
    flow.key = { hash = hash, flow = flow }
    world.keys[name] = flow.key
    return "free"
  end

  function core.key_claim()
    local flow <const> = current()
    local headers <const> = flow.req.headers
    if not headers["idempotency-key"] then return "none" end
    local key <const> = read(headers["idempotency-key"])
    if not key then return "malformed" end
    if world.journal_fault then return "fault", world.journal_fault end
    return claim(flow, ("%s\n%s\n%s"):format(flow.req.route, headers.authorization or "", key))
  end

  function core.key_replay()
    local flow <const> = current()
    flow.reply = copy(flow.replayed)
    flow.reply.headers["idempotency-replayed"] = "true"
  end

  function core.key_keep()
    local flow <const> = current()
    if not flow.key or flow.cancelled then return true end
    if world.journal_fault then return false, world.journal_fault end
    flow.key.reply = copy(flow.reply)
    return true
  end

  -- What a saga's commit has to say to a key.
  local open <const>, commit <const> = core.saga_open, core.saga_commit

  function core.saga_open(...)
    local handle <const> = open(...)
    local root <const> = root_of(world.scheduler.current)
    handle.key = root and root.key
    if handle.key then handle.key.saga = handle end
    return handle
  end

  function core.saga_commit(handle, result)
    local answer <const>, fault <const> = commit(handle, result)
    if answer == "written" and handle.key then
      local headers <const> = { ["content-type"] = result and "application/json" }
      handle.key.reply = { status = 201, headers = headers, text = result }
    end
    return answer, fault
  end
end

return keys
