-- Who is shown HTML.
local World <const> = require "support.world"

describe("HTML rather than JSON", function()
  local accepts

  before_each(function() accepts = World.new().globals.require "gateway.accepts" end)

  it("is what browsers want", function()
    for _, header in ipairs {
      "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
      "text/html",
      "TEXT/HTML; charset=utf-8, */*",
      "application/json;q=0.5, text/html;q=0.6",
      "text/*",
    } do
      assert.is_true(accepts.html(header), header)
    end
  end)

  it("is not what others want", function()
    for _, header in ipairs {
      "*/*", "", "application/json", "application/problem+json, text/html;q=0.9", "text/html;q=0",
      "application/json, text/html", "application/json, text/html, */*", "text/html;q=0.1, */*",
      ",;", "text",
    } do
      assert.is_false(accepts.html(header), header)
    end
    assert.is_false(accepts.html(nil))
    assert.is_false(accepts.html {})
  end)
end)
