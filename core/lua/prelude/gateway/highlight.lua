-- A line of Lua in colour, as escaped HTML. It looks at one line at a time, so a long string or
-- comment is known by its first line only.
local escape <const> = require "gateway.escape"

local KEYWORDS <const> = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  KEYWORDS[word] = true
end

local function span(class, text)
  return ('<span class="%s">%s</span>'):format(class, escape(text))
end

-- Where the string that starts at `from` with `quote` ends; the line's end if it does not.
local function end_of_string(line, from, quote)
  local at = from + 1
  while at <= #line do
    local c <const> = line:sub(at, at)
    if c == quote then return at end
    at = at + (c == "\\" and 2 or 1)
  end
  return #line
end

-- Each takes a token off at `at`: its HTML and where the next one starts; nil if it is none.
local TOKENS <const> = {
  function(line, at)
    if line:find("^%-%-", at) then return span("c", line:sub(at)), #line + 1 end
  end,
  function(line, at)
    local quote <const> = line:match("^[\"']", at)
    if not quote then return nil end
    local last <const> = end_of_string(line, at, quote)
    return span("s", line:sub(at, last)), last + 1
  end,
  function(line, at)
    local opened <const>, level <const> = line:match("^(%[(=*)%[)", at)
    if not opened then return nil end
    local _, last = line:find("]" .. level .. "]", at + #opened, true)
    last = last or #line
    return span("s", line:sub(at, last)), last + 1
  end,
  function(line, at)
    local word <const> = line:match("^[%a_][%w_]*", at)
    if not word then return nil end
    return KEYWORDS[word] and span("k", word) or escape(word), at + #word
  end,
  function(line, at)
    local number <const> = line:match("^%d[%w.]*", at)
    if number then return span("n", number), at + #number end
  end,
  function(line, at)
    local rest <const> = line:match("^[^%w_\"'%[-]+", at) or line:sub(at, at)
    return escape(rest), at + #rest
  end,
}

return function(line)
  local parts <const>, at = {}, 1
  while at <= #line do
    for _, take in ipairs(TOKENS) do
      local html <const>, next_at <const> = take(line, at)
      if html then
        parts[#parts + 1], at = html, next_at
        break
      end
    end
  end
  return table.concat(parts)
end
