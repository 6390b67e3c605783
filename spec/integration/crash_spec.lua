-- The short form of `make crash` (tests/crash/crash.lua): orders while everything dies.
package.path = "tests/crash/?.lua;" .. package.path

local crash <const> = require "crash"
local process <const> = require "support.process"


describe("orders while the gateway is killed again and again", function()
  teardown(process.end_all)

  it("are placed once or not at all", function()
    local seed <const> = os.time()
    local report <const>, complaints <const> = crash.run {
      orders = 200, clients = 50, kills = 10, seed = seed,
    }
    assert.same({}, complaints, "SEED=" .. seed)
    assert.equal(10, report.kills.gateway)
    assert.equal(200, report.confirmed + report.refused + report.lost)
    assert.is_true(report.confirmed > 50, report.confirmed)
  end)
end)
