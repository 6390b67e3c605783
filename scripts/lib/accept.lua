-- Which of several media types a client would rather have (RFC 9110, 12.5.1).
local accept <const> = {}

-- How exactly `range` names `media_type`: 3, 2 for "text/*", 1 for "*/*", or nil.
local function precision(range, media_type)
  if range == media_type then return 3 end
  if range == media_type:match "^[^/]+" .. "/*" then return 2 end
  if range == "*/*" then return 1 end
end

-- The weight of `media_type`: of the most precise range that names it, 0 if none does.
local function weight(header, media_type)
  local best, found = 0, 0
  for entry in header:lower():gmatch "[^,]+" do
    local range <const> = entry:match "^%s*([^;%s]+)"
    local level <const> = range and precision(range, media_type) or 0
    if level > best then
      best, found = level, tonumber(entry:match ";%s*q=([%d.]+)") or 1
    end
  end
  return found
end

-- One of `media_types`, the first where the client does not care, or nil if it takes none of them.
function accept.choose(header, media_types)
  if not header then return media_types[1] end
  local best, chosen = 0, nil
  for _, media_type in ipairs(media_types) do
    local found <const> = weight(header, media_type)
    if found > best then
      best, chosen = found, media_type
    end
  end
  return chosen
end

return accept
