-- JSON of the product route, ours beside lua-cjson: microseconds of CPU per call and their ratio.
-- Usage, from the repository's root: lua5.4 tests/bench/json.lua [path/to/?.so]

package.cpath = (arg[1] or "./build/spec/?.so") .. ";" .. package.cpath

local cjson <const> = require "cjson"
local json <const>  = require "gateway_json"

local ROUNDS <const>  = 7
local SECONDS <const> = 0.2

local product <const> = [[{"id":"TEST-001","sku":"SKU-001","name":"Aluminium bottle",]]
  .. [["description":"A light bottle of brushed aluminium, 750 ml, with a loop in its lid.",]]
  .. [["category":"outdoor","stockLevel":120,"reservedStock":4,"unitCost":7.35,"active":true,]]
  .. [["tags":["bottle","outdoor"]}]]
local price <const> = [[{"productId":"TEST-001","basePrice":12.90,"currency":"EUR",]]
  .. [["priceType":"list","validFrom":"2026-01-01T00:00:00Z","validUntil":"2026-12-31T23:59:59Z"}]]
local page <const> = '{"items":[' .. (product .. ","):rep(99) .. product
  .. '],"page":1,"size":100,"total":100}'


local function merged(codec)
  local answer <const> = codec.decode(product)
  answer.price         = 12.9
  answer.currency      = "EUR"
  return answer
end


-- How many calls fill SECONDS, so that the clock's grain and the loop do not show.
local function calibrate(call, argument)
  local n = 1
  while true do
    local from <const> = os.clock()
    for _ = 1, n do
      call(argument)
    end
    local took <const> = os.clock() - from
    if took > SECONDS / 10 then
      return math.max(1, math.floor(n * SECONDS / took))
    end
    n = n * 2
  end
end


local function time(call, argument, n)
  collectgarbage()
  local from <const> = os.clock()
  for _ = 1, n do
    call(argument)
  end
  return (os.clock() - from) / n * 1e6
end


-- A B A B ...: the median of each side is taken from the same stretch of time.
local function compare(name, ours, theirs, our_argument, their_argument)
  local n <const>    = calibrate(theirs, their_argument)
  local a, b <const> = {}, {}
  for round = 1, ROUNDS do
    a[round] = time(ours, our_argument, n)
    b[round] = time(theirs, their_argument, n)
  end
  table.sort(a)
  table.sort(b)
  local us <const>, them <const> = a[ROUNDS // 2 + 1], b[ROUNDS // 2 + 1]
  print(("%-28s %9.2f us %9.2f us %8.2f"):format(name, us, them, us / them))
end


local function decode(name, text)
  compare("decode " .. name, json.decode, cjson.decode, text, text)
end


local function encode(name, make)
  compare("encode " .. name, json.encode, cjson.encode, make(json), make(cjson))
end


print(("%-28s %12s %12s %8s"):format("", "gateway.json", "lua-cjson", "ratio"))
decode("product", product)
decode("price", price)
decode("page of 100 products", page)
encode("merged product", merged)
encode("page of 100 products", function(codec) return codec.decode(page) end)
