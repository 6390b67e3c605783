-- Sagas of the fake: what engine/saga.h does, with a table for the journal.
--
--     world.sagas          by "kind/id": what is durable
--     world.journal_fault  a text: nothing can be written or read, and why
local json <const> = require "gateway.json"

local sagas <const> = {}

-- Seconds before the second and the third try of an undo.
local PAUSES <const> = { 0.1, 0.5 }

local function through_json(value)
  return json.decode(json.encode(value))
end

local function copy(given)
  local copied <const> = {}
  for name, value in pairs(given or {}) do
    copied[name] = value
  end
  return copied
end

-- As it is now: the script may change the tables it was made of before it is sent.
local function snapshot(undo)
  local options <const> = copy(undo.options)
  if options.json ~= nil then options.json = through_json(options.json) end
  options.headers = options.headers and copy(options.headers)
  return {
    handle = undo.handle,
    backend = undo.backend,
    method = undo.method,
    path = undo.path,
    options = options,
  }
end

local function stored(undo)
  local options <const> = undo.options
  return {
    backend = undo.backend,
    method = undo.method,
    path = undo.path,
    body = options.json ~= nil and json.encode(options.json) or options.body,
  }
end

local function text_of(failed)
  if failed.kind == "status" then return "status " .. failed.status end
  return ("%s (%s)"):format(failed.kind, failed.message or "")
end

function sagas.add(core, world)
  world.sagas = {}

  local function is_failure(result)
    return debug.getmetatable(result) == world.metatables.failure
  end

  local function name_of(kind, id) return kind .. "/" .. id end

  -- Makes what is known durable.
  local function write(handle)
    if world.journal_fault then return "not written", world.journal_fault end
    local name <const> = name_of(handle.kind, handle.id)
    local found <const> = world.sagas[name]
    if found and found ~= handle and found.state ~= "undone" then return "taken" end
    world.sagas[name] = handle
    return "written"
  end

  function core.saga_open(kind, id)
    return {
      kind = kind,
      id = id,
      state = "open",
      steps = {},
      undos = {},
      created_at = core.now(),
    }
  end

  function core.saga_add(handle, act, undo)
    local n <const> = #handle.steps + 1
    handle.undos[n] = undo and snapshot(undo) or false
    handle.steps[n] = {
      step = n,
      act = { backend = act.backend, method = act.method, path = act.path },
      outcome = "unknown",
      undo = undo and stored(handle.undos[n]),
      undo_state = "none",
      undo_attempts = 0,
    }
    return n
  end

  function core.saga_write(handle, n)
    local answer <const>, fault <const> = write(handle)
    if answer ~= "written" then handle.steps[n].outcome = "no effect" end
    return answer, fault
  end

  function core.saga_outcome(handle, n, had_an_effect)
    handle.steps[n].outcome = had_an_effect and "done" or "no effect"
  end

  function core.saga_commit(handle, result)
    local answer <const>, fault <const> = write(handle)
    if answer == "written" then
      handle.state, handle.result = "committed", result and json.decode(result)
    end
    return answer, fault
  end

  local function try(handle, step)
    for attempt = 1, #PAUSES + 1 do
      local result <const> = core.fetch({ handle.undos[step.step] })[1]
      step.undo_attempts = step.undo_attempts + 1
      if not is_failure(result) or result.status == 404 then return nil end
      step.undo_error = text_of(result)
      if PAUSES[attempt] then core.sleep(PAUSES[attempt]) end
    end
    return step.undo_error
  end

  local function undo(handle, step)
    if not step.undo or step.outcome == "no effect" then return end
    step.undo_state = "pending"
    local failed <const> = try(handle, step)
    if not failed then
      step.undo_state, step.undo_error = "done", nil
      return
    end
    handle.is_parked = true
    core.log("error", "an undo failed", {
      saga = handle.kind,
      saga_id = handle.id,
      backend = step.undo.backend,
      method = step.undo.method,
      path = step.undo.path,
      attempts = step.undo_attempts,
      error = failed,
    })
  end

  function core.saga_undo(handle, reason)
    handle.state, handle.reason = "compensating", reason
    for i = #handle.steps, 1, -1 do
      undo(handle, handle.steps[i])
    end
    if not handle.is_parked then handle.state = "undone" end
    return handle.steps
  end

  function core.saga_status(kind, id)
    if world.journal_fault then return nil, true, world.journal_fault end
    local found <const> = world.sagas[name_of(kind, id)]
    if not found then return nil, false end
    local view <const> = copy(found)
    view.changed_at = core.now()
    return view
  end
end

return sagas
