-- The orders of a run, all made of its seed before it begins: what each asks for, how its client
-- behaves, and what the clients do with them.
local exchange <const> = require "exchange"
local tasks <const> = require "tasks"

local orders <const> = {}

-- Of so many hundred orders each:
local KINDS <const> = {
  { "good", 45 },
  { "short", 12 }, -- more than there is, after what there is
  { "contended", 10 }, -- of what runs out
  { "unpriced", 12 }, -- a code that pricing refuses
  { "mixed", 3 }, -- in two currencies
  { "impatient", 8 }, -- with a deadline that may be too short
  { "gone", 6 }, -- hangs up, and asks again
  { "lost", 4 }, -- hangs up, and never comes back
}

local GOODS <const> = { "TEST-010", "TEST-011", "TEST-012", "TEST-013", "TEST-014", "TEST-025" }
local SCARCE <const>, CONTENDED <const>, DOLLARS <const> = "TEST-004", "TEST-016", "TEST-024"

orders.stock = { [CONTENDED] = 100, [DOLLARS] = 1000000 }
for _, id in ipairs(GOODS) do
  orders.stock[id] = 1000000
end

local function pick_kind()
  local at = math.random(100)
  for _, kind in ipairs(KINDS) do
    at = at - kind[2]
    if at <= 0 then return kind[1] end
  end
end

local function pick_items()
  local items <const>, first <const> = {}, math.random(#GOODS)
  for i = 1, math.random(3) do
    local id <const> = GOODS[(first + i) % #GOODS + 1]
    items[i] = { productId = id, quantity = math.random(5) }
  end
  return items
end

local MORE <const> = {
  short = function(body) table.insert(body.items, { productId = SCARCE, quantity = 4 }) end,
  contended = function(body)
    table.insert(body.items, { productId = CONTENDED, quantity = math.random(3) })
  end,
  unpriced = function(body) body.discountCodes = { "NOPE" } end,
  mixed = function(body) table.insert(body.items, { productId = DOLLARS, quantity = 1 }) end,
}

local function random_key()
  return ("%08x-%08x"):format(math.random(0, 0xffffffff), math.random(0, 0xffffffff))
end

-- `n` orders; each has number, kind, body, key, and perhaps hang_up or patience_ms.
function orders.make(n)
  local made <const> = {}
  for number = 1, n do
    local kind <const> = pick_kind()
    local body <const> = { customerId = "customer-" .. number, items = pick_items() }
    if MORE[kind] then MORE[kind](body) end
    made[number] = {
      number = number,
      kind = kind,
      body = body,
      key = random_key(),
      hang_up = (kind == "gone" or kind == "lost") and math.random() * 0.1 or nil,
      patience_ms = kind == "impatient" and math.random(5, 200) or nil,
      tries = 0,
    }
  end
  return made
end

-- --- a client ---

local function headers_of(order)
  local headers <const> = { ("Idempotency-Key: \"%s\""):format(order.key) }
  if order.patience_ms then
    headers[2] = ("X-Request-Timeout-Ms: %d"):format(order.patience_ms)
    order.patience_ms = math.min(order.patience_ms * 2, 20000)
  end
  return headers
end

-- One try. Its response, or nil and why there is none.
function orders.send(port, order)
  order.tries = order.tries + 1
  local hang_up <const> = order.hang_up
  order.hang_up = nil
  return exchange(port, "POST", "/api/v1/orders", {
    json = order.body,
    headers = headers_of(order),
    hang_up = hang_up,
  })
end

local REFUSED <const> = { [404] = true, [409] = true, [422] = true }
local TRY_AGAIN <const> = { [502] = true, [503] = true, [504] = true }

-- "confirmed", "refused", "again" or what no client should ever see.
local function meaning_of(response)
  if response.status == 201 then return "confirmed" end
  local is_in_work <const> = response.status == 409 and response.headers["retry-after"]
  if TRY_AGAIN[response.status] or is_in_work then return "again" end
  return REFUSED[response.status] and "refused" or "absurd"
end

local function count(tally, what)
  tally[what] = (tally[what] or 0) + 1
end

-- Until there is an answer: order.outcome, and order.answer where it is the gateway's.
function orders.place(port, order, tally)
  repeat
    local response <const>, reason <const> = orders.send(port, order)
    count(tally, response and response.status or reason)
    local meaning <const> = response and meaning_of(response) or "again"
    if meaning ~= "again" then
      order.outcome, order.answer = meaning, response
    elseif order.kind == "lost" then
      order.outcome = "lost"
    else
      tasks.sleep(0.01 + math.random() * 0.1)
    end
  until order.outcome
end

return orders
