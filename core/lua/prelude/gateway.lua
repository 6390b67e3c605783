-- require "gateway": everything a script can ask of the gateway. types.lua documents each name;
-- the modules beside this file do the work.
local core <const> = require "gateway.core"
local backend <const> = require "gateway.backend"
local breaker <const> = require "gateway.breaker"
local failure <const> = require "gateway.failure"
local flow <const> = require "gateway.flow"
local job <const> = require "gateway.job"
local log <const> = require "gateway.log"
local metric <const> = require "gateway.metric"
local problem <const> = require "gateway.problem"
local request <const> = require "gateway.request"
local response <const> = require "gateway.response"
local route <const> = require "gateway.route"
local saga <const> = require "gateway.saga"
local store <const> = require "gateway.store"

core.set_metatables {
  request = request.metatable,
  response = response.metatable,
  failure = failure.metatable,
}
core.set_entries { request = route.run, job = job.run, loaded = route.define_builtins }

local function env(name, default)
  if type(name) ~= "string" then error("gateway.env wants the name of a variable", 2) end
  local value <const>, allowed <const> = core.env(name)
  if not allowed then error(("gateway.env: scripts may not read '%s'"):format(name), 2) end
  if value == nil then return default end
  return value
end

return {
  version = core.version,
  development = core.development,

  -- While the scripts load.
  route = route.define,
  before = route.before,
  after = route.after,
  backend = backend.define,
  breaker = breaker.define,
  job = job.define,
  store = store.open,
  metric = metric,

  -- In a handler or a job.
  call = flow.call,
  gather = flow.gather,
  first = flow.first,
  map = flow.map,
  sleep = flow.sleep,
  saga = saga.open,
  saga_status = saga.status,
  remaining = core.remaining,
  fail = problem.raise,
  drop = route.drop,
  enqueue = job.enqueue,
  job_status = job.status,
  job_cancel = job.cancel,
  jobs = job.list,

  -- Anywhere.
  env = env,
  id = core.id,
  now = core.now,
  json = require "gateway.json",
  buffer = core.buffer,
  log = log.levels,
}
