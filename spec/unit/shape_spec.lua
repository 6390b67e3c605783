local shape <const> = require "scripts.lib.shape"

describe("shapes", function()
  local PRICE <const> = shape.object { currency = "string", basePrice = "amount" }

  it("accept what fits, and do not mind more", function()
    assert.is_nil(PRICE { currency = "EUR", basePrice = 1.5, more = true })
    assert.is_nil(PRICE { currency = "EUR", basePrice = "1.50" })
  end)

  it("name the field and the reason", function()
    assert.equal("is not an object", PRICE(nil))
    assert.equal("is not an object", PRICE "text")
    assert.equal("currency is missing", PRICE { basePrice = 1 })
    assert.equal("currency is not of type string", PRICE { currency = 7, basePrice = 1 })
    assert.equal("basePrice is not of type amount", PRICE { currency = "EUR", basePrice = {} })
  end)

  it("go into lists", function()
    local PAGE <const> = shape.object { items = shape.list(PRICE), total = "count" }
    local good <const> = { currency = "EUR", basePrice = 1 }
    assert.is_nil(PAGE { items = { good, good }, total = 2 })
    assert.is_nil(PAGE { items = {}, total = 0 })
    assert.equal("items is not a list", PAGE { items = 1, total = 0 })
    assert.equal("items [1] is not an object", PAGE { items = { good, "bad" }, total = 2 })
    for _, total in ipairs { 1e300, -1, 0.5, "2" } do
      assert.equal("total is not of type count", PAGE { items = {}, total = total })
    end
  end)
end)
