-- Idempotency-Key: a request that bears one is done once, and answered as often as it is sent.
--
-- What a repetition is given is what the handler returned, or what a saga of its came to; not what
-- was raised: after a failure, a refusal or a bug the key is free, and a retry runs anew.
local core <const> = require "gateway.core"
local failure <const> = require "gateway.failure"
local log <const> = require "gateway.log"
local options <const> = require "gateway.options"

local idempotency <const> = {}

local RETRY_AFTER <const> = 1 -- seconds

local KNOWN <const> = { required = options.boolean }

idempotency.option = {
  words = "true, false or { required = true }",
  test = function(value)
    return type(value) == "boolean" or type(value) == "table" and not options.refuse(value, KNOWN)
  end,
}

-- What a route goes by, or nil.
function idempotency.rule_of(given)
  if not given then return nil end
  return { required = given ~= true and given.required or false }
end

local function refuse(status, detail, more)
  more = more or {}
  error(failure.new {
    kind = "problem",
    status = status,
    detail = detail,
    retry_after = more.retry_after,
    members = more.members,
  }, 0)
end

local refusals <const> = {
  malformed = function()
    refuse(400, "Idempotency-Key must be one string of 1 to 255 visible characters")
  end,
  ["in work"] = function()
    local detail <const> = "a request with this Idempotency-Key is still in work"
    refuse(409, detail, { retry_after = RETRY_AFTER })
  end,
  other = function()
    refuse(422, "this Idempotency-Key has been used for another request")
  end,
  ["not kept"] = function()
    refuse(409, "this request has been answered, with more than is kept to be answered again")
  end,
  fault = function(fault)
    local detail <const> = "the journal cannot be used" .. (fault and ": " .. fault or "")
    refuse(503, detail, { retry_after = RETRY_AFTER, members = { reason = "journal" } })
  end,
}

-- Whether core.key_replay() has the answer. Raises if the request is not to be done.
function idempotency.is_answered(rule)
  local word <const>, fault <const> = core.key_claim()
  if word == "none" and rule.required then refuse(400, "this needs an Idempotency-Key") end
  if refusals[word] then refusals[word](fault) end
  return word == "answered"
end

-- The reply that is set is what a repetition will be given. If that cannot be written, the client
-- is told all the same: it was done, and who has been answered does not ask again.
function idempotency.keep()
  local ok <const>, fault <const> = core.key_keep()
  if not ok then
    log.write("error", "the answer to an Idempotency-Key was not kept", { reason = fault })
  end
end

return idempotency
