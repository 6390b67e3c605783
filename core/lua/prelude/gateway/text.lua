-- Text for answers and logs, which are JSON and so have to be UTF-8, whatever a client sent.
local text <const> = {}

-- As it is if it is UTF-8; else with a "?" for each byte that is not ASCII.
function text.printable(value)
  if utf8.len(value) then return value end
  return (value:gsub("[\x80-\xff]", "?"))
end

-- The first bytes of what is printable: at most so many, and no character in half.
function text.cut(value, max_bytes)
  if #value <= max_bytes then return value end
  return value:sub(1, utf8.offset(value, 0, max_bytes + 1) - 1) .. "…"
end

-- What tostring() makes of it, unless that is a function of a script's which fails.
function text.of(value)
  local ok <const>, said <const> = pcall(tostring, value)
  return ok and said or ("(a %s that cannot be told)"):format(type(value))
end

return text
