-- types.lua says exactly what the prelude has and takes: each name, each option, both ways.
local World <const> = require "support.world"

local annotations <const> = dofile "docs/reference/annotations.lua"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function sorted(set)
  local list <const> = {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end


describe("types.lua", function()
  local world, gateway, types

  setup(function()
    world = World.new { development = true }
    gateway = world.gateway
    types = annotations.read(read "core/lua/prelude/types.lua")
  end)

  local function class(name)
    return name == "gateway" and types.root or assert(types.classes[name], name)
  end

  -- Names of a class's fields and methods, without those it has from its parent.
  local function names(name, what)
    local found <const> = {}
    for _, one in ipairs(class(name)[what]) do
      if not one.name:find "^%[" then found[one.name] = true end
    end
    return found
  end

  local function assert_same_names(expected, found, what)
    assert.same(sorted(expected), sorted(found), what)
  end

  local function merge(...)
    local all <const> = {}
    for _, set in ipairs { ... } do
      for name in pairs(set) do
        all[name] = true
      end
    end
    return all
  end

  it("has each name of the gateway", function()
    assert_same_names(gateway, merge(names("gateway", "fields"), names("gateway", "methods")))
  end)

  it("has each function of gateway.log, gateway.json and gateway.metric", function()
    assert_same_names(gateway.metric, names("gateway.metric", "methods"))
    assert_same_names(gateway.log, names("gateway.log", "methods"))
    assert_same_names(gateway.json, merge(names("gateway.json", "methods"),
      names("gateway.json", "fields")))
  end)

  it("has the functions where they are functions, and methods where they are methods", function()
    for _, section in ipairs(types.sections) do
      for _, item in ipairs(section.items) do
        local is_table <const> = item.owner == "gateway" or item.owner == "gateway.log"
          or item.owner == "gateway.json" or item.owner == "gateway.metric"
          or (item.owner or ""):find "^gateway.testing"
        if item.kind == "function" and not is_table then
          assert.is_true(item.method, item.owner .. "." .. item.name)
        end
      end
    end
  end)

  -- Options that the code knows against a class's fields; a parent's are the parent's.
  local OPTIONS <const> = {
    ["gateway.RouteOptions"] = { "gateway.route", "OPTIONS" },
    ["gateway.BreakerOptions"] = { "gateway.breaker", "OPTIONS" },
    ["gateway.BackendOptions"] = { "gateway.backend", "OPTIONS", "gateway.BreakerOptions" },
    ["gateway.CallOptions"] = { "gateway.backend", "REQUEST_OPTIONS" },
    ["gateway.MetricOptions"] = { "gateway.metric_options", "METRIC" },
    ["gateway.HistogramOptions"] =
      { "gateway.metric_options", "HISTOGRAM", "gateway.MetricOptions" },
  }
  for name, source in pairs(OPTIONS) do
    it("has each option of " .. name, function()
      local parent <const> = source[3]
      assert.equal(parent, class(name).parent)
      assert_same_names(world.globals.require(source[1])[source[2]],
        merge(names(name, "fields"), parent and names(parent, "fields") or {}))
    end)
  end

  it("has each option of options", function()
    local breaker <const> = world.globals.require("gateway.breaker").OPTIONS
    local backend <const> = world.globals.require("gateway.backend").OPTIONS
    assert_same_names(breaker.window.known, names("gateway.Window", "fields"))
    assert_same_names(backend.health.known, names("gateway.Health", "fields"))
  end)

  -- What the code makes, against the class's methods.
  local function methods_of(value)
    local index <const> = debug.getmetatable(value).__index
    return type(index) == "table" and index or {}
  end

  it("has each method", function()
    local backend <const> = gateway.backend("b", { url = "http://b" })
    assert_same_names(methods_of(backend), names("gateway.Backend", "methods"))
    assert_same_names(methods_of(gateway.breaker("a")), names("gateway.Breaker", "methods"))
    assert_same_names(methods_of(gateway.saga("a", "b")), names("gateway.Saga", "methods"))
    local metric <const> = gateway.metric
    local counter <const> = metric.counter("a_total", { help = "a" })
    assert_same_names(methods_of(counter), names("gateway.Counter", "methods"))
    local gauge <const> = metric.gauge("g", { help = "g" })
    assert_same_names(methods_of(gauge), names("gateway.Gauge", "methods"))
    local histogram <const> = metric.histogram("b", { help = "b" })
    assert_same_names(methods_of(histogram), names("gateway.Histogram", "methods"))
    local failed <const> = world.failure { kind = "open" }
    assert_same_names(methods_of(failed), names("gateway.Failure", "methods"))
    local req <const> = setmetatable({}, world.metatables.request)
    assert_same_names(methods_of(req), names("gateway.Request", "methods"))
  end)

  it("has each method of a job", function()
    local job
    gateway.job("kind", function(_, given) job = given end)
    world.loading = false
    world:run(function() gateway.enqueue "kind" end)
    assert_same_names(methods_of(job), names("gateway.Job", "methods"))
  end)

  it("has each kind of failure that the core makes", function()
    local names_in_c <const> = {}
    for name in read("core/engine/backend.c"):gmatch '%[GW_FAILURE_%u[%u_]*%] = "([%l_]+)"' do
      names_in_c[name] = true
    end
    names_in_c.none = nil
    local told <const> = {}
    for _, section in ipairs(types.sections) do
      for _, item in ipairs(section.items) do
        if item.name == "gateway.FailureKind" then
          for name in item.type:gmatch '"([%l_]+)"' do told[name] = true end
        end
      end
    end
    assert_same_names(merge(names_in_c, { problem = true, dropped = true }), told)
  end)

  it("knows each type that it uses", function()
    local known <const> = { gateway = true }
    for _, section in ipairs(types.sections) do
      for _, item in ipairs(section.items) do
        if item.kind ~= "function" then known[item.name] = true end
      end
    end
    local function check(text)
      for name in text:gmatch "gateway%.[%w_.]+" do
        assert.is_true(known[name], name)
      end
    end
    for _, section in ipairs(types.sections) do
      for _, item in ipairs(section.items) do
        for _, list in ipairs { item.fields or {}, item.params or {}, item.returns or {} } do
          for _, one in ipairs(list) do check(one.type) end
        end
        check(item.type or "")
      end
    end
  end)

  it("says something of each function", function()
    for _, section in ipairs(types.sections) do
      local before = ""
      for _, item in ipairs(section.items) do
        if item.text ~= "" or item.kind ~= "function" then before = item.text end
        assert.is_truthy(before ~= "", item.name)
      end
    end
  end)
end)


describe("scripts/.luarc.json", function()
  local json <const> = require "gateway_json"

  it("is JSON that finds the types in a checkout and in an installed tree", function()
    local settings <const> = assert(json.decode(read "scripts/.luarc.json"))
    assert.equal("Lua 5.4", settings["runtime.version"])
    local library <const> = settings["workspace.library"]
    assert.equal("../core/lua/prelude/types.lua", library[1])
    assert.is_truthy(read("scripts/" .. library[1]):find("^%-%-%-@meta gateway"))
    assert.equal("../types.lua", library[2]) -- share/moongate/types.lua beside .../scripts
  end)
end)
