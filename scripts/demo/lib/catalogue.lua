-- The goods of the demo shop, known to both demo backends. Amounts are in minor units. TEST-025
-- has stock without end, for load tests; TEST-024 is priced in another currency than the rest.
local catalogue <const> = {}

local GOODS <const> = {
  { "outdoor", "Aluminium bottle", 735, 1999, 120 },
  { "outdoor", "Trail backpack", 3120, 8950, 40 },
  { "outdoor", "Head torch", 990, 2995, 75 },
  { "outdoor", "Camping stove", 2240, 5999, 3 },
  { "outdoor", "Two-person tent", 7800, 19900, 12 },
  { "outdoor", "Sleeping mat", 1450, 3950, 60 },
  { "kitchen", "Cast iron pan", 1680, 4500, 35 },
  { "kitchen", "Chef's knife", 2410, 6490, 28 },
  { "kitchen", "Espresso pot", 1125, 3290, 0 },
  { "kitchen", "Bread tin", 480, 1450, 90 },
  { "kitchen", "Pepper mill", 870, 2450, 55 },
  { "kitchen", "Enamel mug", 310, 990, 200 },
  { "office", "Fountain pen", 1290, 3900, 48 },
  { "office", "Notebook, dotted", 265, 1190, 300 },
  { "office", "Desk lamp", 2875, 7950, 18 },
  { "office", "Letter tray", 640, 1895, 8 },
  { "office", "Paper knife", 220, 895, 65 },
  { "office", "Pencil sharpener", 155, 640, 150 },
  { "garden", "Watering can", 1340, 3595, 44 },
  { "garden", "Pruning shears", 1720, 4695, 31 },
  { "garden", "Hand trowel", 415, 1395, 95 },
  { "garden", "Seed box", 290, 1095, 10 },
  { "garden", "Bird feeder", 960, 2790, 26 },
  { "garden", "Garden hose", 1880, 4990, 50, "USD" },
  { "garden", "Plant label", 5, 25, 1000000000 },
}

local by_id <const>, in_order <const> = {}, {}

for i, good in ipairs(GOODS) do
  local id <const> = ("TEST-%03d"):format(i)
  in_order[i] = {
    number = i,
    id = id,
    sku = ("SKU-%s-%03d"):format(good[1]:sub(1, 3):upper(), i),
    category = good[1],
    name = good[2],
    cost = good[3],
    price = good[4],
    stock = good[5],
    currency = good[6] or "EUR",
  }
  by_id[id] = in_order[i]
end

catalogue.goods = in_order

function catalogue.find(id)
  return by_id[id]
end

return catalogue
