-- Processes under test. The shell that starts one waits for it, so that its output and exit code
-- end up in files; it is told to end by its pid. Each spec file has teardown(process.end_all).
local files <const> = require "support.files"
local poll <const> = require "support.poll"

local process <const> = {}

local Process <const> = {}
Process.__index = Process

local all <const> = {}

local IN_ORDER <const> = { code = 0, errors = "" }
local KILLED <const> = 137

-- A sanitizer that finds something must be seen: by an exit code of its own, and on standard error.
local SANITIZERS <const> = {
  ASAN_OPTIONS = "exitcode=99:detect_stack_use_after_return=1",
  UBSAN_OPTIONS = "halt_on_error=1:exitcode=99:print_stacktrace=1",
}

-- The inner shell becomes the process, so its pid is the process's. The limit leaves room for some
-- thousand connections.
local SCRIPT <const> = [[
  ulimit -S -n 4096 2>/dev/null
  {
    sh -c 'echo $$ >"$0/pid"; exec "$@" >"$0/out" 2>"$0/err"' %s env -i %s
    echo $? >%s/code
  } </dev/null >/dev/null 2>&1 &
]]

local function words_of(command, environment)
  local words <const> = { files.quote("PATH=" .. os.getenv "PATH") }
  for _, variables in ipairs { SANITIZERS, environment } do
    for name, value in pairs(variables) do
      words[#words + 1] = files.quote(("%s=%s"):format(name, value))
    end
  end
  for _, word in ipairs(command) do
    words[#words + 1] = files.quote(tostring(word))
  end
  return table.concat(words, " ")
end

-- Starts `command`, a list of words. Of our own environment it inherits nothing but PATH.
function process.start(command, environment)
  local folder <const> = files.folder()
  os.execute(SCRIPT:format(folder, words_of(command, environment or {}), folder))
  local self <const> = setmetatable({ folder = folder, name = table.concat(command, " ") }, Process)
  self.pid = poll("a pid", function() return files.read(folder .. "/pid"):match "^(%d+)\n" end)
  all[#all + 1] = self
  return self
end

-- Runs it to its end. Returns exit code, standard output, standard error.
function process.run(command, environment)
  local self <const> = process.start(command, environment)
  local code <const>, errors <const> = self:wait(), self:errors()
  self:expect(code, errors)
  return code, self:output(), errors
end

function Process:output()
  return files.read(self.folder .. "/out")
end

function Process:errors()
  return files.read(self.folder .. "/err")
end

-- The exit code, as a shell tells it (a signal is 128 more); nil while it runs.
function Process:exit_code()
  return tonumber(files.read(self.folder .. "/code"):match "^(%d+)\n")
end

function Process:signal(name)
  os.execute(("kill -%s %s 2>/dev/null"):format(name, self.pid))
end

-- Waits for the end of the process and returns its exit code.
function Process:wait()
  return poll("the end of " .. self.name, function() return self:exit_code() end)
end

-- Says how it is to end, where that is not in order: exit code and standard error.
function Process:expect(code, errors)
  self.expected = { code = code, errors = errors or "" }
end

-- As a crash would: without a chance to clean up.
function Process:kill()
  self:expect(KILLED)
  self:signal "KILL"
  self:wait()
end

-- Whether a process of this pid is there; one that ended and was not asked for its code is not.
function process.exists(pid)
  local state <const> = files.read(("/proc/%s/stat"):format(pid)):match "^.*%) (%a)"
  return state ~= nil and state ~= "Z"
end

-- Returns what is wrong with how it ends, or nil.
local function end_one(self)
  if not self:exit_code() then self:signal "TERM" end
  local has_ended <const>, code <const> = pcall(self.wait, self)
  if not has_ended then
    self:kill()
    return self.name .. " would not end"
  end
  local errors <const>, expected <const> = self:errors(), self.expected or IN_ORDER
  if code == expected.code and errors == expected.errors then return nil end
  return ("%s: exit code %d: %s"):format(self.name, code, errors)
end

-- For the teardown: ends what still runs, the last one first, so that the gateway goes before what
-- it calls. Raises what was wrong with any of the processes; in any case nothing is left.
function process.end_all()
  local complaints <const> = {}
  for i = #all, 1, -1 do
    complaints[#complaints + 1] = end_one(all[i])
    assert(not process.exists(all[i].pid), all[i].name .. " is still there")
    all[i] = nil
  end
  files.remove_all()
  if #complaints > 0 then error(table.concat(complaints, "\n"), 0) end
end

return process
