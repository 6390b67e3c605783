-- What a client sent, fit to be shown: without what would let somebody else in. The page of the
-- development mode gets into screenshots and tickets.
local json <const> = require "gateway.json"
local secret <const> = require "gateway.secret" -- what is one, for the log as for this
local text <const> = require "gateway.text"

local redact <const> = {}

redact.HIDDEN = secret.HIDDEN

local MAX_BODY <const> = 4096 -- bytes that are shown
local MAX_READ <const> = 256 * 1024 -- a longer body is not looked into
local MAX_VALUE <const> = 500
local MAX_DEPTH <const> = 32

-- A text with what looks like a secret in it hidden, wherever it stands.
function redact.hide(value)
  return secret.hide(text.printable(value))
end

local function is_secret(name)
  return secret.is_name(tostring(name))
end

function redact.text(value)
  return text.cut(redact.hide(tostring(value)), MAX_VALUE)
end

-- A table of names and values (headers, query, params) as a list of { name, value }, by name.
function redact.pairs(given)
  local list <const> = {}
  if type(given) ~= "table" then return list end
  for name, value in next, given do
    list[#list + 1] = {
      name = text.cut(text.printable(tostring(name)), MAX_VALUE),
      value = is_secret(name) and redact.HIDDEN or redact.text(value),
    }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- Hides the secrets of decoded JSON, in place.
local function mask(value, depth)
  if type(value) == "string" then return redact.hide(value) end
  if type(value) ~= "table" then return value end
  if depth > MAX_DEPTH then return "…" end
  for name, member in next, value do
    local hidden <const> = type(name) == "string" and is_secret(name)
    value[name] = hidden and redact.HIDDEN or mask(member, depth + 1)
  end
  return value
end

-- What is not whole JSON may still look like it: { "password": "x"
local function mask_text(body)
  local masked <const> = body:gsub('"([^"\n]*)"(%s*:%s*)"[^"\n]*"?', function(name, colon)
    if is_secret(name) then return ('"%s"%s"%s"'):format(name, colon, redact.HIDDEN) end
  end)
  return redact.hide((masked:gsub("%f[^&\0\n]([^&=%s\"]+)=[^&\n]*", function(name)
    if is_secret(name) then return name .. "=" .. redact.HIDDEN end
  end)))
end

-- The body as text; nil where there is none.
function redact.body(body)
  if type(body) ~= "string" or body == "" then return nil end
  if not utf8.len(body) then return ("(%d bytes that are not text)"):format(#body) end
  if #body > MAX_READ then return ("(%d bytes)"):format(#body) end
  local value <const> = json.decode(body)
  local shown <const> = type(value) == "table" and json.encode(mask(value, 1)) or mask_text(body)
  return text.cut(shown, MAX_BODY)
end

return redact
