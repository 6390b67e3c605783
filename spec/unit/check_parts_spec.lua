-- The small parts of `moongate check`.
require "support.world"
local anything <const> = require "gateway.check.anything"
local Findings <const> = require "gateway.check.findings"
local inert <const> = require "gateway.check.inert"
local lexer <const> = require "gateway.check.lexer"


describe("what is inert", function()
  it("gives itself, whatever is done with it", function()
    for _, value in ipairs {
      inert.a.b, inert(), inert.f("x"), inert:m(), inert + 1, 1 - inert, inert .. "x", "x" .. inert,
      -inert, inert // 2, inert & 1, ~inert,
    } do
      assert.equal(inert, value)
    end
  end)

  it("raises nothing, and ends", function()
    inert.x = 1
    local closed <close> = inert -- luacheck: ignore closed
    assert.equal(0, #inert)
    assert.is_false(inert < 1)
    assert.is_false(inert <= inert)
    assert.equal("inert", tostring(inert))
    for _ in ipairs(inert) do error "no item" end
    for _ in pairs(inert) do error "no member" end
  end)
end)


describe("a made-up answer", function()
  it("has each field, and keeps what is put into it", function()
    local value <const> = anything()
    assert.equal(value.a.b, value.a.b)
    value.price = 3
    assert.equal(3, value.price)
    assert.equal(1, value.a + 1)
    assert.equal("anything!", value.a .. "!")
    assert.is_true(value.a <= 1)
  end)

  it("is a list of one", function()
    local n = 0
    for _, item in ipairs(anything().items) do
      n = n + 1
      assert.is_table(item.x)
    end
    assert.equal(1, n)
    assert.equal(1, #anything())
  end)
end)


describe("findings", function()
  local findings

  before_each(function()
    local tokens <const> = lexer.tokens 'local x = "one"\n  two(three)'
    findings = Findings.new { ["a.lua"] = { tokens = tokens } }
  end)

  local function column(line, message)
    findings:add { file = "a.lua", line = line, rule = "r", message = message }
    return findings.list[#findings.list].column
  end

  it("are at what their message names, or at the line's first word", function()
    assert.equal(7, column(1, "'x' is wrong"))
    assert.equal(11, column(1, "module 'one' not found"))
    assert.equal(11, column(1, "'=' expected near '\"one\"'"))
    assert.equal(7, column(2, "no 'such', but 'three'"))
    assert.equal(3, column(2, "nothing is named"))
    assert.equal(1, column(9, "no such line"))
    findings:add { file = "b.lua", line = 3, rule = "r", message = "m" }
    assert.equal(1, findings.list[#findings.list].column)
  end)

  it("are told once, in order", function()
    for _, at in ipairs {
      { "b.lua", 1, 1 }, { "a.lua", 2, 5 }, { "a.lua", 2, 3 }, { "a.lua", 1, 9 },
      { "a.lua", 2, 5 },
    } do
      findings:add { file = at[1], line = at[2], column = at[3], rule = "r",
        message = "m" .. at[3] }
    end
    local places <const> = {}
    for i, finding in ipairs(findings:sorted()) do
      places[i] = ("%s:%d:%d"):format(finding.file, finding.line, finding.column)
    end
    assert.same({ "a.lua:1:9", "a.lua:2:3", "a.lua:2:5", "b.lua:1:1" }, places)
    assert.is_true(findings:has_at("a.lua", 2))
    assert.is_false(findings:has_at("b.lua", 2))
  end)

  it("are counted by severity, and known by rule", function()
    findings:add { file = "a.lua", line = 1, rule = "one", message = "m" }
    findings:add { file = "a.lua", line = 2, rule = "two", message = "m", severity = "warning" }
    assert.same({ 1, 1 }, { findings:count "error", findings:count "warning" })
    assert.is_true(findings:has "two")
    assert.is_false(findings:has "three")
  end)
end)
