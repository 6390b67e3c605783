-- What the W3C's own test harness asks of a service (github.com/w3c/trace-context, test/test.py at
-- 00a91ac, STRICT_LEVEL 2), case by case and by its names: a request with the fields of a case
-- makes the service call back, and what arrives there is looked at. The service speaks the
-- harness's language, a list of { url, arguments } that are posted to, so that the harness itself
-- can be pointed at it too.
local gateways <const> = require "support.gateway"
local http <const> = require "support.http"
local process <const> = require "support.process"
local rough <const> = require "support.rough_backend"

local SERVICE <const> = [[
local gateway <const> = require "gateway"
local harness <const> = gateway.backend("harness", { url = %q })

gateway.route("POST /test", function(req)
  local calls <const> = {}
  for i, order in ipairs(req:json()) do
    local id <const> = order.url:match "/callback/(.*)$"
    calls[i] = harness:post("/callback/{id}", { id = id, json = order.arguments })
  end
  gateway.gather(calls)
  return 200, { calls = #calls }
end)
]]

local TRACE <const>, PARENT <const> = "12345678901234567890123456789012", "1234567890123456"
local SAMPLED <const> = ("00-%s-%s-01"):format(TRACE, PARENT)
local UNSAMPLED <const> = ("00-%s-%s-00"):format(TRACE, PARENT)

describe("W3C trace-context", function()
  local harness, service

  setup(function()
    harness = rough.start()
    service = gateways.start_with(SERVICE:format(harness.url))
  end)
  teardown(process.end_all)

  -- Of one field: its parts. Two would be joined, and not fit.
  local function read_parent(text)
    local version <const>, trace <const>, parent <const>, flags <const> =
      (text or "none"):match "^(%x%x)%-(%x+)%-(%x+)%-(%x%x)$"
    assert.equal("00", version, text)
    assert.equal(text, text:lower())
    assert.same({ 32, 16 }, { #trace, #parent })
    assert.is_nil(trace:find "^0+$")
    assert.is_nil(parent:find "^0+$")
    return { trace = trace, parent = parent, flags = flags }
  end

  local function read_state(text)
    local state <const> = { n = 0, text = text or "" }
    for key, value in state.text:gmatch "([^=,]+)=([^=,]*)" do
      state[key], state.n = value, state.n + 1
    end
    return state
  end

  -- What `n` callbacks are sent for a request with these fields, { name, value } each.
  local function callbacks(fields, n)
    local before <const>, orders <const>, lines <const> = #harness:received(), {}, {}
    for i = 1, n do
      orders[i] = { url = ("%s/callback/%d"):format(harness.url, i), arguments = {} }
    end
    for i, field in ipairs(fields) do
      lines[i] = field[1] .. ": " .. field[2]
    end
    local response <const> =
      http.request(service.port, "POST", "/test", { json = orders, headers = lines })
    assert.same({ 200, n }, { response.status, response.json.calls })
    harness:await_received(before + n)
    return table.move(harness:received(), before + 1, before + n, 1, {})
  end

  local function ask(...)
    local sent <const> = callbacks({ ... }, 1)[1]
    return read_parent(sent.traceparent), read_state(sent.tracestate)
  end

  local function continues(...)
    local parent <const>, state <const> = ask(...)
    assert.equal(TRACE, parent.trace)
    assert.not_equal(PARENT, parent.parent)
    return state
  end

  local function restarts(...)
    local parent <const>, state <const> = ask(...)
    assert.not_equal(TRACE, parent.trace)
    assert.equal(0, state.n)
    return parent
  end

  local function restarts_for(...)
    for _, value in ipairs { ... } do
      restarts({ "traceparent", value })
    end
  end

  -- With a good parent and these values of tracestate.
  local function state_of(...)
    local fields <const> = { { "traceparent", UNSAMPLED } }
    for _, value in ipairs { ... } do
      fields[#fields + 1] = { "tracestate", value }
    end
    return continues(table.unpack(fields))
  end

  local function is_dropped(...)
    assert.equal("", state_of(...).text)
  end

  describe("TraceContextTest", function()
    it("test_both_traceparent_and_tracestate_missing", function()
      restarts()
    end)

    it("test_traceparent_included_tracestate_missing", function()
      assert.equal("", continues({ "traceparent", SAMPLED }).text)
    end)

    it("test_traceparent_duplicated", function()
      local other <const> = SAMPLED:gsub("12%-", "11-", 1)
      local parent <const> = restarts({ "traceparent", other }, { "traceparent", SAMPLED })
      assert.not_equal(other:match "%-(%x+)", parent.trace)
    end)

    it("test_traceparent_header_name", function()
      restarts({ "trace-parent", SAMPLED })
      restarts({ "trace.parent", SAMPLED })
    end)

    it("test_traceparent_header_name_valid_casing", function()
      continues({ "TraceParent", SAMPLED })
      continues({ "TrAcEpArEnT", SAMPLED })
      continues({ "TRACEPARENT", SAMPLED })
    end)

    it("test_traceparent_version_0x00", function()
      restarts_for(SAMPLED .. ".", SAMPLED .. "-what-the-future-will-be-like")
    end)

    it("test_traceparent_version_0xcc", function()
      local future <const> = SAMPLED:gsub("^00", "cc")
      continues({ "traceparent", future })
      continues({ "traceparent", future .. "-what-the-future-will-be-like" })
      restarts({ "traceparent", future .. ".what-the-future-will-be-like" })
    end)

    it("test_traceparent_version_0xff", function()
      restarts_for((SAMPLED:gsub("^00", "ff")))
    end)

    it("test_traceparent_version_illegal_characters", function()
      restarts_for((SAMPLED:gsub("^00", ".0")), (SAMPLED:gsub("^00", "0.")))
    end)

    it("test_traceparent_version_too_long", function()
      restarts_for("0" .. SAMPLED, "00" .. SAMPLED)
    end)

    it("test_traceparent_version_too_short", function()
      restarts_for(SAMPLED:sub(2))
    end)

    it("test_traceparent_trace_id_all_zero", function()
      restarts_for(("00-%s-%s-01"):format(("0"):rep(32), PARENT))
    end)

    it("test_traceparent_trace_id_illegal_characters", function()
      restarts_for(("00-.%s-%s-01"):format(TRACE:sub(2), PARENT),
        ("00-%s.-%s-01"):format(TRACE:sub(1, 31), PARENT))
    end)

    it("test_traceparent_trace_id_too_long", function()
      local parent <const> = restarts({ "traceparent", ("00-%s3-%s-01"):format(TRACE, PARENT) })
      assert.not_equal(TRACE:sub(2) .. "3", parent.trace)
    end)

    it("test_traceparent_trace_id_too_short", function()
      restarts_for(("00-%s-%s-01"):format(TRACE:sub(1, 31), PARENT))
    end)

    it("test_traceparent_parent_id_all_zero", function()
      restarts_for(("00-%s-%s-01"):format(TRACE, ("0"):rep(16)))
    end)

    it("test_traceparent_parent_id_illegal_characters", function()
      restarts_for(("00-%s-.%s-01"):format(TRACE, PARENT:sub(2)),
        ("00-%s-%s.-01"):format(TRACE, PARENT:sub(1, 15)))
    end)

    it("test_traceparent_parent_id_too_long", function()
      restarts_for(("00-%s-%s7-01"):format(TRACE, PARENT))
    end)

    it("test_traceparent_parent_id_too_short", function()
      restarts_for(("00-%s-%s-01"):format(TRACE, PARENT:sub(1, 15)))
    end)

    it("test_traceparent_trace_flags_illegal_characters", function()
      restarts_for((SAMPLED:gsub("01$", ".0")), (SAMPLED:gsub("01$", "0.")))
    end)

    it("test_traceparent_trace_flags_too_long", function()
      restarts_for((SAMPLED:gsub("01$", "001")))
    end)

    it("test_traceparent_trace_flags_too_short", function()
      restarts_for((SAMPLED:gsub("01$", "1")))
    end)

    it("test_traceparent_ows_handling", function()
      for _, value in ipairs { " %s", "\t%s", "%s ", "%s\t", "\t %s \t" } do
        continues({ "traceparent", value:format(SAMPLED) })
      end
    end)

    it("test_tracestate_included_traceparent_missing", function()
      restarts({ "tracestate", "foo=1" })
      restarts({ "tracestate", "foo=1,bar=2" })
    end)

    it("test_tracestate_included_traceparent_included", function()
      local state <const> = state_of "foo=1,bar=2"
      assert.same({ "1", "2" }, { state.foo, state.bar })
    end)

    it("test_tracestate_header_name", function()
      for _, name in ipairs { "trace-state", "trace.state" } do
        assert.is_nil(continues({ "traceparent", UNSAMPLED }, { name, "foo=1" }).foo)
      end
    end)

    it("test_tracestate_header_name_valid_casing", function()
      for _, name in ipairs { "TraceState", "TrAcEsTaTe", "TRACESTATE" } do
        assert.equal("1", continues({ "traceparent", UNSAMPLED }, { name, "foo=1" }).foo)
      end
    end)

    it("test_tracestate_empty_header", function()
      is_dropped ""
      assert.equal("1", state_of("foo=1", "").foo)
      assert.equal("1", state_of("", "foo=1").foo)
    end)

    it("test_tracestate_multiple_headers_different_keys", function()
      assert.equal("foo=1,bar=2,rojo=1,congo=2,baz=3",
        state_of("foo=1,bar=2", "rojo=1,congo=2", "baz=3").text)
    end)

    it("test_tracestate_duplicated_keys", function()
      is_dropped "foo=1,foo=1"
      is_dropped "foo=1,foo=2"
      is_dropped("foo=1", "foo=1")
      is_dropped("foo=1", "foo=2")
    end)

    it("test_tracestate_all_allowed_characters", function()
      local key <const>, value <const> = "abcdefghijklmnopqrstuvwxyz0123456789_-*/", {}
      for byte = 0x20, 0x7e do
        if byte ~= 0x2c and byte ~= 0x3d then value[#value + 1] = string.char(byte) end
      end
      local member <const> = key .. "=" .. table.concat(value)
      assert.equal(member, state_of(member).text)
      local tenant <const> = key .. "@a-z0-9_-*/=" .. table.concat(value)
      assert.equal(tenant, state_of(tenant).text)
    end)

    it("test_tracestate_ows_handling", function()
      for _, value in ipairs { "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1\t \t,\t \tbar=2,\t \tbaz=3" } do
        assert.equal("foo=1,bar=2,baz=3", state_of(value).text)
      end
      for _, value in ipairs { " foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t" } do
        assert.equal("foo=1", state_of(value).text)
      end
    end)

    it("test_tracestate_key_illegal_characters", function()
      is_dropped "foo =1"
      is_dropped "FOO=1"
      is_dropped "foo.bar=1"
    end)

    it("test_tracestate_key_illegal_vendor_format", function()
      is_dropped "foo@=1,bar=2"
      is_dropped "@foo=1,bar=2"
      is_dropped "foo@@bar=1,bar=2"
      is_dropped "foo@bar@baz=1,bar=2"
    end)

    it("test_tracestate_member_count_limit", function()
      local lists <const> = { {}, {}, {}, {} }
      for i = 1, 32 do
        table.insert(lists[(i - 1) // 10 + 1], ("bar%02d=%02d"):format(i, i))
      end
      for i, list in ipairs(lists) do
        lists[i] = table.concat(list, ",")
      end
      local state <const> = state_of(table.unpack(lists))
      assert.same({ 32, "01" }, { state.n, state.bar01 })
      lists[4] = lists[4] .. ",bar33=33"
      is_dropped(table.unpack(lists))
    end)

    it("test_tracestate_key_length_limit", function()
      assert.equal("1", state_of("foo=1", ("z"):rep(256) .. "=1").foo)
      is_dropped("foo=1", ("z"):rep(257) .. "=1")
      assert.equal("1", state_of("foo=1", ("t"):rep(241) .. "@" .. ("v"):rep(14) .. "=1").foo)
      is_dropped("foo=1", ("t"):rep(242) .. "@v=1")
      is_dropped("foo=1", "t@" .. ("v"):rep(15) .. "=1")
    end)

    it("test_tracestate_value_illegal_characters", function()
      is_dropped "foo=bar=baz"
      is_dropped "foo=,bar=3"
    end)
  end)

  describe("AdvancedTest", function()
    -- The traces and parents of three callbacks, each once.
    local function three(...)
      local traces <const>, parents <const>, n = {}, {}, 0
      for _, sent in ipairs(callbacks({ ... }, 3)) do
        local parent <const> = read_parent(sent.traceparent)
        traces[parent.trace] = true
        n = n + (parents[parent.parent] and 0 or 1)
        parents[parent.parent] = true
      end
      return traces, n
    end

    it("test_multiple_requests_with_valid_traceparent", function()
      local traces <const>, n <const> = three({ "traceparent", SAMPLED })
      assert.same({ { [TRACE] = true }, 3 }, { traces, n })
    end)

    it("test_multiple_requests_without_traceparent", function()
      local _ <const>, n <const> = three()
      assert.equal(3, n)
    end)

    it("test_multiple_requests_with_illegal_traceparent", function()
      local zero <const> = ("0"):rep(32)
      local traces <const>, n <const> =
        three({ "traceparent", ("00-%s-%s-01"):format(zero, PARENT) })
      assert.is_nil(traces[zero])
      assert.equal(3, n)
    end)
  end)
end)
