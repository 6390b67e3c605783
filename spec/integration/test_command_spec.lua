-- `moongate test`, from an installed tree: the binary, its scripts and Debian's busted are all that
-- it needs.
local files <const> = require "support.files"
local gateways <const> = require "support.gateway"
local process <const> = require "support.process"

local INIT <const> = [[
local gateway <const> = require "gateway"
local stock <const> = gateway.backend("stock", { url = "http://stock" })
gateway.route("GET /items/:id", { deadline = 5 }, function(req)
  return 200, gateway.call(stock:get("/items/{id}", { id = req.params.id })).json
end)
]]


describe("test", function()
  local root, binary

  setup(function()
    root = files.folder()
    -- With the binary under test, and not made anew (-o).
    local command <const> = ("make -s -o all install BUILD=%s DESTDIR=%s PREFIX=/usr >%s/log 2>&1")
      :format(gateways.binary:match "^(.*)/moongate$", root, root)
    assert(os.execute(command), files.read(root .. "/log"))
    binary = root .. "/usr/bin/moongate"
  end)

  teardown(process.end_all)

  local function run(scripts, ...)
    return process.run({ binary, "test", files.folder(scripts), ... })
  end

  it("runs the example that ships", function()
    local code <const>, out <const>, err <const> =
      process.run { binary, "test", root .. "/usr/share/moongate/scripts" }
    assert.same({ 0, "" }, { code, err })
    assert.matches("4 successes / 0 failures / 0 errors", out, 1, true)
  end)

  it("passes what is right", function()
    local code <const>, out <const> = run {
      ["init.lua"] = INIT,
      ["spec/support/items.lua"] = 'return { json = { id = "A" } }',
      ["spec/items_spec.lua"] = [[
        local testing <const> = require "gateway.testing"
        local items <const> = require "support.items"
        it("gives an item", function()
          local gw <const> = testing.load()
          gw.backend("stock"):on("GET /items/{id}", items)
          assert.same({ id = "A" }, gw:request("GET", "/items/A").json)
        end)
        it("waits five seconds, in no time", function()
          local before <const> = os.time()
          local gw <const> = testing.load()
          gw.backend("stock"):on("*", { latency = 3600 })
          local response <const> = gw:request("GET", "/items/A")
          assert.equal(504, response.status)
          assert.equal(5, response.took)
          assert.is_true(os.time() - before < 5)
        end)
      ]],
    }
    assert.equal(0, code)
    assert.matches("2 successes / 0 failures", out, 1, true)
  end)

  it("fails what is wrong, and says where", function()
    local code <const>, out <const> = run {
      ["init.lua"] = INIT,
      ["spec/items_spec.lua"] = [[
local testing <const> = require "gateway.testing"
it("is wrong", function()
  local gw <const> = testing.load()
  gw.backend("stock"):on("*", { status = 404 })
  assert.equal(200, gw:request("GET", "/items/A").status)
end)
it("forgets to answer", function()
  testing.load():request("GET", "/items/A")
end)
      ]],
    }
    assert.equal(1, code)
    assert.matches("1 failure / 1 error", out, 1, true)
    assert.matches("items_spec.lua:5: Expected objects to be equal", out, 1, true)
    assert.matches("items_spec.lua:8: the test gives no answer to\n  stock: GET /items/A", out, 1,
      true)
  end)

  it("loads the scripts as the server does", function()
    for init, reason in pairs {
      ["io.open 'x'"] = "init.lua:1: unknown global 'io'",
      ["local x ="] = "init.lua:1: unexpected symbol near <eof>",
      ["require 'gateway'.backend('b', { url = 'b' })"] = "init.lua:1: backend 'b': url must be",
      ["require 'gateway'.route('GET /*', print)"] = "there are no wildcards",
      ["require 'gateway'.env 'HOME'"] = "scripts may not read 'HOME'",
    } do
      local code <const>, out <const> = run {
        ["init.lua"] = init,
        ["spec/x_spec.lua"] = 'it("loads", function() require "gateway.testing".load() end)',
      }
      assert.equal(1, code)
      assert.matches(reason, out, 1, true)
    end
  end)

  it("hands busted what stands after --", function()
    local scripts <const> = {
      ["init.lua"] = INIT,
      ["spec/x_spec.lua"] = 'it("one", function() end) it("two", function() end)',
    }
    local code <const>, out <const> = run(scripts, "--", "--filter", "two", "-o", "TAP")
    assert.equal(0, code)
    assert.matches("^ok 1 %- two\n1..1\n$", out)
    assert.equal(2, (run(scripts, "--", "--no-such-flag")))
  end)

  it("ends with 2 where there is nothing to run", function()
    local code <const>, out <const>, err <const> = run { ["init.lua"] = INIT }
    assert.same({ 2, "" }, { code, out })
    assert.matches("^moongate: .*/spec: there are no %*_spec.lua\n$", err)
    assert.equal(2, (process.run { binary, "test", "--bogus", "1" }))
  end)

  it("says what is to be installed where busted is not", function()
    local code <const>, out <const>, err <const> =
      process.run({ binary, "test" }, { LUA_PATH_5_4 = "/nowhere/?.lua" })
    assert.same({ 2, "" }, { code, out })
    assert.matches("apt-get install lua-busted", err, 1, true)
  end)

  it("tells what metrics have counted, of scripts that are loaded again and again", function()
    local code <const>, out <const> = run {
      ["init.lua"] = [[
        local gateway <const> = require "gateway"
        local metric <const> = gateway.metric
        local seen <const> = metric.counter("seen_total", { help = "Seen", labels = { "what" } })
        local size <const> = metric.histogram("size_bytes", { help = "Size" })
        for i = 1, 60 do metric.gauge("level_" .. i, { help = "Level" }) end
        gateway.route("GET /seen/:what", function(req)
          seen:inc { what = req.params.what }
          size:observe(#req.params.what)
          return 200
        end)
      ]],
      ["spec/x_spec.lua"] = [[
        local testing <const> = require "gateway.testing"
        for i = 1, 3 do
          it("counts, " .. i, function()
            local gw <const> = testing.load()
            gw:request("GET", "/seen/cat")
            gw:request("GET", "/seen/cat")
            assert.equal(2, gw:metric("seen_total", { what = "cat" }))
            assert.is_nil(gw:metric("seen_total", { what = "dog" }))
            assert.same({ count = 2, sum = 6 }, gw:metric "size_bytes")
            assert.has_error(function() gw:metric "sen_total" end,
              "the scripts declare no metric 'sen_total' (did you mean 'seen_total'?)")
          end)
        end
      ]],
    }
    assert.equal(0, code, out)
  end)

  -- Every name that the core offers, and no other, or a script could be tested with what it will
  -- not have, or not with what it has.
  it("has a fake core with the names of the real one", function()
    local code <const>, out <const> = run {
      ["init.lua"] = "",
      ["spec/x_spec.lua"] = [[
        local World <const> = require "gateway.testing.world"
        local function names_of(core)
          local names <const> = {}
          for name, value in pairs(core) do
            names[name] = type(value)
          end
          return names
        end
        it("is as the real one", function()
          assert.same(names_of(require "gateway.core"), names_of(World.new().core))
        end)
      ]],
    }
    assert.equal(0, code, out)
  end)
end)
