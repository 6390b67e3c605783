-- Metrics of the fake: what lua/metric.c does, with tables.
--
--     world.metrics   by name: { type, labels, series = values joined by "," -> number, or of a
--                     histogram { count, sum } }
--     world.bugs      how many requests ended with one
local metrics <const> = {}

-- `real` is the core, inside the binary: it knows what else there is.
function metrics.add(core, world, real)
  world.metrics, world.bugs = {}, 0
  local by_handle <const>, names <const> = {}, {}

  function core.metric(name, options)
    if real then
      local handle <const>, reason <const> = real.metric(name, options)
      if not handle then return nil, reason end
    end
    local made <const> = { type = options.type, labels = options.labels, series = {} }
    world.metrics[name] = made
    by_handle[#by_handle + 1] = made
    return #by_handle
  end

  function core.metric_series(handle, ...)
    local key <const> = table.concat({ ... }, ",")
    local series <const> = by_handle[handle].series
    local is_histogram <const> = by_handle[handle].type == "histogram"
    series[key] = series[key] or is_histogram and { count = 0, sum = 0 } or 0
    names[#names + 1] = key
    return #names, false
  end

  function core.metric_add(handle, at, number)
    local series <const>, key <const> = by_handle[handle].series, names[at]
    if by_handle[handle].type ~= "histogram" then
      series[key] = series[key] + number
      return
    end
    series[key].count, series[key].sum = series[key].count + 1, series[key].sum + number
  end

  function core.metric_set(handle, at, number)
    by_handle[handle].series[names[at]] = number
  end

  function core.count_bug()
    world.bugs = world.bugs + 1
  end
end

return metrics
