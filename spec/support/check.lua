-- `moongate check` in the spec's own process: what is wrong with the files of a table (path ->
-- text), as lines "file:line:column: message", and the summary of --run.
require "support.world"
local check <const> = require "gateway.check.scripts"
local smoke <const> = require "gateway.check.smoke"

local function lines_of(findings)
  local lines <const> = {}
  for i, finding in ipairs(findings:sorted()) do
    lines[i] = ("%s:%d:%d: %s%s"):format(finding.file, finding.line, finding.column,
      finding.severity == "warning" and "warning: " or "", finding.message)
  end
  return lines
end

-- options: run; server (what the server says of the scripts, if it does not load them)
return function(sources, options)
  options = options or {}
  if type(sources) == "string" then sources = { ["init.lua"] = sources } end
  local findings <const>, loading <const> = check {
    sources = sources,
    load = function() return not options.server, options.server end,
  }
  local ran
  if options.run then ran = table.pack(smoke(loading, findings)) end
  return lines_of(findings), ran
end
