-- Whether a client would rather read HTML than JSON, by its Accept header (RFC 9110, 12.5.1). Who
-- takes anything gets JSON; a browser names text/html.
local accepts <const> = {}

-- How exactly `range` names `media_type`: 3, 2 for "text/*", 1 for "*/*", 0 if it does not.
local function precision(range, media_type)
  if range == media_type then return 3 end
  if range == media_type:match "^[^/]+" .. "/*" then return 2 end
  return range == "*/*" and 1 or 0
end

-- The weight of `media_type`, by the most precise range that names it, and how precise that is.
local function weigh(header, media_type)
  local best, weight = 0, 0
  for entry in header:gmatch "[^,]+" do
    local range <const> = entry:match "^%s*([^;%s]+)"
    local level <const> = range and precision(range, media_type) or 0
    if level > best then
      best, weight = level, tonumber(entry:match ";%s*q=([%d.]+)") or 1
    end
  end
  return weight, best
end

function accepts.html(header)
  if type(header) ~= "string" then return false end
  local lower <const> = header:lower()
  local html <const>, html_precision <const> = weigh(lower, "text/html")
  local json <const>, json_precision <const> = weigh(lower, "application/json")
  local problem <const>, problem_precision <const> = weigh(lower, "application/problem+json")
  local other <const> = math.max(json, problem)
  if html ~= other then return html > other end
  return html > 0 and html_precision > math.max(json_precision, problem_precision)
end

return accepts
