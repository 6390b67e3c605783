-- Text as HTML: fit for an element's content and for a quoted attribute.
local text <const> = require "gateway.text"

local ENTITIES <const> = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

-- A control character, which HTML has no way to say, is shown as U+FFFD.
return function(value)
  return (text.printable(tostring(value))
    :gsub("[&<>\"']", ENTITIES)
    :gsub("[\0-\8\11-\31\127]", "\u{FFFD}"))
end
