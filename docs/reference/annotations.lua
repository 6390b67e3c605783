-- Reads core/lua/prelude/types.lua: its LuaCATS annotations as data, in the order of the file. For
-- docs/scripting.md and for the spec that compares the types with the code.
--
--     sections  { title, items }
--     items     class    { name, parent, text, fields, methods }
--               alias    { name, type, text }
--               function { name, owner, method, text, params, returns, overloads }
--     fields, params { name, optional, type, text }; returns { type, name, text }
local annotations <const> = {}

-- The type at the start of `text`, which may have spaces within brackets and after "," ":" and
-- "|", and what stands behind it.
local function split_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local c <const> = text:sub(at, at)
    if c:find "[%(<{%[]" then depth = depth + 1 end
    if c:find "[%)>}%]]" then depth = depth - 1 end
    if c == " " and depth == 0 and not text:sub(at - 1, at - 1):find "[,:|]"
      and not text:find("^ +|", at) then
      break
    end
    at = at + 1
  end
  return text:sub(1, at - 1), text:sub(at):match "^%s*(.-)%s*$"
end

local function read_variable(text)
  local name <const>, optional <const>, rest <const> = text:match "^(%S-)(%??)%s+(.*)$"
  if text:find "^%[" then -- [string] type: any name
    local key <const>, other <const> = text:match "^(%b[])%s+(.*)$"
    local of <const>, meaning <const> = split_type(other)
    return { name = key, type = of, text = meaning }
  end
  local of <const>, meaning <const> = split_type(rest)
  return { name = name, optional = optional == "?", type = of, text = meaning }
end

local function read_return(text)
  local of <const>, rest <const> = split_type(text)
  local name <const>, meaning <const> = rest:match "^([%a_][%w_]*)%s%s+(.*)$"
  return { type = of, name = name, text = meaning or rest }
end

-- --- blocks: the comment lines that stand together ---

-- Doc text, and the tags with their continuation lines joined.
local function read_block(lines)
  local text <const>, tags <const> = {}, {}
  for _, line in ipairs(lines) do
    local name <const>, rest <const> = line:match "^%-%-%-@(%a+)%s*(.*)$"
    local tag <const> = tags[#tags]
    if name then
      tags[#tags + 1] = { name = name, text = rest }
    elseif tag then
      tag.text = tag.text .. " " .. line:match "^%-%-%-%s*(.*)$"
    else
      text[#text + 1] = line:match "^%-%-%- ?(.*)$"
    end
  end
  return table.concat(text, "\n"), tags
end

local function read_class(tag, text)
  local name <const>, parent <const> = tag.text:match "^([%w_.]+)%s*:?%s*([%w_.]*)"
  return {
    kind = "class",
    name = name,
    parent = parent ~= "" and parent or nil,
    text = text,
    fields = {},
    methods = {},
  }
end

local function read_alias(tag, text)
  local name <const>, of <const> = tag.text:match "^([%w_.]+)%s+(.*)$"
  return { kind = "alias", name = name, type = of:gsub("^|%s*", ""), text = text }
end

-- A class or alias; nil for the tags of a function.
local function read_type(tags, text)
  local item
  for _, tag in ipairs(tags) do
    if tag.name == "class" then
      item = read_class(tag, text)
    elseif tag.name == "alias" then
      item = read_alias(tag, text)
    elseif tag.name == "field" then
      table.insert(item.fields, read_variable(tag.text))
    end
  end
  return item
end

local function read_function(owner, separator, name, tags, text)
  local item <const> = {
    kind = "function",
    name = name,
    owner = owner,
    method = separator == ":",
    text = text,
    params = {},
    returns = {},
    overloads = {},
  }
  for _, tag in ipairs(tags) do
    if tag.name == "param" then
      table.insert(item.params, read_variable(tag.text))
    elseif tag.name == "return" then
      table.insert(item.returns, read_return(tag.text))
    elseif tag.name == "overload" then
      table.insert(item.overloads, tag.text)
    end
  end
  return item
end

-- --- the file ---

local Reader <const> = {}
Reader.__index = Reader

function Reader:add(item)
  local section <const> = self.sections[#self.sections]
  if section then
    table.insert(section.items, item)
  else
    self.root = item -- the class gateway itself, before the first section
  end
  if item.kind == "class" then self.classes[item.name], self.last_class = item, item end
end

-- What follows the block decides what it is of.
function Reader:close(line)
  if #self.block == 0 then return end
  local text <const>, tags <const> = read_block(self.block)
  self.block = {}
  local item <const> = read_type(tags, text)
  if item then self:add(item) end
  self.pending = not item and line:find "^function" and { text = text, tags = tags } or nil
end

function Reader:declare(line)
  local variable <const> = line:match "^local ([%w_]+) = {}"
  if variable then self.variables[variable] = self.last_class end
  local owner <const>, separator <const>, name <const> =
    line:match "^function ([%w_]+)([.:])([%w_]+)%("
  if not owner then return end
  local found <const> = self.pending or { text = "", tags = {} }
  local class <const> = assert(self.variables[owner], "no class for " .. owner)
  local item <const> = read_function(class.name, separator, name, found.tags, found.text)
  item.class = class
  table.insert(class.methods, item)
  table.insert(self.sections[#self.sections].items, item)
  self.pending = nil
end

function Reader:read(line)
  local title <const> = line:match "^%-%- %-%-%- (.-) %-+$"
  if title then
    table.insert(self.sections, { title = title, items = {} })
  elseif line:find "^%-%-%-" and not line:find "^%-%-%-@meta" then
    table.insert(self.block, line)
  else
    self:close(line)
    self:declare(line)
  end
end

-- Sections, classes by name, and the root class.
function annotations.read(text)
  local reader <const> = setmetatable({
    sections = {}, classes = {}, variables = {}, block = {},
  }, Reader)
  for line in (text .. "\n"):gmatch "(.-)\n" do
    reader:read(line)
  end
  return { sections = reader.sections, classes = reader.classes, root = reader.root }
end

return annotations
