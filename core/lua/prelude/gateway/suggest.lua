-- "did you mean": of many names the one that was probably meant.

-- How many letters have to be put in, left out, changed or swapped with their neighbour.
local function distance(one, other)
  local before, last = nil, {}
  for j = 0, #other do
    last[j] = j
  end
  for i = 1, #one do
    local row <const> = { [0] = i }
    for j = 1, #other do
      local same <const> = one:byte(i) == other:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      local swapped <const> = i > 1 and j > 1 and one:byte(i) == other:byte(j - 1)
        and one:byte(i - 1) == other:byte(j)
      if swapped then row[j] = math.min(row[j], before[j - 2] + 1) end
    end
    before, last = last, row
  end
  return last[#other]
end

local MAX_NAME <const> = 64 -- bytes; longer ones are no slips of the pen, and take long to compare

-- " (did you mean 'gather'?)", or "". `names`: a table with the known names as keys.
return function(name, names)
  local best
  if #name > MAX_NAME then return "" end
  local least = math.max(1, #name // 3) + 1
  for known in next, names do
    if type(known) == "string" then
      local far <const> = distance(name, known)
      if far < least or (far == least and best and known < best) then
        best, least = known, far
      end
    end
  end
  return best and (" (did you mean '%s'?)"):format(best) or ""
end
