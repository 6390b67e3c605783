-- GET /health and GET /ready, the gateway's own, are built in.
local gateway <const> = require "gateway"
local backends <const> = require "backends"

local function state_of(backend, response)
  return {
    status = response.error and "unhealthy" or "healthy",
    breaker = backend:state(),
    error = response.error and response.error:reason(),
  }
end

gateway.route("GET /health/backends", { deadline = 5 }, function()
  local requests <const> = {}
  for name, backend in pairs(backends) do
    requests[name] = backend:get("/health", { fallback = true })
  end

  local status, answer = 200, { status = "healthy", backends = {} }
  for name, response in pairs(gateway.gather(requests)) do
    answer.backends[name] = state_of(backends[name], response)
    if response.error then
      status, answer.status = 503, "unhealthy"
    end
  end
  return status, answer
end)
