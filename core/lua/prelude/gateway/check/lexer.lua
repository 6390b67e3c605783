-- Lua 5.4's text as tokens with their places. Only what the compiler accepts is read, so nothing is
-- refused here; places are lines and columns in bytes, from 1.
local lexer <const> = {}

local KEYWORDS <const> = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%l+" do
  KEYWORDS[word] = true
end

local LONG_OPERATORS <const> = {
  ["=="] = true, ["~="] = true, ["<="] = true, [">="] = true, ["//"] = true, ["::"] = true,
  ["<<"] = true, [">>"] = true, [".."] = true,
}

-- Each returns the place after what begins at `at`, or nil if it does not begin there.

local function skip_long_bracket(text, at)
  local level <const> = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local _, last <const> = text:find("]" .. level .. "]", at + #level + 2, true)
  return (last or #text) + 1
end

local function skip_string(text, at)
  local quote <const> = text:sub(at, at)
  if quote ~= '"' and quote ~= "'" then return nil end
  local stop <const> = "[\\" .. quote .. "]"
  at = text:find(stop, at + 1)
  while at and text:sub(at, at) == "\\" do
    at = text:find(stop, at + 2)
  end
  return (at or #text) + 1
end

local function skip_comment(text, at)
  if text:sub(at, at + 1) ~= "--" then return nil end
  return skip_long_bracket(text, at + 2) or text:find("[\r\n]", at) or #text + 1
end

local function skip_number(text, at)
  if not text:find("^%.?%d", at) then return nil end
  local is_hex <const> = text:find("^0[xX]", at)
  local after = text:match(is_hex and "^0[xX][%x.]*()" or "^[%d.]*()", at)
  after = text:match(is_hex and "^[pP][+-]?%d+()" or "^[eE][+-]?%d+()", after) or after
  return after
end

local function skip_operator(text, at)
  if text:sub(at, at + 2) == "..." then return at + 3 end
  return at + (LONG_OPERATORS[text:sub(at, at + 1)] and 2 or 1)
end

-- The kind of what begins at `at` ("string", "number", "name", or the word or operator itself) and
-- the place after it.
local function classify(text, at)
  local after = skip_string(text, at) or skip_long_bracket(text, at)
  if after then return "string", after end
  after = text:match("^[%a_][%w_]*()", at)
  if after then
    local word <const> = text:sub(at, after - 1)
    return KEYWORDS[word] and word or "name", after
  end
  after = skip_number(text, at)
  if after then return "number", after end
  after = skip_operator(text, at)
  return text:sub(at, after - 1), after
end

-- Where each line begins.
local function lines_of(text)
  local starts <const> = { 1 }
  for at in text:gmatch "\n()" do
    starts[#starts + 1] = at
  end
  return starts
end

-- A list of { kind, text, line, column }, the last of kind "eof".
function lexer.tokens(text)
  local tokens <const>, starts <const> = {}, lines_of(text)
  local line, at = 1, 1

  local function add(kind, from, after)
    while starts[line + 1] and starts[line + 1] <= from do
      line = line + 1
    end
    tokens[#tokens + 1] = {
      kind = kind,
      text = text:sub(from, after - 1),
      line = line,
      column = from - starts[line] + 1,
    }
  end

  while true do
    at = text:match("^%s*()", at)
    if at > #text then break end
    local after = skip_comment(text, at)
    if not after then
      local kind
      kind, after = classify(text, at)
      add(kind, at, after)
    end
    at = after
  end
  add("eof", #text + 1, #text + 1)
  return tokens
end

-- What a token of kind "string" or "number" says.
function lexer.value(token)
  local chunk <const> = load("return " .. token.text, "=", "t", {})
  return chunk and chunk()
end

return lexer
