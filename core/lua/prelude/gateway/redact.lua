-- What a client sent, fit to be shown: without what would let somebody else in. The page of the
-- development mode gets into screenshots and tickets.
local json <const> = require "gateway.json"
local text <const> = require "gateway.text"

local redact <const> = {}

redact.HIDDEN = "(hidden)"

local MAX_BODY <const> = 4096 -- bytes that are shown
local MAX_READ <const> = 256 * 1024 -- a longer body is not looked into
local MAX_VALUE <const> = 500
local MAX_DEPTH <const> = 32

-- Parts of names, in small letters and without "-" and "_".
local SECRETS <const> = {
  "authoriz", "authent", "cookie", "token", "secret", "passw", "passphrase", "apikey", "accesskey",
  "privatekey", "session", "credential", "signature", "csrf", "xsrf", "jwt", "bearer",
}
local SECRET_WORDS <const> = { auth = true, key = true, pin = true, otp = true, pwd = true }

local function is_secret(name)
  local plain <const> = tostring(name):lower():gsub("[-_%s]", "")
  if SECRET_WORDS[plain] then return true end
  for _, part in ipairs(SECRETS) do
    if plain:find(part, 1, true) then return true end
  end
  return false
end

-- A text with what looks like a token in it hidden, wherever it stands: a JSON Web Token, what
-- follows "Bearer", a secret in the query of a URL.
function redact.hide(value)
  return (text.printable(value)
    :gsub("([?&])([^=&%s]+)=[^&%s]*", function(mark, name)
      if is_secret(name) then return mark .. name .. "=" .. redact.HIDDEN end
    end)
    :gsub("eyJ[%w_-]+%.[%w_-]+%.?[%w_-]*", redact.HIDDEN)
    :gsub("(%f[%a][Bb][Ee][Aa][Rr][Ee][Rr]%s+)[^%s\"',;]+", "%1" .. redact.HIDDEN))
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
