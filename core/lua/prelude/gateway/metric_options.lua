-- How a metric may be declared: names as Prometheus has them, labels, buckets.
local options <const> = require "gateway.options"

local metric_options <const> = {}

local MAX_LABELS <const>, MAX_BUCKETS <const>, MAX_SERIES <const> = 6, 40, 2000

metric_options.DEFAULT_SERIES = 100

-- In seconds, as Prometheus' own clients have them.
metric_options.BUCKETS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }

-- --- names ---

-- Prometheus' own, and the core's.
local RESERVED_STARTS <const> = { "^moongate_", "^process_", "^scrape_", "^prometheus_", "^up$" }

-- What a metric's samples are called, or one of another kind.
local RESERVED_ENDS <const> = { "_total", "_count", "_sum", "_bucket", "_created", "_info" }

local function refuse_end(kind, name)
  if kind == "counter" then
    if not name:find "._total$" then return "the name of a counter ends in '_total'" end
    name = name:gsub("_total$", "")
  end
  for _, tail in ipairs(RESERVED_ENDS) do
    if name:sub(-#tail) == tail then
      return ("'%s' at the end means something else to Prometheus"):format(tail)
    end
  end
end

-- Why a metric cannot be called so, or nil.
local function refuse_name(kind, name)
  if not name:find "^[a-z][a-z0-9_]*$" or #name > 100 then
    return "a name is made of up to 100 small letters, digits and '_'"
  end
  for _, start in ipairs(RESERVED_STARTS) do
    if name:find(start) then return "such names are the gateway's, or Prometheus' own" end
  end
  return refuse_end(kind, name)
end

local RESERVED_LABELS <const> = { le = true, quantile = true }

local function refuse_labels(labels)
  local seen <const> = {}
  if #labels > MAX_LABELS then return ("a metric has up to %d labels"):format(MAX_LABELS) end
  for _, label in ipairs(labels) do
    if not label:find "^[a-z][a-z0-9_]*$" or RESERVED_LABELS[label] then
      return ("'%s' cannot be a label"):format(label)
    end
    if seen[label] then return ("the label '%s' is there twice"):format(label) end
    seen[label] = true
  end
end

local function refuse_buckets(buckets)
  if #buckets > MAX_BUCKETS then return ("a histogram has up to %d buckets"):format(MAX_BUCKETS) end
  for i = 2, #buckets do
    if buckets[i] <= buckets[i - 1] then return "the buckets must be in ascending order" end
  end
end

metric_options.METRIC = {
  help = options.string,
  labels = options.strings,
  max_series = options.count,
}

metric_options.HISTOGRAM = {
  help = options.string,
  labels = options.strings,
  max_series = options.count,
  buckets = options.numbers,
}

-- Why it cannot be declared so, or nil.
function metric_options.refuse(kind, name, given)
  if type(given) ~= "table" or given.help == nil then return "option 'help' says what it is" end
  return options.refuse(given, kind == "histogram" and metric_options.HISTOGRAM
    or metric_options.METRIC)
    or refuse_name(kind, name)
    or refuse_labels(given.labels or {})
    or refuse_buckets(given.buckets or {})
    or (given.max_series or 1) > MAX_SERIES and ("a metric has up to %d series"):format(MAX_SERIES)
    or nil
end

return metric_options
