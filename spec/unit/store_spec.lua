local World <const> = require "support.world"


describe("a store", function()
  local world, store

  before_each(function()
    world = World.new()
    store = world.gateway.store "test"
    world:start()
  end)

  local function run(fn) return world:run(fn) end

  it("gives back what was put, as JSON", function()
    run(function()
      assert.is_nil(store:get "a")
      store:put("a", { n = 1, list = { 1, 2 } })
      local value <const>, version <const> = store:get "a"
      assert.same({ n = 1, list = { 1, 2 } }, value)
      assert.equal("integer", math.type(version))
      store:put("b", false)
      assert.is_false(store:get "b")
    end)
  end)

  it("says whether what it deletes was there", function()
    run(function()
      store:put("a", 1)
      assert.is_true(store:delete "a")
      assert.is_false(store:delete "a")
    end)
  end)

  it("lists what begins with a prefix, in parts", function()
    run(function()
      for _, key in ipairs { "b", "a/2", "a/1", "a/3" } do
        store:put(key, key)
      end
      local first <const>, more <const> = store:list("a/", { limit = 2 })
      assert.is_true(more)
      assert.equal("a/1", first[1].key)
      assert.equal("a/2", first[2].value)
      local rest <const>, still_more <const> = store:list("a/", { after = first[2].key })
      assert.is_false(still_more)
      assert.equal(1, #rest)
    end)
  end)

  it("adds, within bounds", function()
    run(function()
      assert.equal(2, store:add("n", 2))
      assert.equal(3, store:add("n", 1, { max = 3 }))
      assert.is_nil(store:add("n", 1, { max = 3 }))
      assert.is_nil(store:add("n", -4, { min = 0 }))
      assert.equal(3, store:get "n")
    end)
  end)

  it("makes all changes of a transaction or none", function()
    run(function()
      assert.is_true(store:transaction {
        { expect = "a" }, { put = "a", value = 1 }, { add = "n", by = 5 },
      })
      local done <const>, index <const> = store:transaction {
        { add = "n", by = 1 }, { expect = "a" }, { put = "a", value = 2 },
      }
      assert.is_false(done)
      assert.equal(2, index)
      assert.equal(5, store:get "n")
      local _ <const>, version <const> = store:get "a"
      assert.is_true(store:transaction { { expect = "a", version = version }, { delete = "a" } })
      assert.is_nil(store:get "a")
    end)
  end)

  it("updates, and again if somebody was faster", function()
    local seen <const> = {}
    assert.equal(11, run(function()
      store:put("n", 1)
      return store:update("n", function(n)
        seen[#seen + 1] = n
        if #seen == 1 then store:put("n", 10) end
        return n + 1
      end)
    end))
    assert.same({ 1, 10 }, seen)
    run(function()
      store:update("n", function() return nil end)
      assert.is_nil(store:get "n")
    end)
  end)

  it("gives up an update that never wins", function()
    local raised <const> = world:raised_by(function()
      store:update("n", function() return store:add("n", 1) end)
    end)
    assert.equal(503, raised.status)
  end)

  it("answers 503 if the disk fails, with the reason", function()
    world.store_fault = "the disk is full"
    for _, use in ipairs {
      function() store:get "a" end,
      function() store:list "a" end,
      function() store:put("a", 1) end,
      function() store:transaction { { delete = "a" } } end,
    } do
      local raised <const> = world:raised_by(use)
      assert.equal(503, raised.status)
      assert.equal("the store 'test' cannot be used: the disk is full", raised.detail)
    end
  end)

  it("refuses what clients made too large", function()
    assert.equal(400, world:raised_by(function() store:get "" end).status)
    assert.equal(400, world:raised_by(function() store:get(("k"):rep(513)) end).status)
    assert.equal(413, world:raised_by(function() store:put("k", ("v"):rep(1 << 20)) end).status)
    assert.equal(413, world:raised_by(function()
      local changes <const> = {}
      for i = 1, 9 do
        changes[i] = { put = "k" .. i, value = ("v"):rep((1 << 20) - 2) }
      end
      store:transaction(changes)
    end).status)
    run(function() store:put(("k"):rep(512), ("v"):rep((1 << 20) - 2)) end)
  end)

  local MISTAKES <const> = {
    ["a store's key must be a string"] = function(s) s:get(1) end,
    ["a store keeps no nil"] = function(s) s:put("a", nil) end,
    ["a store's value must be JSON"] = function(s) s:put("a", print) end,
    ["call it with a colon"] = function(s) s.get "a" end,
    ["the prefix must be a string"] = function(s) s:list() end,
    ["store:list: unknown option 'max'"] = function(s) s:list("a", { max = 1 }) end,
    ["store:list: limit is up to 1000"] = function(s) s:list("a", { limit = 1001 }) end,
    ["store:add wants a whole number"] = function(s) s:add("a", 1.5) end,
    ["store:add: option 'min' must be a whole number"] = function(s)
      s:add("a", 1, { min = "" })
    end,
    ["what is to be added to is no whole number"] = function(s)
      s:put("a", "x")
      s:add("a", 1)
    end,
    ["store:update wants a key and a function"] = function(s) s:update "a" end,
    ["store:transaction wants a list of 1 to 1000 changes"] = function(s) s:transaction {} end,
    ["each change has one of put, delete, add and expect"] = function(s)
      s:transaction { { put = "a", delete = "b", value = 1 } }
    end,
    ["'value' of 'delete' cannot be that"] = function(s)
      s:transaction { { delete = "a", value = 1 } }
    end,
    ["'put' needs a value"] = function(s) s:transaction { { put = "a" } } end,
    ["'add' needs 'by'"] = function(s) s:transaction { { add = "a" } } end,
  }

  for message, mistake in pairs(MISTAKES) do
    it("refuses a mistake: " .. message, function()
      local raised <const> = world:raised_by(function() mistake(store) end)
      assert.truthy(tostring(raised):find(message, 1, true), tostring(raised))
      assert.truthy(tostring(raised):find("store_spec.lua:", 1, true), tostring(raised))
    end)
  end

  it("is opened once, while the scripts load, by a name that can be a file's", function()
    assert.has_error(function() world.gateway.store "late" end)
    local other <const> = World.new()
    assert.equal(other.gateway.store "a", other.gateway.store "a")
    for _, name in ipairs { "", "a/b", "a.b", ("a"):rep(65) } do
      assert.has_error(function() other.gateway.store(name) end)
    end
    other.no_more_stores = true
    assert.has_error(function() other.gateway.store "b" end)
  end)
end)
