-- All that is wrong with a scripts folder. Scripts are looked at twice: their text, by the rules of
-- the modules beside this file, and what they do as they load.
local call_rules <const> = require "gateway.check.calls"
local field_rules <const> = require "gateway.check.fields"
local files <const> = require "gateway.check.files"
local Findings <const> = require "gateway.check.findings"
local lexer <const> = require "gateway.check.lexer"
local Loading <const> = require "gateway.check.loading"
local parse <const> = require "gateway.check.parser"
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
      broken[path] = type(reason) == "string" and reason or "it is nested too deeply"
    end
    all[path] = parsed[path] or { tokens = lexer.tokens(text), nodes = {} }
  end
  return parsed, all, broken
end

-- Where the compiler itself gives up, it names no place, and a traceback follows.
local function add_syntax(findings, path, reason)
  reason = reason:match "^[^\n]*"
  local line <const>, message <const> = reason:match "^.-:(%d+): (.*)$"
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
            message = loading:hint(message),
          }
        end
      end
    end
  end
end

local function any(set, other)
  for key in next, set do
    if other[key] then return true end
  end
  return false
end

-- Files that are not the gateway's, and what is wrong with them, are warnings: it does not load
-- them.
local function look_at_unused(all, reached, findings)
  for path in next, all do
    if not reached[path] then
      findings:add {
        file = path, line = 1, column = 1, severity = "warning", rule = "unused-file",
        message = "is not required by init.lua, so it is not part of the gateway",
      }
    end
  end
  for _, finding in ipairs(findings.list) do
    if not reached[finding.file] then finding.severity = "warning" end
  end
end

-- --- the options that are wrong, one by one ---

-- An option's own place, where a declaration says which one it is.
local function place_of_option(file, finding)
  local message <const> = finding.message
  local name <const> = message:match "option '([%w_.]+)'" or message:match "': ([%w_.]+) must "
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

-- What the server itself says, a line for each mistake, so that nothing passes here that does not
-- load there.
local function ask_server(context, findings, sources)
  for _, finding in ipairs(findings.list) do
    if finding.severity == "error" then return end
  end
  local ok <const>, reasons <const> = context.load()
  for reason in (ok and "" or reasons):gmatch "[^\n]+" do
    local file <const>, line <const>, message <const> = reason:match "^([^:]+):(%d+): (.*)$"
    if file and sources[file] then
      findings:add { file = file, line = tonumber(line), rule = "load", message = message }
    else
      findings:add { file = "init.lua", line = 1, rule = "load", message = reason }
    end
  end
end

local function forget_others(others, ...)
  for _, set in ipairs { ... } do
    for path in next, others do
      set[path] = nil
    end
  end
end

-- context: sources (path -> text), load (the server's own: true, or false and the reason). Returns
-- the findings, and what was loaded.
return function(context)
  local parsed <const>, all <const>, broken <const> = read_all(context.sources)
  local findings <const> = Findings.new(all)
  local loading <const> = Loading.run(context.sources, findings, broken)
  local reached <const> = files.reached(all, loading.loaded)
  forget_others(files.of_others(context.sources, reached), parsed, all, broken)
  for path, reason in next, broken do
    add_syntax(findings, path, reason)
  end
  local has_loaded <const> = not any(broken, reached) and not findings:has "load"
  local values <const> = Values.new(loading)
  look_at_globals(parsed, loading, findings)
  look_at_requires(parsed, loading, findings)
  field_rules(parsed, values, findings)
  call_rules(parsed, loading, values, findings)
  refine(findings, parsed)
  if has_loaded then look_at_unused(all, reached, findings) end
  ask_server(context, findings, context.sources)
  return findings, loading
end
