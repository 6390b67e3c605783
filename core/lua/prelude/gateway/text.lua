-- Text for answers and logs, which are JSON and so have to be UTF-8, whatever a client sent.
local text <const> = {}

-- As it is if it is UTF-8; else with a "?" for each byte that is not ASCII.
function text.printable(value)
  if utf8.len(value) then return value end
  return (value:gsub("[\x80-\xff]", "?"))
end

return text
