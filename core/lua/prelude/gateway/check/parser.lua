-- What a script says, as far as its rules need it: expressions with their places, each name bound
-- to its local variable or to none. The text has been compiled before, so it is correct.
--
-- An expression is a table with `kind`, `line` and `column`:
--
--     name      name, var (its variable; nil: a global)
--     index     object, key (a string; nil: computed), the place is the key's
--     call      fn, args                      method   object, name, args
--     string, number, constant   value        table    fields: { key, value, line, column }
--     function  params (variables)            binary, unary, paren, vararg
--
-- Further marks: `tested` where only its truth or equality matters, `statement` for a call whose
-- results are dropped, `inner` for what stands inside of a function, `written` for what is assigned
-- to. A variable has `name`, `attrib`, `value` (the expression it was declared with), `assigned`
-- (again, later), `returned`, `closed` (by another variable that is).
local lexer <const> = require "gateway.check.lexer"

local Parser <const> = {}
Parser.__index = Parser

local BINARY <const> = {
  ["or"] = { 1, 1 }, ["and"] = { 2, 2 },
  ["<"] = { 3, 3 }, [">"] = { 3, 3 }, ["<="] = { 3, 3 }, [">="] = { 3, 3 }, ["~="] = { 3, 3 },
  ["=="] = { 3, 3 },
  ["|"] = { 4, 4 }, ["~"] = { 5, 5 }, ["&"] = { 6, 6 }, ["<<"] = { 7, 7 }, [">>"] = { 7, 7 },
  [".."] = { 9, 8 }, ["+"] = { 10, 10 }, ["-"] = { 10, 10 },
  ["*"] = { 11, 11 }, ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["%"] = { 11, 11 },
  ["^"] = { 14, 13 },
}
local UNARY <const> = { ["not"] = true, ["-"] = true, ["#"] = true, ["~"] = true }
local UNARY_PRIORITY <const> = 12

local CONSTANTS <const> = { ["true"] = true, ["false"] = false }

-- --- tokens ---

function Parser:peek() return self.tokens[self.at].kind end

function Parser:next()
  local token <const> = self.tokens[self.at]
  self.at = self.at + 1
  return token
end

function Parser:accept(kind)
  if self:peek() == kind then return self:next() end
end

function Parser:expect(kind)
  local token <const> = self:next()
  if token.kind ~= kind then
    error(("line %d: '%s' expected, got '%s'"):format(token.line, kind, token.text))
  end
  return token
end

function Parser:node(kind, place, fields)
  fields.kind, fields.line, fields.column = kind, place.line, place.column
  fields.inner = self.depth > 0
  self.nodes[#self.nodes + 1] = fields
  return fields
end

-- --- scopes ---

function Parser:open() self.scope = { parent = self.scope, vars = {} } end
function Parser:close() self.scope = self.scope.parent end

function Parser:declare(token, attrib, value)
  local var <const> = {
    name = token.text,
    attrib = attrib,
    value = value,
    line = token.line,
    column = token.column,
  }
  self.scope.vars[var.name] = var
  return var
end

function Parser:find(name)
  local scope = self.scope
  while scope do
    if scope.vars[name] then return scope.vars[name] end
    scope = scope.parent
  end
end

-- A name without a variable is a global, unless the script has an _ENV of its own.
function Parser:name(token)
  local node <const> = self:node("name", token, { name = token.text, var = self:find(token.text) })
  node.global = not node.var and node.name ~= "_ENV" and not self:find "_ENV"
  return node
end

-- --- expressions ---

local function mark_tested(node)
  node.tested = true
  if node.kind == "paren" then mark_tested(node.inside) end
  if node.kind == "binary" and (node.operator == "and" or node.operator == "or") then
    mark_tested(node.left)
    mark_tested(node.right)
  end
end

function Parser:list_of_expressions()
  local list <const> = { self:expression() }
  while self:accept "," do
    list[#list + 1] = self:expression()
  end
  return list
end

function Parser:field()
  local token <const> = self.tokens[self.at]
  if self:accept "[" then
    local key <const> = self:expression()
    self:expect "]"
    self:expect "="
    local name <const> = key.kind == "string" and key.value or nil
    return { key = name, computed = not name, value = self:expression(), line = token.line,
      column = token.column }
  end
  local key
  if token.kind == "name" and self.tokens[self.at + 1].kind == "=" then
    key = self:next().text
    self:next()
  end
  return { key = key, value = self:expression(), line = token.line, column = token.column }
end

function Parser:table()
  local fields <const> = {}
  local node <const> = self:node("table", self:expect "{", { fields = fields })
  while self:peek() ~= "}" do
    fields[#fields + 1] = self:field()
    if not self:accept "," then self:accept ";" end
  end
  self:next()
  return node
end

function Parser:parameters(params)
  self:expect "("
  while self:peek() ~= ")" do
    if not self:accept "..." then
      params[#params + 1] = self:declare(self:expect "name")
    end
    self:accept ","
  end
  self:next()
end

function Parser:function_body(place, is_method)
  local params <const> = {}
  local node <const> = self:node("function", place, { params = params })
  self:open()
  self.depth = self.depth + 1
  if is_method then params[1] = self:declare { text = "self" } end
  self:parameters(params)
  self:block()
  self:expect "end"
  self.depth = self.depth - 1
  self:close()
  return node
end

function Parser:arguments()
  local token <const> = self.tokens[self.at]
  if token.kind == "string" or token.kind == "{" then return { self:simple_expression() } end
  self:expect "("
  local args <const> = self:peek() == ")" and {} or self:list_of_expressions()
  self:expect ")"
  return args
end

-- What follows an expression in front of it: a key, a call. nil: nothing.
function Parser:suffix(node)
  local kind <const> = self:peek()
  if kind == "." then
    self:next()
    local key <const> = self:expect "name"
    return self:node("index", key, { object = node, key = key.text })
  elseif kind == "[" then
    local bracket <const> = self:next()
    local key <const> = self:expression()
    self:expect "]"
    return self:node("index", bracket, {
      object = node,
      key = key.kind == "string" and key.value or nil,
    })
  elseif kind == ":" then
    self:next()
    local name <const> = self:expect "name"
    local call <const> = self:node("method", name, { object = node, name = name.text })
    call.args = self:arguments()
    return call
  elseif kind == "(" or kind == "string" or kind == "{" then
    local call <const> = self:node("call", node, { fn = node })
    call.args = self:arguments()
    return call
  end
end

function Parser:suffixed_expression()
  local token <const> = self:next()
  local node
  if token.kind == "(" then
    node = self:node("paren", token, { inside = self:expression() })
    self:expect ")"
  else
    node = self:name(token)
  end
  local longer = node
  while longer do
    node, longer = longer, self:suffix(longer)
  end
  return node
end

function Parser:simple_expression()
  local token <const> = self.tokens[self.at]
  local kind <const> = token.kind
  if kind == "string" or kind == "number" then
    return self:node(kind, self:next(), { value = lexer.value(token) })
  elseif kind == "nil" or CONSTANTS[kind] ~= nil then
    return self:node("constant", self:next(), { value = CONSTANTS[kind] })
  elseif kind == "..." then
    return self:node("vararg", self:next(), {})
  elseif kind == "{" then
    return self:table()
  elseif kind == "function" then
    return self:function_body(self:next())
  end
  return self:suffixed_expression()
end

local COMPARES <const> = { ["=="] = true, ["~="] = true }

function Parser:operation(left, token, right)
  if token.kind == "and" or token.kind == "or" then
    mark_tested(left)
  elseif COMPARES[token.kind] then
    mark_tested(left)
    mark_tested(right)
  end
  return self:node("binary", token, { operator = token.kind, left = left, right = right })
end

function Parser:unary_or_simple()
  if not UNARY[self:peek()] then return self:simple_expression() end
  local token <const> = self:next()
  local operand <const> = self:expression(UNARY_PRIORITY)
  if token.kind == "not" then mark_tested(operand) end
  return self:node("unary", token, { operator = token.kind, operand = operand })
end

function Parser:expression(limit)
  local left = self:unary_or_simple()
  local priority = BINARY[self:peek()]
  while priority and priority[1] > (limit or 0) do
    local token <const> = self:next()
    left = self:operation(left, token, self:expression(priority[2]))
    priority = BINARY[self:peek()]
  end
  return left
end

function Parser:condition()
  local node <const> = self:expression()
  mark_tested(node)
  return node
end

-- --- statements ---

local ENDS <const> = {
  ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true, eof = true,
}

function Parser:block()
  self:open()
  while not ENDS[self:peek()] do
    self:statement()
  end
  self:close()
end

function Parser:block_until_end()
  self:block()
  self:expect "end"
end

local statements <const> = {}

statements[";"] = function() end
statements["break"] = function() end
statements["goto"] = function(self) self:expect "name" end
statements["do"] = Parser.block_until_end

statements["::"] = function(self)
  self:expect "name"
  self:expect "::"
end

statements["while"] = function(self)
  self:condition()
  self:expect "do"
  self:block_until_end()
end

-- The condition still sees the locals of the block.
statements["repeat"] = function(self)
  self:open()
  while not ENDS[self:peek()] do
    self:statement()
  end
  self:expect "until"
  self:condition()
  self:close()
end

statements["if"] = function(self)
  repeat
    self:condition()
    self:expect "then"
    self:block()
  until not self:accept "elseif"
  if self:accept "else" then self:block() end
  self:expect "end"
end

statements["for"] = function(self)
  local names <const> = { self:expect "name" }
  while self:accept "," do
    names[#names + 1] = self:expect "name"
  end
  if not self:accept "=" then self:expect "in" end
  self:list_of_expressions()
  self:expect "do"
  self:open()
  for _, name in ipairs(names) do
    self:declare(name)
  end
  self:block_until_end()
  self:close()
end

statements["return"] = function(self)
  if not ENDS[self:peek()] and self:peek() ~= ";" then
    for _, node in ipairs(self:list_of_expressions()) do
      node.returned = true
      if node.var then node.var.returned = true end
    end
  end
  self:accept ";"
end

local function assign(node)
  node.written = true
  if node.var then node.var.assigned = true end
end

statements["function"] = function(self, token)
  local node = self:name(self:expect "name")
  while self:peek() == "." do
    node = self:suffix(node)
  end
  local is_method <const> = self:accept ":" ~= nil
  if is_method then
    local key <const> = self:expect "name"
    node = self:node("index", key, { object = node, key = key.text })
  end
  assign(node)
  self:function_body(token, is_method)
end

function Parser:attribute()
  if not self:accept "<" then return nil end
  local attrib <const> = self:expect("name").text
  self:expect ">"
  return attrib
end

local function declare_all(self, names, attribs, values)
  for i, name in ipairs(names) do
    local value <const> = values[i]
    local var <const> = self:declare(name, attribs[i], value)
    if value then value.bound = var end
    if value and value.var and var.attrib == "close" then value.var.closed = true end
  end
end

statements["local"] = function(self)
  if self:accept "function" then
    local name <const> = self:expect "name"
    self:declare(name)
    self:function_body(name)
    return
  end
  local names <const>, attribs <const> = {}, {}
  repeat
    names[#names + 1] = self:expect "name"
    attribs[#names] = self:attribute()
  until not self:accept ","
  local values <const> = self:accept "=" and self:list_of_expressions() or {}
  declare_all(self, names, attribs, values)
end

-- An assignment or a call.
local function expression_statement(self)
  local targets <const> = { self:suffixed_expression() }
  while self:accept "," do
    targets[#targets + 1] = self:suffixed_expression()
  end
  if not self:accept "=" then
    targets[1].statement = true
    return
  end
  for _, target in ipairs(targets) do
    assign(target)
  end
  self:list_of_expressions()
end

function Parser:statement()
  local handler <const> = statements[self:peek()]
  if handler then return handler(self, self:next()) end
  expression_statement(self)
end

-- Returns { nodes, tokens }: all expressions, and all tokens.
return function(text)
  local self <const> = setmetatable({
    tokens = lexer.tokens(text),
    at = 1,
    nodes = {},
    depth = 0, -- of functions around this place
  }, Parser)
  self:block()
  self:expect "eof"
  return { nodes = self.nodes, tokens = self.tokens }
end
