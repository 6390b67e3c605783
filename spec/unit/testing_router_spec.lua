local router <const> = require "gateway.testing.router"

local ROUTES <const> = {}
for i, target in ipairs {
  "GET /", "GET /a/:x", "GET /a/b", "POST /a/:x", "GET /:x/c/d", "GET /a/:y/:z", "GET /a/",
} do
  local method <const>, pattern <const> = target:match "^(%u+) (.*)$"
  ROUTES[i] = { method = method, pattern = pattern }
end


describe("the router of the fake", function()
  local function found(method, path)
    local id <const>, params <const> = router.find(ROUTES, method, path)
    return id and ROUTES[id].pattern, params
  end

  it("prefers literals from the left, and goes back", function()
    for path, expected in pairs {
      ["/"] = { "/", {} },
      ["/a/b"] = { "/a/b", {} },
      ["/a/x"] = { "/a/:x", { x = "x" } },
      ["/a/c/d"] = { "/a/:y/:z", { y = "c", z = "d" } },
      ["/b/c/d"] = { "/:x/c/d", { x = "b" } },
      ["/a/"] = { "/a/", {} },
      ["/a/x%2Fy%20z"] = { "/a/:x", { x = "x/y z" } },
      ["/b/../a/./b"] = { "/a/b", {} },
      ["/a/b/.."] = { "/a/", {} },
    } do
      assert.same(expected, { found("GET", path) }, path)
    end
    assert.equal("/a/b", (found("HEAD", "/a/b")))
    assert.equal("/a/:x", (found("POST", "/a/b")))
  end)

  it("says what is answered where there is none", function()
    for path, status in pairs { ["/x"] = 404, ["/.."] = 400, ["/%0"] = 400, ["/%00"] = 400,
      ["x"] = 400, ["/a//"] = 404 } do
      assert.same({ nil, status }, { found("GET", path) }, path)
    end
    assert.same({ nil, 405 }, { found("DELETE", "/a/b") })
  end)

  it("knows patterns that are alike", function()
    assert.equal(router.shape "/a/:x/b", router.shape "/a/:y/b")
    assert.not_equal(router.shape "/a/:x", router.shape "/a/x")
  end)
end)
