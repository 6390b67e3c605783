-- Failures: what comes instead of a result. The core makes one for each call to a backend that did
-- not succeed; gateway.fail makes one of kind "problem" for the client. All are plain tables with
-- this metatable; any other value that is raised is a bug of the script.
local getmetatable <const> = debug.getmetatable -- past what scripts are shown

local failure <const> = {}

local Failure <const> = { __name = "gateway.failure", __metatable = false }
local methods <const> = {}
Failure.__index = methods

-- A client of the gateway asked for what these say, so he is told; other statuses are between the
-- gateway and its backend.
local PASSED_ON <const> = { [400] = true, [404] = true, [409] = true, [422] = true }

local ANSWERED_WITH <const> = {
  timeout = 504,
  deadline = 504,
  open = 503,
  refused = 503,
  cancelled = 503,
  dropped = 503,
}

local PHRASES <const> = {
  connect = "cannot be reached",
  dns = "cannot be found",
  tls = "cannot be reached securely",
  timeout = "did not answer in time",
  deadline = "did not answer before the deadline",
  open = "is not called for now, after repeated failures",
  refused = "is at its limit",
  decode = "gave an answer that cannot be read",
  too_large = "answered with more than is accepted",
  cancelled = "was not waited for",
  undefined = "is not defined any more",
}

-- What a backend says about its refusal, in the three shapes that are common: problem+json and
-- FastAPI's { detail }, { error }, { message }.
local function detail_of(body)
  if type(body) ~= "table" then return nil end
  for _, name in ipairs { "detail", "error", "message" } do
    local text <const> = body[name]
    if type(text) == "string" and text ~= "" then return text end
  end
end

-- One sentence for the client: nothing of paths, addresses or the backend's inner state.
function methods:reason()
  if self.kind == "problem" then return self.detail end
  local passed_on <const> = PASSED_ON[self.status] and detail_of(self.json)
  if passed_on then return passed_on end
  local phrase <const> = PHRASES[self.kind] or ("answered " .. tostring(self.status))
  return (self.backend or "a backend") .. " " .. phrase
end

-- The status that the gateway answers with if nobody catches this failure.
function methods:response_status()
  if self.kind == "problem" then return self.status end
  if self.kind == "status" and PASSED_ON[self.status] then return self.status end
  return ANSWERED_WITH[self.kind] or 502
end

local function outcome_of(self)
  if self.kind == "status" then return "status " .. tostring(self.status) end
  if self.kind == "open" then return ("open (retry in %d s)"):format(self:retry_seconds()) end
  if self.message then return ("%s (%s)"):format(self.kind, self.message) end
  return self.kind
end

-- Whole seconds, at least 1: what Retry-After can say.
function methods:retry_seconds()
  return math.max(1, math.ceil(self.retry_after or 1))
end

function Failure.__tostring(self)
  if self.kind == "problem" then return ("problem %d: %s"):format(self.status, self.detail) end
  local where = self.backend and self.backend .. ": " or ""
  if self.path then where = ("%s%s %s: "):format(where, self.method, self.path) end
  return where .. outcome_of(self)
end

function failure.new(fields)
  return setmetatable(fields, Failure)
end

-- What makes it one that was met before, for the log: not what was asked for.
function failure.same(failed)
  return ("%s %s %s"):format(failed.kind, failed.backend, failed.status)
end

function failure.is(value)
  return getmetatable(value) == Failure
end

failure.metatable = Failure

return failure
