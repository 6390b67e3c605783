local World <const> = require "support.world"


describe("validate", function()
  local world, validate

  before_each(function()
    world = World.load { scripts = "scripts" }
    validate = world.globals.require "lib.validate"
  end)

  -- Reads a body (a JSON text) or a query with `read`, and returns what it read or raises.
  local function read_body(text, read)
    return world:run(function()
      local form <const> = validate.body {
        json = function() return assert(world.gateway.json.decode(text)) end,
      }
      local value <const> = read(form)
      form:finish()
      return value
    end)
  end

  local function read_query(query, read)
    return world:run(function()
      local form <const> = validate.query { query = query }
      local value <const> = read(form)
      form:finish()
      return value
    end)
  end

  local function errors_of(...)
    local ok <const>, raised <const> = pcall(...)
    assert.is_false(ok)
    assert.equal(422, raised.status)
    return raised.members and raised.members.errors
  end

  local function reason_of(...)
    local errors <const> = errors_of(...)
    assert.equal(1, #errors)
    return errors[1].reason
  end

  it("takes objects only", function()
    for _, text in ipairs { "[]", "[1]", "7", '"x"', "null", "true" } do
      assert.is_nil(errors_of(read_body, text, function() end))
    end
    assert.equal("fine", read_body("{}", function() return "fine" end))
  end)

  it("names every mistake at once", function()
    local errors <const> = errors_of(read_body, '{"a": 1, "c": "x"}', function(form)
      form:string "a"
      form:string "b"
      form:integer "c"
    end)
    assert.same({
      { field = "a", reason = "must be a string" },
      { field = "b", reason = "is missing" },
      { field = "c", reason = "must be a whole number" },
    }, errors)
  end)

  it("reads strings", function()
    local function read(rules)
      return function(form) return form:string("s", rules) end
    end
    assert.equal("x", read_body('{"s": "x"}', read()))
    assert.is_nil(read_body('{"s": null}', read { optional = true }))
    assert.equal("d", read_body("{}", read { default = "d" }))
    assert.equal("must not be empty", reason_of(read_body, '{"s": ""}', read()))
    assert.equal("must not be longer than 2 bytes",
      reason_of(read_body, '{"s": "abc"}', read { max = 2 }))
    assert.equal("is missing", reason_of(read_body, '{"s": null}', read()))
    assert.equal("must be a string", reason_of(read_body, '{"s": 7}', read { optional = true }))
  end)

  it("reads whole numbers", function()
    local function read(form) return form:integer("n", { min = 1, max = 10 }) end
    assert.equal(10, read_body('{"n": 10}', read))
    assert.equal("integer", math.type(read_body('{"n": 2.0}', read)))
    for _, bad in ipairs { "0", "11", "-1", "9223372036854775807" } do
      assert.equal("must be a whole number from 1 to 10",
        reason_of(read_body, ('{"n": %s}'):format(bad), read))
    end
    for _, bad in ipairs { "1.5", '"1"', "true", "[]", "1e300" } do
      assert.equal("must be a whole number", reason_of(read_body, ('{"n": %s}'):format(bad), read))
    end
  end)

  it("reads whole numbers of a query, which are text", function()
    local function read(form) return form:integer("n", { min = 1, default = 3 }) end
    assert.equal(12, read_query({ n = "12" }, read))
    assert.equal(3, read_query({}, read))
    assert.equal("must be a whole number of at least 1", reason_of(read_query, { n = "0" }, read))
    for _, bad in ipairs { "", "1.0", "x", " 1", "0x1", "1e1", ("9"):rep(30) } do
      assert.equal("must be a whole number", reason_of(read_query, { n = bad }, read))
    end
  end)

  it("reads one of several", function()
    local function read(form) return form:one_of("t", { "a", "b" }) end
    assert.equal("b", read_body('{"t": "b"}', read))
    assert.equal("must be one of a, b", reason_of(read_body, '{"t": "c"}', read))
    assert.equal("is missing", reason_of(read_body, "{}", read))
  end)

  it("reads dates of the calendar", function()
    local function read(form) return form:date "d" end
    for _, good in ipairs { "2026-01-31", "2024-02-29", "2000-02-29", "2026-12-01" } do
      assert.equal(good, read_body(('{"d": "%s"}'):format(good), read))
    end
    for _, bad in ipairs {
      '"2026-02-29"', '"1900-02-29"', '"2026-04-31"', '"2026-13-01"', '"2026-00-01"',
      '"2026-01-00"', '"2026-1-1"', '"01.02.2026"', '"2026-01-01T00:00:00Z"', "20260101",
    } do
      assert.equal("must be a date like 2026-01-31",
        reason_of(read_body, ('{"d": %s}'):format(bad), read))
    end
  end)

  it("reads lists of objects, and says which one is wrong", function()
    local function read(form)
      return form:list("items", { min = 1, max = 3 }, function(item)
        return { n = item:integer "n" }
      end)
    end
    assert.same({ { n = 1 }, { n = 2 } }, read_body('{"items": [{"n": 1}, {"n": 2}]}', read))
    assert.same({
      { field = "items[0].n", reason = "must be a whole number" },
      { field = "items[2]", reason = "must be an object" },
    }, errors_of(read_body, '{"items": [{"n": "x"}, {"n": 1}, []]}', read))
    assert.equal("must have at least 1", reason_of(read_body, '{"items": []}', read))
    assert.equal("must have at most 3", reason_of(read_body, '{"items": [{}, {}, {}, {}]}', read))
    assert.equal("must be a list", reason_of(read_body, '{"items": {}}', read))
    assert.equal("is missing", reason_of(read_body, "{}", read))
  end)

  it("reads lists of strings, which stay lists", function()
    local function read(form) return form:strings("codes", { optional = true, max = 2 }) end
    assert.same({ "a", "b" }, read_body('{"codes": ["a", "b"]}', read))
    assert.equal("[]", world.gateway.json.encode(read_body("{}", read)))
    assert.same({ { field = "codes[1]", reason = "must be a string of 1 to 200 bytes" } },
      errors_of(read_body, '{"codes": ["a", 7]}', read))
  end)
end)
