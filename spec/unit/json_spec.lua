package.cpath = "./build/spec/?.so;" .. package.cpath

local cjson <const> = require "cjson" -- an independent oracle
local json <const>  = require "gateway_json"


local function encode_message(value)
  local ok, message = pcall(json.encode, value)
  assert.is_false(ok)
  return message
end


-- Random values, the same ones in each run. A float has few digits, because lua-cjson writes
-- fourteen; every other kind of number is tested on its own below.
local random = {}

function random.string()
  local codes = {}
  for i = 1, math.random(0, 12) do
    local code
    repeat
      code = math.random(0, ({ 0x7f, 0x7ff, 0xffff, 0x10ffff })[math.random(4)])
    until code < 0xd800 or code > 0xdfff
    codes[i] = code
  end
  return utf8.char(table.unpack(codes))
end

function random.integer()
  return math.random(-10 ^ math.random(13) // 1 | 0, 10 ^ math.random(13) // 1 | 0)
end

function random.float()
  return math.random(-10 ^ 9 // 1 | 0, 10 ^ 9 // 1 | 0) / 10 ^ math.random(5)
end

function random.boolean()
  return math.random(2) == 1
end

function random.null()
  return json.null
end

function random.array(depth)
  local t = json.array()
  for i = 1, math.random(0, 6) do
    t[i] = random.value(depth - 1)
  end
  return t
end

function random.object(depth)
  local t = {}
  for _ = 1, math.random(0, 6) do
    t["k" .. random.string()] = random.value(depth - 1)
  end
  return t
end

local scalars <const> = { "string", "integer", "float", "boolean", "null" }
local tables <const>  = { "array", "object" }

function random.value(depth)
  local kinds <const> = depth > 0 and math.random(2) == 1 and tables or scalars
  return random[kinds[math.random(#kinds)]](depth)
end


local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end


describe("json.array", function()
  it("marks a table and returns it", function()
    local t <const> = {}
    assert.equal(t, json.array(t))
    assert.equal("[]", json.encode(t))
  end)

  it("makes a new one without an argument", function()
    assert.equal("[]", json.encode(json.array()))
    assert.equal("[]", json.encode(json.array(nil)))
  end)

  it("may be said twice", function()
    assert.equal("[1]", json.encode(json.array(json.array { 1 })))
  end)

  it("refuses what has a metatable of its own, and what is no table", function()
    assert.has_error(function() json.array(setmetatable({}, {})) end)
    assert.has_error(function() json.array "text" end)
  end)

  it("hides the metatable that all arrays share", function()
    local t <const> = json.array()
    assert.equal("json.array", getmetatable(t))
    assert.has_error(function() setmetatable(t, nil) end)
  end)
end)


describe("json.decode", function()
  it("tells integers from floats", function()
    assert.equal("integer", math.type(json.decode "42"))
    assert.equal("float", math.type(json.decode "42.0"))
    assert.equal("float", math.type(json.decode "42e0"))
    assert.equal("-0.0", tostring(json.decode "-0"))
  end)

  it("keeps 64-bit integers, and makes floats of larger ones", function()
    assert.equal(math.maxinteger, json.decode "9223372036854775807")
    assert.equal(math.mininteger, json.decode "-9223372036854775808")
    assert.equal(2.0 ^ 63, json.decode "9223372036854775808")
  end)

  it("gives json.null for null, and false for false", function()
    assert.equal(json.null, json.decode "null")
    assert.is_false(json.decode "false")
  end)

  it("says line, column and reason", function()
    local value, message = json.decode '{\n  "a": "\\ud800"\n}'
    assert.is_nil(value)
    assert.equal("line 2, column 9: lone surrogate", message)
  end)

  it("refuses what is no string", function()
    assert.has_error(function() json.decode {} end)
    assert.has_error(function() json.decode() end)
  end)

  it("agrees with lua-cjson", function()
    math.randomseed(1)
    for _ = 1, 2000 do
      local text <const> = cjson.encode(random.array(4))
      local ours <const> = assert(json.decode(text))
      assert.is_true(same(cjson.decode(text), ours), text)
    end
  end)
end)


describe("json.encode", function()
  it("keeps [] and {} apart", function()
    assert.equal("[]", json.encode(json.decode "[]"))
    assert.equal("{}", json.encode(json.decode "{}"))
    assert.equal("{}", json.encode {})
    assert.equal("[[],{}]", json.encode(json.decode "[[],{}]"))
  end)

  it("writes a table with a length as an array", function()
    assert.equal('[1,"a",null]', json.encode { 1, "a", json.null })
  end)

  it("refuses mixed and sparse tables", function()
    assert.equal("key 'n' in an array", encode_message { 1, 2, n = 2 })
    assert.equal("an array with a hole", encode_message { 1, nil, 3 })
    assert.equal("key [5] in an object", encode_message { [5] = 1 })
    assert.equal("key 'n' in an array", encode_message(json.array { n = 1 }))
  end)

  it("names the path of what it refuses", function()
    assert.equal("items[2].price: nan is not JSON",
      encode_message { items = { { price = 1 }, { price = 0 / 0 } } })
    assert.equal("a.b: function is not JSON", encode_message { a = { b = print } })
  end)

  it("refuses nil, inf and invalid UTF-8", function()
    assert.equal("nil is not JSON", encode_message(nil))
    assert.equal("inf is not JSON", encode_message(math.huge))
    assert.equal("invalid UTF-8", encode_message "\xc0\x80")
    assert.has_error(function() json.encode() end)
  end)

  it("refuses a table that contains itself", function()
    local t <const> = {}
    t.t = t
    assert.matches("nested too deeply", encode_message(t))
  end)

  it("says where in the script the value came from", function()
    local ok, message = pcall(function() return json.encode(0 / 0) .. "" end)
    assert.is_false(ok)
    assert.matches("json_spec.lua:%d+: nan is not JSON", message)
  end)

  it("calls no metamethods", function()
    local function called() error "called" end
    local class <const> = { __index = called, __len = called, __pairs = called }
    assert.equal('{"a":1}', json.encode(setmetatable({ a = 1 }, class)))
  end)

  it("works in a finalizer that runs while it works", function()
    local seen
    setmetatable({}, { __gc = function() seen = json.encode { 1, 2 } end })
    local text <const> = ("x"):rep(2000)
    for _ = 1, 1000000 do -- a cycle of the collector, however large the heap is
      assert(json.encode(text) == '"' .. text .. '"')
      if seen then break end
    end
    assert.equal("[1,2]", seen)
  end)

  it("goes on after an error", function()
    encode_message { "a", 0 / 0 }
    assert.equal('["b"]', json.encode { "b" })
  end)

  it("agrees with lua-cjson", function()
    math.randomseed(2)
    for _ = 1, 2000 do
      local value <const> = random.array(4)
      local text <const>  = json.encode(value)
      assert.is_true(same(value, cjson.decode(text)), text)
    end
  end)
end)


describe("json.is_array", function()
  it("tells what is encoded as an array", function()
    assert.is_true(json.is_array(json.array()))
    assert.is_true(json.is_array(json.decode "[]"))
    assert.is_true(json.is_array { 1 })
    assert.is_false(json.is_array {})
    assert.is_false(json.is_array { a = 1 })
    assert.is_false(json.is_array "text")
    assert.is_false(json.is_array())
  end)
end)


describe("json.null", function()
  it("is what lua-cjson calls null", function()
    assert.equal(cjson.null, json.null)
    assert.equal("null", json.encode(json.null))
  end)
end)


describe("a number", function()
  local function comes_back(value)
    local back <const> = json.decode(json.encode(value))
    assert.equal(math.type(value), math.type(back))
    assert.equal(value, back)
    assert.equal(string.pack("n", value), string.pack("n", back)) -- tells -0.0 from 0.0
  end

  it("comes back as it was, whatever its bits", function()
    math.randomseed(3)
    comes_back(-0.0)
    for _ = 1, 5000 do
      local value <const> = string.unpack("d", string.pack("j", math.random(0)))
      if value == value and math.abs(value) ~= math.huge then
        comes_back(value)
        assert.equal(value, cjson.decode("[" .. json.encode(value) .. "]")[1])
      end
    end
  end)

  it("comes back as the integer it was", function()
    math.randomseed(4)
    for _, value in ipairs { 0, 1, -1, math.maxinteger, math.mininteger, 2 ^ 53 // 1 | 0 } do
      comes_back(value)
    end
    for _ = 1, 5000 do
      local value <const> = math.random(0) >> math.random(0, 63)
      assert.equal(tostring(value), json.encode(value))
      assert.equal(value, json.decode(tostring(value)))
    end
  end)

  it("of few digits is written with those", function()
    for cents = 0, 100000, 7 do
      local text <const> = ("%.2f"):format(cents / 100):gsub("0$", "")
      assert.equal(text, json.encode(cents / 100))
      assert.equal(cents / 100, json.decode(text))
    end
  end)

  it("is written with the fewest digits", function()
    math.randomseed(5)
    for _ = 1, 5000 do
      local value <const>  = math.random() * 10.0 ^ math.random(-20, 20)
      local digits <const> = json.encode(value):gsub("e.*", ""):gsub("[.]", ""):gsub("^0+", "")
      for precision = 1, #digits:gsub("0+$", "") - 1 do
        assert.not_equal(value, tonumber(("%%.%dg"):format(precision):format(value)))
      end
    end
  end)
end)
