-- What the log takes for the same error, and what it is given of it.
local World <const> = require "support.world"

describe("an error in the log", function()
  local require_of

  before_each(function() require_of = World.new().globals.require end)

  describe("that is a bug", function()
    local function same(message, kind)
      return require_of "gateway.bug".same { message = message, kind = kind }
    end

    it("is the same whatever ids and numbers it names", function()
      for _, pair in ipairs {
        { "no product TEST-001", "no product TEST-002" },
        { "a.lua:7: 3 of 12", "a.lua:7: 40 of 1" },
        { "no 0190b0de-77aa-7f3e", "no 1190b0de-88aa-7f3f" },
        { "took 1.5 s", "took 22.75 s" },
      } do
        assert.equal(same(pair[1]), same(pair[2]))
      end
    end)

    it("is another one where words or its kind differ", function()
      local message <const> = "attempt to index a nil value (field '%s')"
      assert.not_equal(same(message:format "price"), same(message:format "name"))
      assert.not_equal(same "x", same("x", "script_budget"))
    end)
  end)

  describe("that is a failure", function()
    local function same(fields)
      local failure <const> = require_of "gateway.failure"
      return failure.same(failure.new(fields))
    end

    it("is the same whatever was asked for", function()
      assert.equal(same { kind = "timeout", backend = "b", path = "/1", method = "GET" },
        same { kind = "timeout", backend = "b", path = "/2", method = "GET" })
    end)

    it("is another one of another kind, backend or status", function()
      local one <const> = same { kind = "status", backend = "b", status = 500 }
      assert.not_equal(one, same { kind = "decode", backend = "b", status = 500 })
      assert.not_equal(one, same { kind = "status", backend = "c", status = 500 })
      assert.not_equal(one, same { kind = "status", backend = "b", status = 503 })
    end)
  end)
end)
