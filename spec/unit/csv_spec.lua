local World <const> = require "support.world"


describe("csv", function()
  local csv, null, buffer

  before_each(function()
    local world <const> = World.load { scripts = "scripts" }
    csv = world.globals.require "lib.csv"
    null = world.gateway.json.null
    buffer = world.gateway.buffer
  end)

  local function encode(columns, rows)
    local at = 0
    return csv.write(buffer(), columns, function()
      at = at + 1
      return rows[at]
    end):text()
  end

  -- The one cell that `value` becomes.
  local function cell(value)
    return encode({ "v" }, { { v = value } }):match "^v\r\n(.*)\r\n$"
  end

  it("has a header and a line for each row, each ended by CR LF", function()
    assert.equal("a,b\r\n1,x\r\n2,y\r\n",
      encode({ "a", "b" }, { { a = 1, b = "x" }, { b = "y", a = 2, c = "not a column" } }))
  end)

  it("has a header without rows", function()
    assert.equal("a,b\r\n", encode({ "a", "b" }, {}))
  end)

  it("quotes what would be taken for more than one cell", function()
    assert.equal('"a,b"', cell "a,b")
    assert.equal('"say ""hi"""', cell 'say "hi"')
    assert.equal('"two\nlines"', cell "two\nlines")
    assert.equal('"two\r\nlines"', cell "two\r\nlines")
    assert.equal("plain", cell "plain")
  end)

  it("leaves a cell empty for nothing and null", function()
    assert.equal("1,,\r\n", encode({ "a", "b", "c" }, { { a = 1, c = null } }):match "\n(.*)")
  end)

  it("keeps a spreadsheet from running what somebody wrote", function()
    assert.equal("'=1+1", cell "=1+1")
    assert.equal("'@SUM(A1)", cell "@SUM(A1)")
    assert.equal("'-1", cell "-1")
    assert.equal("'+1", cell "+1")
    assert.equal("'\tx", cell "\tx")
    assert.equal("\"'=HYPERLINK(\"\"x\"\")\"", cell '=HYPERLINK("x")')
    assert.equal("a=b", cell "a=b")
  end)

  it("leaves numbers numbers", function()
    assert.equal("-1.5", cell(-1.5))
    assert.equal("19.99", cell(19.99))
    assert.equal("true", cell(true))
  end)
end)


describe("accept", function()
  local accept <const> = dofile "scripts/lib/accept.lua"
  local TYPES <const> = { "application/json", "text/csv" }

  local CHOICES <const> = {
    { nil, "application/json" },
    { "*/*", "application/json" },
    { "text/csv", "text/csv" },
    { "TEXT/CSV", "text/csv" },
    { "text/*", "text/csv" },
    { "text/csv, application/json", "application/json" },
    { "application/json;q=0.5, text/csv", "text/csv" },
    { "text/csv;q=0.8,application/json;q=0.9", "application/json" },
    { "text/html, text/csv;q=0.1, */*;q=0.05", "text/csv" },
    { "application/*;q=0.2, text/csv; charset=utf-8; q=0.3", "text/csv" },
    { "*/*;q=0.5, application/json;q=0", "text/csv" },
    { "text/html", nil },
    { "text/csv;q=0", nil },
    { "", nil },
  }
  for _, case in ipairs(CHOICES) do
    it(("of %s chooses %s"):format(tostring(case[1]), tostring(case[2])), function()
      assert.equal(case[2], accept.choose(case[1], TYPES))
    end)
  end
end)
