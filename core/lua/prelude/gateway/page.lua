-- The page that a browser is shown in development when a script failed: a report (gateway.report)
-- as HTML. It needs nothing from anywhere else, runs no script, and escapes whatever it shows.
local escape <const> = require "gateway.escape"
local highlight <const> = require "gateway.highlight"
local redact <const> = require "gateway.redact"
local style <const> = require "gateway.page_style"

local page <const> = {}

page.HEADERS = {
  ["content-type"] = "text/html; charset=utf-8",
  ["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'",
  ["cache-control"] = "no-store",
  ["x-content-type-options"] = "nosniff",
}

-- Fills each {} of `template` with the next value: escaped, unless it is { html = ... }.
local function html(template, ...)
  local values <const>, n = { ... }, 0
  return (template:gsub("{}", function()
    n = n + 1
    local value <const> = values[n]
    return type(value) == "table" and value.html or escape(value)
  end))
end

local function raw(text)
  return { html = text }
end

local function join(list, render)
  local parts <const> = {}
  for i, item in ipairs(list) do
    parts[i] = render(item)
  end
  return raw(table.concat(parts))
end

local function card(title, note, content)
  return html('<section><h2>{}<small>{}</small></h2>{}</section>', title, note, content)
end

local function milliseconds(ms)
  if ms >= 1000 then return ("%.2f s"):format(ms / 1000) end
  return ("%.1f ms"):format(ms)
end

-- --- the parts ---

local function head(told)
  local request <const>, place <const> = told.request, told.place
  return html([[
<header>
<p class="brand"><i></i>Moongate<span>development</span></p>
<p class="chips"><b class="{}">{} {}</b><span>{} {}</span><span>{}</span></p>
<h1>{}</h1>
<p class="place">{}{}</p>
</header>]],
    told.status >= 500 and "bad" or "warn", told.status, told.title,
    request.method, request.path, milliseconds(told.elapsed_ms),
    told.headline,
    place and ("%s:%d"):format(place.path, place.line) or "in no script",
    told.kind == "bug" and "" or (", %s %s"):format(told.is_bug and "stopped:" or "a failure:",
      told.kind))
end

local function source(told)
  if not told.excerpt then return "" end
  local rows <const> = join(told.excerpt, function(row)
    return html('<span class="{}"><i>{}</i><code>{}</code>\n</span>', row.marked and "hit" or "row",
      row.number, raw(highlight(row.text)))
  end)
  return card("Source", ("%s, line %d, as it is loaded"):format(told.place.path, told.place.line),
    raw('<pre class="code">' .. rows.html .. "</pre>"))
end

local function stack(told)
  if #told.frames == 0 then return "" end
  local frames <const> = join(told.frames, function(frame)
    return html("<li><b>{}:{}</b> <span>in {}</span></li>", frame.path, frame.line, frame.name)
  end)
  return card("Traceback", "in your files, innermost first", raw("<ol>" .. frames.html .. "</ol>"))
end

-- Where the call lies in the request's time, in per cent.
local function bar(call, elapsed_ms)
  local whole <const> = math.max(elapsed_ms, call.ended_ms, 0.001)
  local from <const> = math.max(0, call.ended_ms - call.duration_ms) / whole * 100
  return ("left:%.2f%%;width:%.2f%%"):format(from, math.max(0.8, call.duration_ms / whole * 100))
end

local function outcome(call)
  if call.failure and call.failure ~= "status" then return call.failure end
  return call.status or "none"
end

local function calls(told)
  if #told.calls == 0 then
    return card("Calls", "", raw '<p class="none">No backend was called.</p>')
  end
  local rows <const> = join(told.calls, function(call)
    local class <const> = call.failure and "bad" or "good"
    return html([[
<li><p><b>{}</b> <span class="target">{} {}</span></p>
<p><em class="{}">{}</em><span>{}{}</span></p>
<div class="time"><i class="{}" style="{}"></i></div></li>]],
      call.backend, call.method, call.path, class, outcome(call), milliseconds(call.duration_ms),
      call.attempts > 1 and (", %d attempts"):format(call.attempts) or "",
      class, bar(call, told.elapsed_ms))
  end)
  local more <const> = told.calls_not_shown
      and ("; the first ones, and %d more"):format(told.calls_not_shown) or ""
  return card("Calls",
    ("in the order they ended, over %s%s"):format(milliseconds(told.elapsed_ms), more),
    raw('<ul class="calls">' .. rows.html .. "</ul>"))
end

local function steps(title, list)
  if not list then return "" end
  local rows <const> = join(list, function(step)
    return html("<li><b>{}</b> <span>{} {}{}</span></li>", step.backend, step.method, step.path,
      step.reason and ": " .. step.reason or "")
  end)
  return card(title, "steps of a saga", raw("<ol>" .. rows.html .. "</ol>"))
end

local function pairs_of(title, list)
  if #list == 0 then return "" end
  local rows <const> = join(list, function(pair)
    local is_hidden <const> = pair.value == redact.HIDDEN
    return html('<dt>{}</dt><dd{}>{}</dd>', pair.name, raw(is_hidden and ' class="hidden"' or ""),
      is_hidden and "hidden" or pair.value)
  end)
  return html("<h3>{}</h3><dl>{}</dl>", title, rows)
end

local function request(told)
  local req <const> = told.request
  local body <const> = req.body and html("<h3>Body</h3><pre>{}</pre>", req.body) or ""
  return card("Request", ("route %s, from %s"):format(req.route, req.client), raw(table.concat {
    pairs_of("Parameters", req.params),
    pairs_of("Query", req.query),
    pairs_of("Headers", req.headers),
    body,
  }))
end

local function foot(told)
  return html([[
<footer><p>Correlation id <code>{}</code>: the log has the same id, and the whole traceback.</p>
<p>This page is for development. In production clients get status {} as problem+json, and nothing
of what stands here. Moongate {}</p></footer>]],
    told.correlation_id or "", told.status, told.version)
end

function page.of(told)
  return table.concat {
    html([[
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{} {}</title>
<style>{}</style></head><body>
]], told.status, told.headline, raw(style)),
    head(told), "<main>", source(told), stack(told), calls(told),
    steps("Undone", told.undone), steps("Not undone", told.undo_failed),
    request(told), foot(told), "</main></body></html>\n",
  }
end

return page
