-- The lines around a place, and what is a place.
local World <const> = require "support.world"

describe("an excerpt", function()
  local world, excerpt

  before_each(function()
    world = World.new { development = true }
    excerpt = world.globals.require "gateway.excerpt"
    local lines <const> = {}
    for i = 1, 20 do
      lines[i] = "line " .. i
    end
    world.files["routes/x.lua"] = table.concat(lines, "\n") .. "\n"
  end)

  local function numbers(rows)
    local list <const> = {}
    for i, row in ipairs(rows) do
      list[i] = row.number
    end
    return list
  end

  it("has five lines before and after, and marks the one", function()
    local rows <const> = excerpt.around("routes/x.lua", 10)
    assert.same({ 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, numbers(rows))
    for _, row in ipairs(rows) do
      assert.equal(row.number == 10, row.marked)
      assert.equal("line " .. row.number, row.text)
    end
  end)

  it("ends where the file does", function()
    assert.same({ 1, 2, 3, 4, 5, 6 }, numbers(excerpt.around("routes/x.lua", 1)))
    assert.same({ 15, 16, 17, 18, 19, 20 }, numbers(excerpt.around("routes/x.lua", 20)))
  end)

  it("is none of a line or a file that is not there", function()
    assert.is_nil(excerpt.around("routes/x.lua", 21))
    assert.is_nil(excerpt.around("routes/y.lua", 1))
  end)

  it("cuts long lines, and not through a character", function()
    world.files["long.lua"] = ("é"):rep(400)
    local line <const> = excerpt.around("long.lua", 1)[1].text
    assert.truthy(utf8.len(line))
    assert.equal(("é"):rep(150) .. "…", line)
  end)

  it("can show what is not UTF-8, and files of other systems", function()
    world.files["odd.lua"] = "caf\xe9\r\nx\r\n"
    local rows <const> = excerpt.around("odd.lua", 2)
    assert.same({ "caf?", "x" }, { rows[1].text, rows[2].text })
  end)

  it("is text for those who have no HTML", function()
    local lines <const> = excerpt.lines(excerpt.around("routes/x.lua", 2))
    assert.equal("     1 | line 1", lines[1])
    assert.equal(">    2 | line 2", lines[2])
  end)

  it("knows a place", function()
    assert.same({ "routes/x.lua", 12 }, { excerpt.place "routes/x.lua:12: boom" })
    assert.same({ "routes/x.lua", 12 }, { excerpt.place "routes/x.lua:12" })
    for _, other in ipairs { "boom", "pricing: GET /x: 5", "a\nb:1: x", "x.lua:12a: y", "" } do
      assert.is_nil((excerpt.place(other)), other)
    end
  end)
end)
