import assert from "node:assert/strict";
import test from "node:test";
import { count, duration, percent, rate, span } from "../../core/admin/dashboard/format.js";
import { History, SECONDS } from "../../core/admin/dashboard/history.js";
import { covered } from "../../core/admin/dashboard/waterfall.js";

test("durations have the digits that matter", () => {
  const shown = [0, 0.05, 3.14159, 312.4, 2010, 31000, 75000, null].map(duration);
  assert.deepEqual(shown, ["0 ms", "50 µs", "3.1 ms", "312 ms", "2.01 s", "31.0 s", "1 min 15 s", "–"]);
  assert.deepEqual([59, 3700, 90000].map(span), ["59 s", "1 h 1 min", "1 d 1 h"]);
});

test("rates, shares and counts", () => {
  assert.deepEqual([0, 0.24, 12.6, 12345, null].map(rate), ["0/s", "0.2/s", "13/s", "12\u202f345/s", "–"]);
  assert.deepEqual([0, 0.004, 0.5, 1, NaN].map(percent), ["0 %", "< 1 %", "50 %", "100 %", "–"]);
  assert.equal(count(undefined), "–");
});

test("overlaps are counted once", () => {
  assert.equal(covered([]), 0);
  assert.equal(covered([[5, 9], [0, 4], [2, 6], [20, 21]]), 10);
});

test("five minutes are kept, in columns of one length", () => {
  const past = new History();
  for (let i = 0; i < SECONDS + 50; i++) past.push(1000 + i, i > 10 ? { a: i, b: i } : { a: i });
  assert.equal(past.times.length, SECONDS + 1);
  assert.equal(past.get("a").length, past.times.length);
  assert.equal(past.get("b").length, past.times.length);
  assert.equal(past.get("a").at(-1), SECONDS + 49);
});

test("a second is taken once, and a gap breaks the line", () => {
  const past = new History();
  past.push(1000, { a: 1 });
  past.push(1000, { a: 2 });
  past.push(1010, { a: 3 });
  assert.deepEqual(past.times, [1000, 1001, 1010]);
  assert.deepEqual(past.get("a"), [1, null, 3]);
  assert.deepEqual(past.points("a"), [{ time: 1000, value: 1 }, { time: 1010, value: 3 }]);
});
