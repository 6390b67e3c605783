-- Files of one spec file: folders for logs and scripts, all below one that remove_all() removes.
local files <const> = {}

local root

-- For sh: one word, whatever is in it.
function files.quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

local function first_line_of(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "l"
end

local function read_from(file)
  local text <const> = file:read "a"
  file:close()
  return text
end

-- The text of a file, "" if there is no such file yet.
function files.read(path)
  local file <const> = io.open(path, "rb")
  return file and read_from(file) or ""
end

function files.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

-- A new folder with these files in it, by name ("lib/x.lua" in a folder of its own); its path.
function files.folder(texts)
  root = root or first_line_of "mktemp -d /tmp/moongate-spec.XXXXXX"
  local folder <const> = first_line_of("mktemp -d " .. root .. "/XXXXXX")
  for name, text in pairs(texts or {}) do
    local inner <const> = name:match "^(.*)/"
    if inner then os.execute("mkdir -p " .. files.quote(folder .. "/" .. inner)) end
    files.write(folder .. "/" .. name, text)
  end
  return folder
end

function files.remove_all()
  if root then os.execute("rm -rf " .. files.quote(root)) end
  root = nil
end

-- Mounts a small disk of its own there; false where this machine does not let us.
function files.mount(path, size)
  local command <const> = "mount -t tmpfs -o size=%s none %s 2>/dev/null"
  return os.execute(command:format(size, files.quote(path))) == true
end

function files.unmount(path)
  os.execute("umount " .. files.quote(path))
end

-- Writes there until nothing more fits.
function files.fill(path)
  local filler <const> = assert(io.open(path, "wb"))
  repeat
    local ok <const> = filler:write(("x"):rep(1024)) and filler:flush()
  until not ok
  filler:close()
end

return files
