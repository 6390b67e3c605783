-- The reference as Markdown: what docs/reference/annotations.lua has read, in the same order.
local markdown <const> = {}

-- --- anchors, as GitHub makes them ---

local function slug(title)
  return (title:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

local Page <const> = {}
Page.__index = Page

function Page:write(text)
  self.parts[#self.parts + 1] = text
end

-- A heading that is there already gets a number.
function Page:anchor(title)
  local base <const> = slug(title)
  local n <const> = self.used[base] or 0
  self.used[base] = n + 1
  return n == 0 and base or ("%s-%d"):format(base, n)
end

local function title_of(item)
  if item.kind ~= "function" then return item.name end
  return item.owner .. (item.method and ":" or ".") .. item.name
end

local function is_shown(item)
  return item.kind ~= "function" or not item.joined
end

-- Functions without words of their own share those of the one before: get, head, delete.
local function join(section)
  local before
  for _, item in ipairs(section.items) do
    local is_function <const> = item.kind == "function"
    if is_function and item.text == "" and before and before.class == item.class then
      item.joined = true
      table.insert(before.same, item)
    else
      before = is_function and item or nil
      if before then before.same = { item } end
    end
  end
end

-- --- parts ---

local function cell(text)
  return (text:gsub("|", "\\|"))
end

-- Words as Markdown: it would take <close> for HTML.
local function words(text)
  return (text:gsub("<", "&lt;"))
end

-- A type in code, its classes as links.
function Page:type(text)
  local parts <const>, at = {}, 1
  local function code(piece)
    if piece ~= "" then parts[#parts + 1] = "`" .. piece .. "`" end
  end
  for from, name, to in text:gmatch "()(gateway%.[%w_]+)()" do
    local anchor <const> = self.anchors[name]
    if anchor then
      code(text:sub(at, from - 1))
      parts[#parts + 1] = ("[`%s`](#%s)"):format(name, anchor)
      at = to
    end
  end
  code(text:sub(at))
  return cell(table.concat(parts))
end

-- "seconds; default 5. More" -> "seconds. More", "5"
local function split_default(text)
  local before <const>, rest <const> = text:match "^(.-);?%s*%f[%a][Dd]efault:?%s+(.*)$"
  if not before or before:find "[%w]$" and before:find "%f[%a]a$" then return text, "" end
  local value, after = rest:match "^(.-)%.%s+(%u.*)$"
  value, after = value or rest, after or ""
  local meaning <const> = before .. (before ~= "" and after ~= "" and ". " or "") .. after
  return meaning, (value:gsub("%.$", ""))
end

local function capital(text)
  return (text:gsub("^%l", string.upper))
end

function Page:variables(list, heading)
  local has_default = false
  for _, one in ipairs(list) do
    has_default = has_default or select(2, split_default(one.text)) ~= ""
  end
  self:write(("| %s | type |%s meaning |\n|---|---|%s---|\n"):format(heading,
    has_default and " default |" or "", has_default and "---|" or ""))
  for _, one in ipairs(list) do
    local meaning <const>, default <const> = split_default(one.text)
    self:write(("| `%s%s` | %s |%s %s |\n"):format(one.name, one.optional and "?" or "",
      self:type(one.type), has_default and " " .. cell(default) .. " |" or "",
      words(cell(capital(meaning)))))
  end
  self:write "\n"
end

local function has_text(list)
  for _, one in ipairs(list) do
    if one.text ~= "" then return true end
  end
end

-- Doc text: what is indented by four more is an example.
function Page:text(text)
  local in_code = false
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local code <const> = line:match "^    (.*)$"
    if code and not in_code then self:write "\n```lua\n" end
    if not code and in_code then self:write "```\n" end
    in_code = code ~= nil
    if code or line ~= "" then self:write((code or words(line)) .. "\n") end
  end
  self:write(in_code and "```\n\n" or "\n")
end

local function signature(item)
  local names <const> = {}
  for i, param in ipairs(item.params) do
    names[i] = param.optional and "[" .. param.name .. "]" or param.name
  end
  local subject <const> = item.owner:match "[%w_]+$"
  local prefix <const> = item.owner == "gateway" and "gateway." or item.method
    and subject:lower() .. ":" or item.owner .. "."
  local returned <const> = {}
  for i, one in ipairs(item.returns) do
    returned[i] = one.type
  end
  return ("%s%s(%s)%s"):format(prefix, item.name, table.concat(names, ", "),
    #returned > 0 and " -> " .. table.concat(returned, ", ") or "")
end

function Page:returns(list)
  for _, one in ipairs(list) do
    if one.text ~= "" and one.text ~= "..." then
      self:write(("Returns %s%s: %s\n\n"):format(self:type(one.type),
        one.name and " `" .. one.name .. "`" or "", one.text))
    end
  end
end

function Page:func(item)
  self:write "```lua\n"
  for _, one in ipairs(item.same) do
    self:write(signature(one) .. "\n")
  end
  for _, overload in ipairs(item.overloads) do
    self:write("-- or " .. overload .. "\n")
  end
  self:write "```\n\n"
  self:text(item.text)
  if #item.params > 0 then
    local worth <const> = has_text(item.params) or item.params[1].type:find "gateway%."
    if worth then self:variables(item.params, "parameter") end
  end
  self:returns(item.returns)
end

function Page:class(item)
  self:text(item.text)
  if item.parent then
    self:write(("Has all of %s as well.\n\n"):format(self:type(item.parent)))
  end
  if #item.fields > 0 then self:variables(item.fields, "field") end
end

function Page:alias(item)
  self:text(item.text)
  self:write(self:type(item.type):gsub("\\|", "|") .. "\n\n")
end

-- --- the page ---

local RENDER <const> = { class = Page.class, alias = Page.alias, ["function"] = Page.func }

local function each(read, fn)
  for _, section in ipairs(read.sections) do
    fn(section)
    for _, item in ipairs(section.items) do
      if is_shown(item) then fn(section, item) end
    end
  end
end

function Page:contents(read)
  each(read, function(section, item)
    if not item then
      self:write(("\n**[%s](#%s)**: "):format(capital(section.title), section.anchor))
      section.first = true
    else
      local short <const> = title_of(item):gsub("^gateway%.", "")
      self:write(("%s[%s](#%s)"):format(section.first and "" or ", ", short, item.anchor))
      section.first = false
    end
  end)
  self:write "\n\n"
end

-- `read`: of annotations.read(); `head`: Markdown that goes before it.
function markdown.render(read, head)
  local page <const> = setmetatable({ parts = {}, used = {}, anchors = {} }, Page)
  for title in ("\n" .. head):gmatch "\n#+ ([^\n]+)" do
    page:anchor(title)
  end
  for _, section in ipairs(read.sections) do
    join(section)
  end
  each(read, function(section, item)
    if item then
      item.anchor = page:anchor(title_of(item))
      if item.kind ~= "function" then page.anchors[item.name] = item.anchor end
    else
      section.anchor = page:anchor(capital(section.title))
    end
  end)
  page:write(head)
  page:contents(read)
  page:variables(read.root.fields, "of `gateway` itself")
  each(read, function(section, item)
    if not item then
      page:write(("## %s\n\n"):format(capital(section.title)))
    else
      page:write(("### %s\n\n"):format(title_of(item)))
      RENDER[item.kind](page, item)
    end
  end)
  return table.concat(page.parts):gsub("\n\n\n+", "\n\n"):gsub("\n+$", "\n")
end

return markdown
