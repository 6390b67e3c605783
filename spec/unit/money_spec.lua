package.path = "./scripts/?.lua;" .. package.path
local money <const> = require "lib.money"


describe("money", function()
  local AMOUNTS <const> = {
    { 0, 0 }, { 5, 500 }, { 19.99, 1999 }, { 0.1, 10 }, { 7.35, 735 }, { 60.0, 6000 },
    { -2.5, -250 }, { 99999999999, 9999999999900 }, { 99999999999.99, 9999999999999 },
    { "0", 0 }, { "19.99", 1999 }, { "19.9", 1990 }, { "19", 1900 }, { "007.50", 750 },
    { "-0.05", -5 }, { "1.2300", 123 }, { "99999999999.99", 9999999999999 },
  }
  for _, case in ipairs(AMOUNTS) do
    it(("reads %s"):format(tostring(case[1])), function()
      local minor <const> = money.parse(case[1])
      assert.equal(case[2], minor)
      assert.equal("integer", math.type(minor))
    end)
  end

  it("reads every cent exactly, as number and as text", function()
    for minor = 0, 20000 do
      assert.equal(minor, money.parse(minor / 100))
      assert.equal(minor, money.parse(money.format(minor)))
    end
  end)

  local GARBAGE <const> = {
    "", " 1", "1 ", "1.", ".5", "+1", "--1", "1,50", "1e3", "0x10", "1.234", "nan", "1.2.3", "€5",
    "1\n", 0.001, 19.999, 0.1 + 0.2 + 1e-9, math.huge, -math.huge, 0 / 0, 1e300,
    true, {}, print,
  }
  for _, value in ipairs(GARBAGE) do
    it(("refuses %q"):format(type(value) == "string" and value or tostring(value)), function()
      local minor <const>, reason <const> = money.parse(value)
      assert.is_nil(minor)
      assert.is_string(reason)
    end)
  end

  it("refuses nothing at all, and more than it can add exactly", function()
    assert.is_nil(money.parse(nil))
    for _, value in ipairs { 100000000000, "100000000000", 1e11, "1" .. ("0"):rep(30) } do
      assert.is_nil(money.parse(value))
    end
  end)

  it("writes amounts with two digits", function()
    assert.equal("59.97", money.format(5997))
    assert.equal("0.05", money.format(5))
    assert.equal("-0.05", money.format(-5))
    assert.equal("-12.30", money.format(-1230))
    assert.equal("100.00", money.format(10000))
  end)

  it("gives numbers for JSON", function()
    assert.equal(59.97, money.number(5997))
    assert.equal(0.29, money.number(29))
  end)
end)
