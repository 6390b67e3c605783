-- Metrics of a script's own, for Prometheus: counters, gauges and histograms with labels. They are
-- shared by all workers, and go on across reloads under their name.
local core <const> = require "gateway.core"
local metric_options <const> = require "gateway.metric_options"

local getmetatable <const> = debug.getmetatable -- past what scripts are shown

local metric <const> = {}

local declared <const> = {} -- by name

-- --- series ---

local Metric <const> = {} -- by what scripts have of it: they cannot change this

local function text_of(self, label, value)
  local kind <const> = math.type(value) or type(value)
  if kind == "string" then return value end
  if kind == "integer" or kind == "boolean" then return tostring(value) end
  error(("metric '%s': the label '%s' wants a string or a whole number, got %s")
    :format(self.name, label, kind == "float" and "a float" or kind), 5)
end

-- Labels that are not declared are a mistake, too.
local function check_labels(self, given)
  if type(given) ~= "table" then
    error(("metric '%s' wants its labels as a table"):format(self.name), 5)
  end
  for label in next, given do
    if not self.is_label[label] then
      error(("metric '%s' has no label '%s'"):format(self.name, tostring(label)), 5)
    end
  end
end

-- The series of labels that were given before. As many must be given as are declared: one that is
-- not would go unnoticed otherwise.
local function known_series(self, given)
  local at, n = self.known, #self.labels
  for _, label in ipairs(self.labels) do
    local value <const> = given[label]
    at = at and value ~= nil and at[value]
  end
  for _ in next, given do
    n = n - 1
  end
  return n == 0 and at
end

-- known[value of the first label][of the second] ... is the series; without labels known is.
local function remember(self, given, series)
  local n <const> = #self.labels
  if n == 0 then
    self.known = series
    return
  end
  local at = self.known
  for i = 1, n - 1 do
    local value <const> = given[self.labels[i]]
    at[value] = at[value] or {}
    at = at[value]
  end
  at[given[self.labels[n]]] = series
  self.n_known = self.n_known + 1
end

-- Asks the core. Not kept is the common series of all that is too much, and what is the same to the
-- core but not to Lua, without end.
local function find_series(self, given)
  local values <const> = {}
  if core.loading() then
    error(("metric '%s' can only be used while a request or a job is handled"):format(self.name), 4)
  end
  check_labels(self, given)
  for i, label in ipairs(self.labels) do
    values[i] = text_of(self, label, given[label])
  end
  local series <const>, overflowed <const> =
    core.metric_series(self.handle, table.unpack(values, 1, #self.labels))
  if not overflowed and self.n_known < 2 * self.max_series then remember(self, given, series) end
  return series
end

local NO_LABELS <const> = {}

local function series_of(self, given)
  if given == nil then given = NO_LABELS end
  local known <const> = type(given) == "table" and known_series(self, given)
  if known then return known end
  local found <const> = find_series(self, given)
  return found
end

-- --- what they do ---

-- What is known of it.
local function mine(self, class, call)
  if getmetatable(self) ~= class then error(("call it with a colon: %s"):format(call), 3) end
  return Metric[self]
end

local function check_number(self, value, least)
  if type(value) ~= "number" or value ~= value or least and not (value >= least and
    value < math.huge) then
    error(("metric '%s' wants a number%s, got %s"):format(self.name,
      least and (" of %d or more"):format(least) or "", tostring(value)), 3)
  end
end

local function new_class(name)
  local class <const> = { __name = name, __metatable = false, __index = {} }
  return class, class.__index
end

local Counter <const>, counter <const> = new_class "gateway.Counter"
local Gauge <const>, gauge <const> = new_class "gateway.Gauge"
local Histogram <const>, histogram <const> = new_class "gateway.Histogram"

function counter:add(n, labels)
  local my <const> = mine(self, Counter, "counter:add(n, labels)")
  check_number(my, n, 0)
  core.metric_add(my.handle, series_of(my, labels), n)
end

function counter:inc(labels)
  local my <const> = mine(self, Counter, "counter:inc(labels)")
  core.metric_add(my.handle, series_of(my, labels), 1)
end

function gauge:set(value, labels)
  local my <const> = mine(self, Gauge, "gauge:set(value, labels)")
  check_number(my, value)
  core.metric_set(my.handle, series_of(my, labels), value)
end

function gauge:add(by, labels)
  local my <const> = mine(self, Gauge, "gauge:add(by, labels)")
  check_number(my, by)
  core.metric_add(my.handle, series_of(my, labels), by)
end

function histogram:observe(value, labels)
  local my <const> = mine(self, Histogram, "histogram:observe(value, labels)")
  check_number(my, value)
  core.metric_add(my.handle, series_of(my, labels), value)
end

-- --- declaring ---

local function is_same_list(a, b)
  if #a ~= #b then return false end
  for i, value in ipairs(a) do
    if b[i] ~= value then return false end
  end
  return true
end

-- Modules may declare the same metric, each for itself.
local function is_same(old, new)
  return old.type == new.type and is_same_list(old.labels, new.labels)
    and is_same_list(old.buckets, new.buckets)
end

-- OpenMetrics knows a counter without its "_total".
local function base_of(name)
  return (name:gsub("_total$", ""))
end

-- Another metric that would be the same there.
local function namesake(name)
  for other in next, declared do
    if other ~= name and base_of(other) == base_of(name) then return other end
  end
end

local function copy_of(list)
  return table.move(list, 1, #list, 1, {})
end

local function set_of(list)
  local set <const> = {}
  for _, one in ipairs(list) do
    set[one] = true
  end
  return set
end

local function make(class, name, wanted)
  local handle <const>, reason <const> = core.metric(name, wanted)
  if not handle then return nil, reason end
  local self <const> = setmetatable({ name = name }, class)
  Metric[self] = {
    name = name,
    handle = handle,
    labels = wanted.labels,
    is_label = set_of(wanted.labels),
    max_series = wanted.max_series,
    known = #wanted.labels > 0 and {} or nil,
    n_known = 0,
  }
  return self
end

local function define(kind, class, name, given)
  if not core.loading() then
    error(("gateway.metric.%s can only be called while the scripts load"):format(kind), 3)
  end
  if type(name) ~= "string" then error("a metric wants a name", 3) end
  local refused = metric_options.refuse(kind, name, given)
  if refused then error(("metric '%s': %s"):format(name, refused), 3) end
  local wanted <const> = {
    type = kind,
    help = given.help,
    labels = copy_of(given.labels or {}),
    buckets = kind == "histogram" and copy_of(given.buckets or metric_options.BUCKETS) or {},
    max_series = given.max_series or metric_options.DEFAULT_SERIES,
  }
  local old <const> = declared[name]
  if old and is_same(old.wanted, wanted) then return old.self end
  if old then error(("metric '%s': it is declared already, and differs"):format(name), 3) end
  local other <const> = namesake(name)
  if other then error(("metric '%s': '%s' is too much like it"):format(name, other), 3) end
  local self
  self, refused = make(class, name, wanted)
  if not self then error(("metric '%s': %s"):format(name, refused), 3) end
  declared[name] = { wanted = wanted, self = self }
  return self
end

-- Not tail calls: errors name the place where the script is.
function metric.counter(name, given)
  local made <const> = define("counter", Counter, name, given)
  return made
end

function metric.gauge(name, given)
  local made <const> = define("gauge", Gauge, name, given)
  return made
end

function metric.histogram(name, given)
  local made <const> = define("histogram", Histogram, name, given)
  return made
end

return metric
