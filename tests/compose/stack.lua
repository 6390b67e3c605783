-- The services of docker-compose.yml, running: one project, named by tests/compose/run, on free
-- ports of this machine and on a copy of the scripts.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local socket <const> = require "socket"

local stack <const> = {}

stack.folder = assert(os.getenv "STACK_FOLDER", "tests/compose/run runs these specs")
stack.scripts = stack.folder .. "/scripts"
stack.project = os.getenv "COMPOSE_PROJECT_NAME"
stack.services = { "api-gateway", "inventory-service", "pricing-service" }

local COMPOSE <const> = os.getenv "COMPOSE"

-- --- commands -----------------------------------------------------------------------------------

-- Runs a line of shell. Returns what it says on both outputs, and its exit code.
function stack.try(line)
  local pipe <const> = assert(io.popen("{ " .. line .. "\n} 2>&1"))
  local output <const> = pipe:read "a"
  local _ <const>, _ <const>, code <const> = pipe:close()
  return output, code
end

-- The same for one that must succeed; without the newline at the end.
function stack.run(line, ...)
  if select("#", ...) > 0 then line = line:format(...) end
  local output <const>, code <const> = stack.try(line)
  if code ~= 0 then error(("%s: exit code %d: %s"):format(line, code, output), 2) end
  return (output:gsub("\n$", ""))
end

-- --- ports --------------------------------------------------------------------------------------

-- Below those that the kernel hands out: a container that is stopped lets go of its port, and must
-- find it free when it is started again, whoever has connected to wherever in between.
local HANDED_OUT <const> = files.read("/proc/sys/net/ipv4/ip_local_port_range"):match "%d+"
local LOWEST <const>, HIGHEST <const> = 10000, math.max(HANDED_OUT - 1, 20000)

-- Ports that nobody listens at, all taken at once so that they differ.
local function free_ports(names)
  local listeners <const>, ports <const> = {}, {}
  for i, name in ipairs(names) do
    listeners[i] = poll("a free port", function()
      local port <const> = math.random(LOWEST, HIGHEST)
      ports[name] = port
      return (socket.bind("*", port))
    end)
  end
  for _, listener in ipairs(listeners) do
    listener:close()
  end
  return ports
end

local ports <const> = free_ports { "PORT", "INVENTORY_PORT", "PRICING_PORT", "PROMETHEUS_PORT" }

stack.ports = {
  ["api-gateway"] = ports.PORT,
  ["inventory-service"] = ports.INVENTORY_PORT,
  ["pricing-service"] = ports.PRICING_PORT,
  prometheus = ports.PROMETHEUS_PORT,
}

-- --- compose ------------------------------------------------------------------------------------

local settings = {}

local function environment()
  local words <const> = { "SCRIPTS_DIR=" .. files.quote(stack.scripts) }
  for _, variables in ipairs { ports, settings } do
    for name, value in pairs(variables) do
      words[#words + 1] = ("%s=%s"):format(name, files.quote(tostring(value)))
    end
  end
  return table.concat(words, " ")
end

function stack.compose(arguments)
  return stack.run("%s %s %s", environment(), COMPOSE, arguments)
end

-- Brings the shop up, or to these settings of the gateway, and waits until all of it is well; the
-- seconds that this took.
function stack.up(wanted)
  settings = wanted
  local from <const> = socket.gettime()
  stack.compose("up -d " .. table.concat(stack.services, " "))
  stack.await_healthy()
  return socket.gettime() - from
end

function stack.down()
  stack.compose "down -v --remove-orphans -t 10"
end

-- --- containers ---------------------------------------------------------------------------------

-- The id of a service's container, also of one that is stopped.
function stack.id(service)
  local id <const> = stack.compose("ps -aq " .. service):match "%x+$"
  return assert(id, "there is no container of " .. service)
end

function stack.inspect(service, format)
  return stack.run("docker inspect -f %s %s", files.quote(format), stack.id(service))
end

local function is_healthy(service)
  return stack.inspect(service, "{{.State.Health.Status}}") == "healthy"
end

-- Asks until all are, as no command does it that both generations of compose have.
function stack.await_healthy(services)
  for _, service in ipairs(services or stack.services) do
    poll(service .. " to be healthy", function() return is_healthy(service) end, 60)
  end
end

-- Waits until the service itself answers, which may be before its next health check.
function stack.await_answer(service)
  poll(service .. " to answer", function()
    local ok <const>, response <const> =
      pcall(http.request, stack.ports[service], "GET", "/health", {})
    return ok and response.status == 200
  end, 60)
end

-- Its log so far, a table per line.
function stack.log(service)
  local lines <const> = {}
  for text in stack.run("docker logs %s", stack.id(service)):gmatch "[^\n]+" do
    local ok <const>, line <const> = pcall(cjson.decode, text)
    assert(ok and type(line) == "table", service .. " logged what is not JSON: " .. text)
    lines[#lines + 1] = line
  end
  return lines
end

return stack
