local paths <const> = require "gateway.paths"


describe("the paths of a module", function()
  it("are a file or a folder's init.lua", function()
    assert.same({ "money.lua", "money/init.lua" }, paths "money")
  end)

  it("have dots for folders, or in the file's name", function()
    assert.same({ "lib.money.lua", "lib/money.lua", "lib/money/init.lua" }, paths "lib.money")
  end)

  it("do not lead out of the folder", function()
    for _, name in ipairs { "../secret", "..", "../../etc/passwd" } do
      for _, path in ipairs(paths(name)) do assert.not_matches("^%.%./", path) end
    end
  end)
end)
