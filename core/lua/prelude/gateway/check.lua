-- `moongate check`: tells what is wrong with a scripts folder. Returns the command, whose result is
-- the exit code: 0, or 1 if there are errors; warnings are none.
local json <const> = require "gateway.json"
local check <const> = require "gateway.check.scripts"
local smoke <const> = require "gateway.check.smoke"
local text <const> = require "gateway.text"

-- A message may quote bytes of a script that are no UTF-8.
local function quote(value)
  return json.encode(text.printable(value))
end

local function print_json(findings)
  local lines <const> = {}
  for i, finding in ipairs(findings:sorted()) do
    lines[i] = ('{"file":%s,"line":%d,"column":%d,"severity":%s,"rule":%s,"message":%s}'):format(
      quote(finding.file), finding.line, finding.column, quote(finding.severity),
      quote(finding.rule), quote(finding.message))
  end
  print("[" .. table.concat(lines, ",\n ") .. "]")
end

local function print_lines(findings)
  for _, finding in ipairs(findings:sorted()) do
    io.stderr:write(("%s:%d:%d: %s%s\n"):format(finding.file, finding.line, finding.column,
      finding.severity == "warning" and "warning: " or "", finding.message))
  end
end

local function plural(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or "s")
end

local function verdict(findings)
  local parts <const> = {}
  for _, severity in ipairs { "error", "warning" } do
    local n <const> = findings:count(severity)
    if n > 0 then parts[#parts + 1] = plural(n, severity) end
  end
  return #parts > 0 and table.concat(parts, ", ") or "nothing wrong"
end

local function ran(called, never_ran, unsure)
  if not called then return "" end
  local parts <const> = { ("; %d called"):format(called) }
  if never_ran > 0 then parts[#parts + 1] = plural(never_ran, "handler") .. " never ran" end
  if unsure > 0 then parts[#parts + 1] = ("%d stopped at a made-up answer"):format(unsure) end
  return table.concat(parts, ", ")
end

return function(context)
  local findings <const>, loading <const> = check(context)
  local called, never_ran, unsure
  if context.arguments:find("--run", 1, true) then
    called, never_ran, unsure = smoke(loading, findings)
  end
  local errors <const> = findings:count "error"
  if context.arguments:find("--json", 1, true) then
    print_json(findings)
  else
    print_lines(findings)
    local out <const> = errors > 0 and io.stderr or io.stdout
    out:write(("%s: %s, %s%s\n"):format(context.folder, plural(#loading.world.routes, "route"),
      verdict(findings), ran(called, never_ran, unsure)))
  end
  return errors > 0 and 1 or 0
end
