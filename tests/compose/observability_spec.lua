local cjson <const> = require "cjson"
local files <const> = require "support.files"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"
local stack <const> = require "stack"

local TOKEN <const> = "a-token-of-the-specs"
local ADMIN <const> = "http://api-gateway:8900"


describe("the profile observability", function()
  setup(function()
    stack.up { ADMIN_HOST = "0.0.0.0", ADMIN_TOKEN = TOKEN, DRAIN_SECONDS = 0 }
  end)
  teardown(process.end_all)

  -- What the gateway's admin port answers to another container.
  local function ask(options)
    return stack.compose(("exec -T inventory-service curl -s -o /dev/null -w '%%{http_code}' %s %s")
      :format(options, ADMIN .. "/metrics"))
  end

  it("has the admin port for who has the token", function()
    assert.equal("401", ask "")
    assert.equal("401", ask "-H 'Authorization: Bearer another'")
    assert.equal("200", ask("-H 'Authorization: Bearer " .. TOKEN .. "'"))
  end)

  it("leaves the commands within the gateway's container as they are", function()
    local said <const> = stack.compose "exec -T api-gateway moongate generations"
    assert.is_truthy(said:find("live", 1, true), said)
  end)

  it("has Prometheus ask the gateway", function()
    local port <const> = stack.ports.prometheus
    -- By curl, since it answers in chunks.
    local function asked(path)
      local output <const> = stack.try(("curl -s 'localhost:%d/api/v1/%s'"):format(port, path))
      local ok <const>, json <const> = pcall(cjson.decode, output)
      return ok and json.data
    end

    local function value_of(query)
      local data <const> = asked("query?query=" .. query)
      local found <const> = data and data.result[1]
      return found and tonumber(found.value[2])
    end

    stack.compose "up -d prometheus"
    poll("a gateway that is up", function() return value_of "up" == 1 end, 60)
    assert.equal(200, http.request(stack.ports["api-gateway"], "GET", "/", {}).status)
    poll("its requests", function()
      return (value_of "sum(moongate_http_requests_total)" or 0) > 0
    end, 60)
    assert.equal("moongate", asked("rules").groups[1].name)
  end)

  it("says what it lacks without a token, also if it was cloned with a strict umask", function()
    local folder <const>, tag <const> = files.folder(), os.getenv "PROMETHEUS_IMAGE" .. "-strict"
    stack.run("cp deploy/prometheus/* %s && chmod -R go= %s", folder, folder)
    stack.run("docker build -q -t %s %s", tag, folder)
    finally(function() stack.run("docker rmi -f %s", tag) end)
    local said <const>, code <const> = stack.try("docker run --rm " .. tag)
    assert.not_equal(0, code)
    assert.is_truthy(said:find("ADMIN_TOKEN: must be set", 1, true), said)
  end)
end)
