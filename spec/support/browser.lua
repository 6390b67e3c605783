-- Debian's Chromium, driven without a window by chromedriver, which speaks WebDriver: JSON over
-- HTTP. One browser is one session with a profile of its own; close() ends both.
local cjson <const> = require "cjson"
local files <const> = require "support.files"
local http <const> = require "support.http"
local poll <const> = require "support.poll"
local process <const> = require "support.process"

local browser <const> = {}

local Browser <const> = {}
Browser.__index = Browser

-- What would make it call home, or look at this machine, is off.
local FLAGS <const> = {
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-extensions", "--disable-default-apps", "--no-default-browser-check",
  "--hide-scrollbars", "--disable-dev-shm-usage", "--force-color-profile=srgb",
}

local KEYS <const> = { Tab = "\u{E004}", Enter = "\u{E007}", Escape = "\u{E00C}" }

local function capabilities(folder)
  local arguments <const> = { "--user-data-dir=" .. folder }
  table.move(FLAGS, 1, #FLAGS, 2, arguments)
  return { capabilities = { alwaysMatch = {
    browserName = "chrome",
    ["goog:chromeOptions"] = { args = arguments },
    ["goog:loggingPrefs"] = { browser = "ALL", performance = "ALL" },
  } } }
end

local function environment(folder)
  local pipe <close> = assert(io.popen "pwd")
  local preloaded <const> = pipe:read "l" .. "/build/spec/no_netlink.so"
  return { HOME = folder, TMPDIR = folder, LD_PRELOAD = preloaded }
end

local function ask(self, method, path, json)
  local host <const> = "127.0.0.1:" .. self.port
  local response <const> = http.request(self.port, method, path, { host = host, json = json })
  local value <const> = response.json and response.json.value
  if response.status ~= 200 then error(("%s %s: %s"):format(method, path, response.body), 0) end
  return value
end

local function in_session(self, method, path, json)
  return ask(self, method, "/session/" .. self.session .. path, json)
end

function browser.open()
  local self <const> = setmetatable({}, Browser)
  local folder <const> = files.folder()
  self.driver = process.start({ "chromedriver", "--port=0" }, environment(folder))
  self.port = poll("chromedriver", function()
    local code <const> = self.driver:exit_code()
    if code then error("chromedriver: " .. self.driver:errors(), 0) end
    return math.tointeger(self.driver:output():match "successfully on port (%d+)")
  end)
  self.session = ask(self, "POST", "/session", capabilities(folder)).sessionId
  self:resize(1280, 900)
  return self
end

-- Ends it as it is meant to end, so that nothing is left for process.end_all() to complain of.
function Browser:close()
  in_session(self, "DELETE", "")
  pcall(ask, self, "GET", "/shutdown")
  self.driver:expect(self.driver:wait(), self.driver:errors())
end

function Browser:go(url)
  in_session(self, "POST", "/url", { url = url })
end

-- Runs a function's body in the page, with `arguments` in its `arguments`; what it returns.
function Browser:run(script, ...)
  local arguments <const> = select("#", ...) > 0 and { ... } or { false } -- {} would be an object
  local json <const> = { script = script, args = arguments }
  local value <const> = in_session(self, "POST", "/execute/sync", json)
  if value == cjson.null then return nil end
  return value
end

-- DevTools, for what WebDriver has no word for.
function Browser:devtools(command, parameters)
  return in_session(self, "POST", "/goog/cdp/execute", { cmd = command, params = parameters })
end

-- `scale`: pixels of the screen for each of the page's, 1 if it is not said.
function Browser:resize(width, height, scale)
  self:devtools("Emulation.setDeviceMetricsOverride",
    { width = width, height = height, deviceScaleFactor = scale or 1, mobile = width < 500 })
end

-- "light" or "dark", and "reduce" for who wants no motion.
function Browser:prefer(scheme, motion)
  self:devtools("Emulation.setEmulatedMedia", { features = {
    { name = "prefers-color-scheme", value = scheme },
    { name = "prefers-reduced-motion", value = motion or "no-preference" },
  } })
end

-- --- what is there ---

-- The text that is seen of the first element that fits; nil if there is none, or it is hidden.
function Browser:text(selector)
  return self:run([[
    const node = document.querySelector(arguments[0]);
    return node && node.checkVisibility() ? node.innerText : null;
  ]], selector)
end

-- Waits until the element is there and its text has this in it (plain); the text.
function Browser:await(selector, part)
  local last
  local ok <const>, text <const> = pcall(poll, selector, function()
    last = self:text(selector)
    return last and (not part or last:find(part, 1, true)) and last
  end)
  if not ok then error(("in vain: %s in %s, which says: %s"):format(part, selector, last), 2) end
  return text
end

function Browser:await_none(selector)
  poll("the end of " .. selector, function() return self:text(selector) == nil end)
end

local function find(self, selector)
  local wanted <const> = { using = "css selector", value = selector }
  return select(2, next(in_session(self, "POST", "/element", wanted)))
end

-- --- what a person does ---

function Browser:click(selector)
  in_session(self, "POST", "/element/" .. find(self, selector) .. "/click", cjson.decode "{}")
end

function Browser:type(selector, text)
  in_session(self, "POST", "/element/" .. find(self, selector) .. "/value", { text = text })
end

-- Presses keys one after the other, on whatever has the focus: "Tab", "Enter", "Escape", "a".
function Browser:press(...)
  local actions <const> = {}
  for _, name in ipairs { ... } do
    local key <const> = KEYS[name] or name
    actions[#actions + 1] = { type = "keyDown", value = key }
    actions[#actions + 1] = { type = "keyUp", value = key }
  end
  local keyboard <const> = { type = "key", id = "keyboard", actions = actions }
  in_session(self, "POST", "/actions", { actions = { keyboard } })
end

-- --- what else happened ---

-- What the console has complained of since it was last asked, as one text.
function Browser:complaints()
  local lines <const> = {}
  for _, entry in ipairs(in_session(self, "POST", "/se/log", { type = "browser" })) do
    local is_bad <const> = entry.level == "SEVERE" or entry.level == "WARNING"
    if is_bad then lines[#lines + 1] = entry.message end
  end
  return table.concat(lines, "\n")
end

-- The addresses that were asked for since this was last called.
function Browser:requested()
  local addresses <const> = {}
  for _, entry in ipairs(in_session(self, "POST", "/se/log", { type = "performance" })) do
    local message <const> = cjson.decode(entry.message).message
    if message.method == "Network.requestWillBeSent" then
      addresses[#addresses + 1] = message.params.request.url
    end
  end
  return addresses
end

-- Writes what is seen as PNG.
function Browser:photograph(path)
  local pipe <close> = assert(io.popen("base64 -d >" .. files.quote(path), "w"))
  pipe:write(in_session(self, "GET", "/screenshot"))
end

return browser
