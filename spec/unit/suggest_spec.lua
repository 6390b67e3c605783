local suggest <const> = require "gateway.suggest"


describe("a suggestion", function()
  local NAMES <const> = { gather = 1, call = 1, map = 1, timeout = 1, inventory = 1, [1] = 1 }

  it("is the name that was probably meant", function()
    for wrong, right in pairs {
      gahter = "gather", gater = "gather", cal = "call", calls = "call", timout = "timeout",
      timeuot = "timeout", invetory = "inventory", mpa = "map",
    } do
      assert.equal((" (did you mean '%s'?)"):format(right), suggest(wrong, NAMES))
    end
  end)

  it("is none where nothing is near", function()
    for _, wrong in ipairs { "", "x", "sleep", "outtimes" } do
      assert.equal("", suggest(wrong, NAMES))
    end
  end)

  it("is always the same one of two that are as near", function()
    assert.equal(" (did you mean 'bat'?)", suggest("at", { cat = 1, bat = 1, rat = 1 }))
  end)
end)
