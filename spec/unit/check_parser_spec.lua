local files <const> = require "support.files"
local lexer <const> = require "gateway.check.lexer"
local parse <const> = require "gateway.check.parser"


describe("the lexer", function()
  local function texts(text)
    local list <const> = {}
    for i, token in ipairs(lexer.tokens(text)) do
      list[i] = ("%s %s %d:%d"):format(token.kind, token.text, token.line, token.column)
    end
    return list
  end

  it("gives each token its place", function()
    assert.same({
      "local local 1:1", "name a 1:7", "= = 1:9", "number 0x1p-4 1:11", "name b 2:3", "... ... 2:4",
      ".. .. 2:8", "// // 2:11", "eof  2:13",
    }, texts "local a = 0x1p-4\n  b... .. //")
  end)

  it("knows strings of all kinds, and their lines", function()
    local tokens <const> = lexer.tokens [=["a\"b" 'c\
d' [[e
f]] [==[ ]] ]==] x]=]
    assert.equal('a"b', lexer.value(tokens[1]))
    assert.equal("c\nd", lexer.value(tokens[2]))
    assert.equal("e\nf", lexer.value(tokens[3]))
    assert.equal(" ]] ", lexer.value(tokens[4]))
    assert.same({ "x", 3, 18 }, { tokens[5].text, tokens[5].line, tokens[5].column })
  end)

  it("skips comments", function()
    assert.same({ "name a 1:1", "name b 3:3", "eof  3:4" }, texts "a --[[ x\ny ]] -- z\n  b")
  end)

  it("comes to an end with what is no Lua", function()
    for _, text in ipairs { "", "'", '"\\', "[==[", "--[[", "\0\1\255", "1e", "@#$" } do
      assert.equal("eof", lexer.tokens(text)[#lexer.tokens(text)].kind)
    end
  end)
end)


describe("the parser", function()
  local function globals(text)
    local found <const> = {}
    for _, node in ipairs(parse(text).nodes) do
      if node.kind == "name" and node.global then
        found[#found + 1] = (node.written and "set " or "get ") .. node.name
      end
    end
    return found
  end

  it("tells locals from globals", function()
    assert.same({ "get b" }, globals "local a = b")
    assert.same({ "get a" }, globals "local a = a")
    assert.same({}, globals "local function f() return f end")
    assert.same({ "get f" }, globals "local f = function() return f end")
    assert.same({ "get x" }, globals "do local x end return x")
    assert.same({}, globals "for i, j in nil do local _ = i + j end")
    assert.same({}, globals "local t = {} function t.a.b:c(x) return self, x end")
    assert.same({ "set f" }, globals "function f() end")
    assert.same({ "set x", "set y", "get z" }, globals "x, y = z")
    assert.same({}, globals "repeat local x until x")
    assert.same({}, globals "local _ENV = {} x = y")
  end)

  it("marks what is only tested", function()
    local tested <const> = {}
    local text <const> = [[
      local a = b.one and b.two
      if b.three and (b.four or c) then return b.five end
      while not b.six do end
      local d = b.seven == nil
    ]]
    for _, node in ipairs(parse(text).nodes) do
      if node.kind == "index" and node.tested then tested[#tested + 1] = node.key end
    end
    assert.same({ "one", "three", "four", "six", "seven" }, tested)
  end)

  -- Of this house, and what busted is made of: what else a machine has may have more constants than
  -- the listing shows by name.
  local function all_files()
    local list <const> = {}
    local pipe <close> = io.popen("cd /usr/share/lua/5.1 && find $OLDPWD/core $OLDPWD/scripts"
      .. " $OLDPWD/spec $PWD/busted $PWD/luassert $PWD/pl -name '*.lua'")
    for path in pipe:lines() do
      list[#list + 1] = path
    end
    return list
  end

  -- How often each global is read and written, as the compiler has it.
  local function compiled_globals(path)
    local counts <const> = {}
    local pipe <close> = io.popen("luac5.4 -l -l -p " .. files.quote(path) .. " 2>/dev/null")
    for line in pipe:lines() do
      local how <const>, name <const> = line:match '(%u)ETTABUP.*; _ENV "([^"]*)"'
      if how then
        local key <const> = (how == "S" and "set " or "get ") .. name
        counts[key] = (counts[key] or 0) + 1
      end
    end
    return counts
  end

  it("agrees with the compiler on all Lua there is here", function()
    local n = 0
    for _, path in ipairs(all_files()) do
      local text <const> = files.read(path)
      if load(text, "=", "t") then
        local counts <const> = {}
        for _, key in ipairs(globals(text)) do
          counts[key] = (counts[key] or 0) + 1
        end
        local expected <const> = compiled_globals(path)
        if next(expected) then
          assert.same(expected, counts, path)
          n = n + 1
        end
      end
    end
    assert.is_true(n == 0 or n > 50)
  end)
end)
