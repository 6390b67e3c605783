-- What of a client's request is fit to be shown.
local json <const> = require "gateway_json"
local World <const> = require "support.world"

describe("what is shown of a request", function()
  local redact

  before_each(function()
    redact = World.new({ development = true }).globals.require "gateway.redact"
  end)

  local function value_of(name, value)
    return redact.pairs({ [name] = value })[1].value
  end

  it("hides what has a secret's name", function()
    for _, name in ipairs {
      "authorization", "Proxy-Authorization", "cookie", "set-cookie", "x-api-key", "api_key",
      "apikey", "X-Auth-Token", "x-csrf-token", "access_token", "client_secret", "password",
      "sessionId", "key", "x-amz-signature", "auth",
    } do
      assert.equal("[redacted]", value_of(name, "s3cr3t"), name)
    end
  end)

  it("shows the rest, in order", function()
    local shown <const> = redact.pairs { host = "a", accept = "b", author = "c", keyword = "d" }
    assert.same({
      { name = "accept", value = "b" }, { name = "author", value = "c" },
      { name = "host", value = "a" }, { name = "keyword", value = "d" },
    }, shown)
    assert.same({}, redact.pairs(nil))
  end)

  it("hides tokens wherever they stand", function()
    local jwt <const> = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    assert.equal("x [redacted] y", value_of("x-note", "x " .. jwt .. " y"))
    assert.equal("bearer [redacted]", value_of("x-note", "bearer abc.def-1"))
    assert.equal("http://a/?a=1&api_key=[redacted]&b=2",
      value_of("referer", "http://a/?a=1&api_key=s3cr3t&b=2"))
  end)

  it("cuts what is long, and shows what is not UTF-8", function()
    assert.equal(("x"):rep(500) .. "…", value_of("a", ("x"):rep(1000)))
    assert.equal("caf?", value_of("a", "caf\xe9"))
  end)

  describe("body", function()
    it("hides members of JSON, at any depth", function()
      local shown <const> = json.decode(redact.body(json.encode {
        user = { name = "ann", password = "s3cr3t", tokens = { "s3cr3t" } },
        list = { { apiKey = "s3cr3t" }, "Bearer s3cr3t" },
        n = 12,
        none = json.null,
      }))
      assert.same({
        user = { name = "ann", password = "[redacted]", tokens = "[redacted]" },
        list = { { apiKey = "[redacted]" }, "Bearer [redacted]" },
        n = 12,
        none = json.null,
      }, shown)
    end)

    it("keeps lists lists", function()
      assert.equal('{"a":[],"b":{}}', redact.body('{"a":[],"b":{}}'):gsub('"b":{},"a":%[%]',
        '"a":[],"b":{}'))
    end)

    it("hides what it can of other text", function()
      assert.equal('{"a": 1, "password": "[redacted]"',
        redact.body('{"a": 1, "password": "s3cr3t'))
      assert.equal("name=ann&password=[redacted]&x=1",
        redact.body "name=ann&password=s3cr3t&x=1")
      assert.equal("hello", redact.body "hello")
    end)

    it("is cut, and only counted where it is no text", function()
      assert.equal(4096 + #"…", #redact.body(("x"):rep(5000)))
      assert.equal("(3 bytes that are not text)", redact.body "\xff\0a")
      assert.equal("(300000 bytes)", redact.body(("x"):rep(300000)))
      assert.is_nil(redact.body(nil))
      assert.is_nil(redact.body "")
    end)
  end)
end)
