-- `moongate check`: all that is wrong with a scripts folder, without serving it. Scripts are looked
-- at twice: their text, by the rules of the modules beside this file, and what it does as it loads.
-- Returns the command, whose result is the exit code: 0, or 1 if there are errors.
local json <const> = require "gateway.json"
local call_rules <const> = require "gateway.check.calls"
local field_rules <const> = require "gateway.check.fields"
local files <const> = require "gateway.check.files"
local Findings <const> = require "gateway.check.findings"
local lexer <const> = require "gateway.check.lexer"
local Loading <const> = require "gateway.check.loading"
local parse <const> = require "gateway.check.parser"
local smoke <const> = require "gateway.check.smoke"
local Values <const> = require "gateway.check.values"

-- --- the text ---

-- The parsed files by path; what does not compile has tokens only, and its error by path.
local function read_all(sources)
  local parsed <const>, all <const>, broken <const> = {}, {}, {}
  for path, text in next, sources do
    local ok <const>, reason <const> = load(text, "@" .. path, "t", {})
    if ok then
      parsed[path] = parse(text)
    else
      broken[path] = reason
    end
    all[path] = parsed[path] or { tokens = lexer.tokens(text), nodes = {} }
  end
  return parsed, all, broken
end

local function add_syntax(findings, path, reason)
  local line <const>, message <const> = reason:match ":(%d+): (.*)$"
  findings:add {
    file = path, line = tonumber(line) or 1, rule = "syntax", message = message or reason,
  }
end

local function look_at_globals(parsed, loading, findings)
  for path, file in next, parsed do
    for _, node in ipairs(file.nodes) do
      if node.global and node.written then
        findings:add(loading:global_write(path, node.line, node.name, node.column))
      elseif node.global and rawget(loading.known, node.name) == nil then
        findings:add(loading:unknown_global(path, node.line, node.name, node.column))
      end
    end
  end
end

-- A module that a function requires when it is called.
local function look_at_requires(parsed, loading, findings)
  for path, file in next, parsed do
    for _, node in ipairs(file.nodes) do
      local module <const> = node.inner and Values.required(node)
      if module and not loading:path_of(module) then
        local ok <const>, raised <const> = pcall(loading.require_module, module)
        local message <const> = not ok and tostring(raised):match "module '.*"
        if message then
          findings:add {
            file = path, line = node.line, column = node.args[1].column, rule = "load",
            message = message,
          }
        end
      end
    end
  end
end

local function look_at_unused(all, reached, findings)
  for path in next, all do
    if not reached[path] then
      findings:add {
        file = path, line = 1, column = 1, severity = "warning", rule = "unused-file",
        message = "is not required by init.lua, so it is not part of the gateway",
      }
    end
  end
end

-- --- the options that are wrong, one by one ---

-- An option's own place, where a declaration says which one it is.
local function place_of_option(file, finding)
  local name <const> = finding.message:match "option '([%w_.]+)'"
  local key <const> = name and name:match "[%w_]+$"
  if not key then return nil end
  for _, node in ipairs(file.nodes) do
    if node.kind == "table" and node.line >= finding.line and node.line <= finding.line + 20 then
      for _, field in ipairs(node.fields) do
        if field.key == key then return field end
      end
    end
  end
end

local function refine(findings, parsed)
  for _, finding in ipairs(findings.list) do
    local file <const> = finding.rule == "declaration" and parsed[finding.file]
    local place <const> = file and place_of_option(file, finding)
    if place then
      finding.line, finding.column = place.line, place.column
    end
  end
end

-- --- all of it ---

-- What the server itself says, so that nothing passes here that does not load there.
local function ask_server(context, findings, sources)
  for _, finding in ipairs(findings.list) do
    if finding.severity == "error" then return end
  end
  local ok <const>, reason <const> = context.load()
  if ok then return end
  local file <const>, line <const>, message <const> = reason:match "^([^:\n]+):(%d+): (.*)$"
  if file and sources[file] then
    findings:add { file = file, line = tonumber(line), rule = "load", message = message }
  else
    findings:add { file = "init.lua", line = 1, rule = "load", message = reason }
  end
end

local function forget_others(others, ...)
  for _, set in ipairs { ... } do
    for path in next, others do
      set[path] = nil
    end
  end
end

-- Returns the findings, and what was loaded.
local function check(context)
  local parsed <const>, all <const>, broken <const> = read_all(context.sources)
  local findings <const> = Findings.new(all)
  local loading <const> = Loading.run(context.sources, findings)
  local reached <const> = files.reached(parsed, loading.loaded)
  forget_others(files.of_others(context.sources, reached), parsed, all, broken)
  for path, reason in next, broken do
    add_syntax(findings, path, reason)
  end
  if not (findings:has "syntax" or findings:has "load") then
    look_at_unused(all, reached, findings)
  end
  local values <const> = Values.new(loading)
  look_at_globals(parsed, loading, findings)
  look_at_requires(parsed, loading, findings)
  field_rules(parsed, values, findings)
  call_rules(parsed, loading, values, findings)
  refine(findings, parsed)
  ask_server(context, findings, context.sources)
  return findings, loading
end

-- --- telling ---

local function print_json(findings)
  local lines <const> = {}
  for i, finding in ipairs(findings:sorted()) do
    lines[i] = ('{"file":%s,"line":%d,"column":%d,"severity":%s,"rule":%s,"message":%s}'):format(
      json.encode(finding.file), finding.line, finding.column, json.encode(finding.severity),
      json.encode(finding.rule), json.encode(finding.message))
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
  local text = ("; %s called"):format(called)
  if never_ran > 0 then text = ("%s, %s never ran"):format(text, plural(never_ran, "handler")) end
  if unsure > 0 then text = ("%s, %d stopped at a made-up answer"):format(text, unsure) end
  return text
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
