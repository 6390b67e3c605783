-- What is wrong, collected: each finding once, sorted by file and line, with the column of what its
-- message names.
local Findings <const> = {}
Findings.__index = Findings

-- `files`: path -> { tokens, nodes }, for the columns.
function Findings.new(files)
  return setmetatable({ list = {}, known = {}, files = files }, Findings)
end

-- Names in messages may stand in the text as strings.
local function says(token, word)
  return token.text == word or token.kind == "string" and token.text:sub(2, -2) == word
end

local function find_token(tokens, line, word)
  for _, token in ipairs(tokens) do
    if token.line == line and (not word or says(token, word)) then return token end
  end
end

-- Of the words that the message quotes, the first that stands in the line; else the line's first.
local function column_of(tokens, line, message)
  local near <const> = message:match "near '(.-)'$"
  local found = near and find_token(tokens, line, near)
  for word in message:gmatch "'([^']*)'" do
    found = found or find_token(tokens, line, word)
  end
  found = found or find_token(tokens, line)
  return found and found.column or 1
end

-- finding: { file, line, column, severity, rule, message }; column and severity ("error") may be
-- left out.
function Findings:add(finding)
  local key <const> = ("%s:%d:%s"):format(finding.file, finding.line, finding.message)
  if self.known[key] then return end
  self.known[key] = true
  finding.severity = finding.severity or "error"
  local file <const> = self.files[finding.file]
  finding.column = finding.column
    or file and column_of(file.tokens, finding.line, finding.message) or 1
  self.list[#self.list + 1] = finding
end

function Findings:count(severity)
  local n = 0
  for _, finding in ipairs(self.list) do
    if finding.severity == severity then n = n + 1 end
  end
  return n
end

function Findings:has(rule)
  for _, finding in ipairs(self.list) do
    if finding.rule == rule then return true end
  end
  return false
end

function Findings:has_at(file, line)
  for _, finding in ipairs(self.list) do
    if finding.file == file and finding.line == line then return true end
  end
  return false
end

local function comes_first(a, b)
  if a.file ~= b.file then return a.file < b.file end
  if a.line ~= b.line then return a.line < b.line end
  if a.column ~= b.column then return a.column < b.column end
  return a.message < b.message
end

function Findings:sorted()
  table.sort(self.list, comes_first)
  return self.list
end

return Findings
