-- gateway.metric over the fake core: what may be declared, and what is counted.
local World <const> = require "support.world"


describe("a metric", function()
  local world, metric

  before_each(function()
    world = World.new()
    metric = world.gateway.metric
  end)

  local function run(fn)
    if world.loading then world:start() end
    return world:run(fn)
  end

  local function series(name) return world.metrics[name].series end

  it("counts by its labels", function()
    local rejected <const> = metric.counter("rejected_total", { help = "r", labels = { "reason" } })
    run(function()
      rejected:inc { reason = "stock" }
      rejected:inc { reason = "stock" }
      rejected:add(2.5, { reason = "price" })
    end)
    assert.same({ stock = 2, price = 2.5 }, series "rejected_total")
  end)

  it("may have no labels, or several of several kinds", function()
    local plain <const> = metric.counter("plain_total", { help = "p" })
    local many <const> = metric.gauge("many", { help = "m", labels = { "a", "b", "c" } })
    run(function()
      plain:inc()
      plain:inc {}
      many:set(7, { a = "x", b = 2, c = true })
      many:add(-3, { c = true, b = 2, a = "x" })
      many:set(1, { a = "x", b = 3, c = false })
    end)
    assert.same({ [""] = 2 }, series "plain_total")
    assert.same({ ["x,2,true"] = 4, ["x,3,false"] = 1 }, series "many")
  end)

  it("observes", function()
    local size <const> = metric.histogram("size_bytes", { help = "s", buckets = { 10, 100 } })
    run(function()
      size:observe(5)
      size:observe(500)
    end)
    assert.same({ [""] = { count = 2, sum = 505 } }, series "size_bytes")
  end)

  it("is found once for the same labels", function()
    local n = 0
    local ask <const> = world.core.metric_series
    world.core.metric_series = function(...)
      n = n + 1
      return ask(...)
    end
    local counter <const> = metric.counter("found_total", { help = "f", labels = { "a", "b" } })
    run(function()
      for _ = 1, 10 do
        counter:inc { a = "x", b = "y" }
        counter:inc { a = "x", b = "z" }
      end
    end)
    assert.equal(2, n)
  end)

  it("does not keep what the core counts in one series for all", function()
    world.core.metric_series = function() return 1, true end
    world.core.metric_add = function() end
    local asked = 0
    local counter <const> = metric.counter("full_total", { help = "f", labels = { "a" } })
    world.core.metric_series = function()
      asked = asked + 1
      return 1, true
    end
    run(function()
      counter:inc { a = "x" }
      counter:inc { a = "x" }
    end)
    assert.equal(2, asked)
  end)

  it("may be declared by several modules alike", function()
    local options <const> = { help = "t", labels = { "a" } }
    assert.equal(metric.counter("twice_total", options), metric.counter("twice_total", options))
    assert.has_error(function()
      metric.counter("twice_total", { help = "t", labels = { "b" } })
    end, "metric 'twice_total': it is declared already, and differs")
    assert.has_error(function() metric.gauge("twice", { help = "t" }) end,
      "metric 'twice': 'twice_total' is too much like it")
  end)

  local REFUSED <const> = {
    { "counter", "orders", {}, "the name of a counter ends in '_total'" },
    { "counter", "_total", {}, "a name is made of up to 100 small letters, digits and '_'" },
    { "gauge", "queueLength", {}, "a name is made of up to 100 small letters, digits and '_'" },
    { "gauge", "orders_total", {}, "'_total' at the end means something else to Prometheus" },
    { "histogram", "x_bucket", {}, "'_bucket' at the end means something else to Prometheus" },
    { "gauge", "moongate_x", {}, "such names are the gateway's, or Prometheus' own" },
    { "gauge", "up", {}, "such names are the gateway's, or Prometheus' own" },
    { "gauge", "x", { labels = { "le" } }, "'le' cannot be a label" },
    { "gauge", "x", { labels = { "__name__" } }, "'__name__' cannot be a label" },
    { "gauge", "x", { labels = { "a", "a" } }, "the label 'a' is there twice" },
    { "gauge", "x", { labels = { "a", "b", "c", "d", "e", "f", "g" } },
      "a metric has up to 6 labels" },
    { "gauge", "x", { labels = "a" }, "option 'labels' must be a list of strings" },
    { "gauge", "x", { lables = {} }, "unknown option 'lables' (did you mean 'labels'?)" },
    { "gauge", "x", { buckets = { 1 } }, "unknown option 'buckets'" },
    { "gauge", "x", { max_series = 2001 }, "a metric has up to 2000 series" },
    { "histogram", "x", { buckets = { 1, 1 } }, "the buckets must be in ascending order" },
    { "histogram", "x", { buckets = { "1" } }, "option 'buckets' must be a list of numbers" },
    { "histogram", "x", { buckets = { math.huge } },
      "option 'buckets' must be a list of numbers" },
  }
  for _, case in ipairs(REFUSED) do
    local kind <const>, name <const>, options <const>, reason <const> = table.unpack(case)
    it(("is refused: %s %s: %s"):format(kind, name, reason), function()
      options.help = "h"
      assert.has_error(function() metric[kind](name, options) end,
        ("metric '%s': %s"):format(name, reason))
    end)
  end

  it("needs help, and to be declared while the scripts load", function()
    assert.has_error(function() metric.gauge("x", {}) end,
      "metric 'x': option 'help' says what it is")
    assert.has_error(function() metric.gauge "x" end, "metric 'x': option 'help' says what it is")
    local gauge <const> = metric.gauge("x", { help = "x" })
    assert.has_error(function() gauge:set(1) end,
      "metric 'x' can only be used while a request or a job is handled")
    world:start()
    assert.has_error(function() metric.gauge("y", { help = "y" }) end,
      "gateway.metric.gauge can only be called while the scripts load")
  end)

  it("names the script's line", function()
    world:start()
    local ok <const>, message <const> = pcall(function() metric.gauge("y", { help = "y" }) end)
    assert.is_false(ok)
    assert.is_truthy(message:find("^spec/unit/metric_spec.lua:%d+: gateway.metric.gauge can only"))
  end)

  it("refuses other labels than its own", function()
    local counter <const> = metric.counter("c_total", { help = "c", labels = { "a" } })
    run(function()
      counter:inc { a = "x" }
      assert.has_error(function() counter:inc() end,
        "metric 'c_total': the label 'a' wants a string or a whole number, got nil")
      assert.has_error(function() counter:inc { a = "x", b = "y" } end,
        "metric 'c_total' has no label 'b'")
      assert.has_error(function() counter:inc { a = 1.5 } end,
        "metric 'c_total': the label 'a' wants a string or a whole number, got a float")
      assert.has_error(function() counter:inc "x" end,
        "metric 'c_total' wants its labels as a table")
    end)
    assert.same({ x = 1 }, series "c_total")
  end)

  it("refuses what is no number", function()
    local counter <const> = metric.counter("n_total", { help = "n" })
    local gauge <const> = metric.gauge("n2", { help = "n" })
    run(function()
      assert.has_error(function() counter:add(-1) end,
        "metric 'n_total' wants a number of 0 or more, got -1")
      assert.has_error(function() counter:add(math.huge) end,
        "metric 'n_total' wants a number of 0 or more, got inf")
      assert.has_error(function() counter:add "1" end,
        "metric 'n_total' wants a number of 0 or more, got 1")
      assert.has_error(function() gauge:set(0 / 0) end,
        "metric 'n2' wants a number, got " .. tostring(0 / 0))
      assert.has_error(function() counter.inc() end, "call it with a colon: counter:inc(labels)")
    end)
  end)
end)
