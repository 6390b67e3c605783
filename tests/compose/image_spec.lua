local cjson <const> = require "cjson"
local files <const> = require "support.files"
local poll <const> = require "support.poll"
local stack <const> = require "stack"

local IMAGE <const> = os.getenv "MOONGATE_IMAGE"
local BASE <const> = "debian:bookworm-slim"
local MB <const> = 1000 * 1000

-- debian:bookworm-slim has 75 MB where it comes from; one that was made locally may have more.
local MOST <const> = (120 - 75) * MB


local function inspect(image, format)
  return stack.run("docker image inspect -f %s %s", files.quote(format), image)
end


describe("the image", function()
  teardown(files.remove_all)

  it("is small", function()
    local size <const> = tonumber(inspect(IMAGE, "{{.Size}}"))
    assert.is_true(size - tonumber(inspect(BASE, "{{.Size}}")) < MOST, size)
  end)

  it("says what it is", function()
    local config = cjson.decode(inspect(IMAGE, "{{json .Config}}"))
    assert.equal(os.getenv "VERSION", config.Labels["org.opencontainers.image.version"])
    for _, name in ipairs { "title", "description", "licenses", "base.name" } do
      assert.is_string(config.Labels["org.opencontainers.image." .. name], name)
    end
    assert.equal("10001:10001", config.User)
    assert.equal("SIGTERM", config.StopSignal)
    assert.is_table(config.Volumes["/var/lib/moongate"])
    assert.equal("moongate " .. os.getenv "VERSION", stack.run("docker run --rm %s version", IMAGE))
  end)

  it("needs no shell: neither to run nor for its health check", function()
    local shells <const> = "-v /dev/null:/usr/bin/dash:ro -v /dev/null:/usr/bin/bash:ro"
    local id <const> =
      stack.run("docker run -d --read-only --cap-drop ALL %s %s", shells, IMAGE)
    finally(function() stack.run("docker rm -fv %s", id) end)
    assert.not_equal(0, select(2, stack.try("docker exec " .. id .. " sh -c true")))
    poll("a health check that passes", function()
      return stack.run("docker inspect -f '{{.State.Health.Status}}' %s", id) == "healthy"
    end, 60)
  end)

  it("has scripts without anything wrong", function()
    assert.is_truthy(stack.run("docker run --rm --read-only %s check", IMAGE):find "nothing wrong")
  end)


  it("has a worker for each core of its container, not of the machine", function()
    local id <const> = stack.run("docker run -d --cpus 0.5 %s", IMAGE)
    finally(function() stack.run("docker rm -fv %s", id) end)
    poll("one worker", function()
      return stack.run("docker logs %s", id):find('"workers":1,', 1, true)
    end)
  end)

  it("has lua-cjson for scripts that were written for it", function()
    local folder <const> = files.folder {
      ["init.lua"] = 'require("gateway").route("GET /", require("cjson.safe").encode)',
    }
    stack.run("chmod -R a+rX %s %s/..", folder, folder)
    stack.run("docker run --rm --read-only -v %s:/etc/moongate/scripts:ro %s check", folder, IMAGE)
  end)


  describe("built anew", function()
    local CONTEXT <const> = ".ci/deps .dockerignore Dockerfile Makefile core scripts"
    local BUILD <const> = "docker build -q --build-arg VERSION=%s -t %s %s"

    local TAG <const> = IMAGE .. "-changed"

    teardown(function() stack.run("docker rmi -f %s", TAG) end)

    -- The layers of the image that is made of this folder.
    local function build(folder)
      stack.run(BUILD, os.getenv "VERSION", TAG, folder)
      return cjson.decode(inspect(TAG, "{{json .RootFS.Layers}}"))
    end

    -- How many layers are as they were, and of how many, after the shell line has changed the tree.
    local function count_same(change)
      local folder <const> = files.folder()
      stack.run("cp -a --parents %s %s && cd %s && %s", CONTEXT, folder, folder, change)
      local before <const>, after <const> = build ".", build(folder)
      assert.equal(#before, #after)
      local n = 0
      while after[n + 1] and after[n + 1] == before[n + 1] do
        n = n + 1
      end
      return n, #after
    end

    it("has the same packages and program if a script has changed", function()
      local same <const>, all <const> = count_same "echo '-- changed' >>scripts/routes/home.lua"
      assert.equal(all - 1, same)
    end)

    it("has the same packages if the program has changed", function()
      local same <const>, all <const> = count_same "echo 'int changed;' >>core/base/version.c"
      assert.equal(all - 2, same)
    end)
  end)
end)
