-- What GET /metrics answers, in a form that specs can ask: see parse().
local poll <const> = require "support.poll"

local metrics <const> = {}

local Scrape <const> = {}
Scrape.__index = Scrape

-- { text, families = name -> type, samples = list of { name, labels, value } }
function metrics.parse(text)
  local self <const> = setmetatable({ text = text, families = {}, samples = {} }, Scrape)
  for line in text:gmatch "[^\n]+" do
    local name <const>, kind <const> = line:match "^# TYPE (%S+) (%S+)$"
    if name then self.families[name] = kind end
    local sample <const>, inside <const>, value <const> = line:match "^([%w_]+)(%b{}) (%S+)$"
    local plain <const>, number <const> = line:match "^([%w_]+) (%S+)$"
    if sample or plain then
      local labels <const> = {}
      for label, text_of in (inside or ""):gmatch '([%w_]+)="(.-)"' do labels[label] = text_of end
      self.samples[#self.samples + 1] =
        { name = sample or plain, labels = labels, value = tonumber(value or number) }
    end
  end
  return self
end

local function fits(sample, name, labels)
  if sample.name ~= name then return false end
  for label, value in pairs(labels or {}) do
    if sample.labels[label] ~= value then return false end
  end
  return true
end

-- The sum of the samples with this name and, at least, these labels; nil if there is none.
function Scrape:value(name, labels)
  local sum
  for _, sample in ipairs(self.samples) do
    if fits(sample, name, labels) then sum = (sum or 0) + sample.value end
  end
  return sum
end

function metrics.scrape(gateway)
  local response <const> = gateway:admin("GET", "/metrics")
  assert(response.status == 200, response.body)
  return metrics.parse(response.body)
end

-- Scrapes until it is so: what a request counts may come a moment after its answer.
function metrics.await(gateway, name, labels, value)
  local found
  poll(("%s to be %s"):format(name, value), function()
    found = metrics.scrape(gateway)
    return found:value(name, labels) == value
  end)
  return found
end

return metrics
