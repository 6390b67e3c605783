import assert from "node:assert/strict";
import test from "node:test";
import { findings } from "../../core/admin/dashboard/findings.js";
import { History, numbersOf } from "../../core/admin/dashboard/history.js";

const NOON = Date.UTC(2026, 0, 1, 12) / 1000;

function backend(name, more = {}) {
  const { now, ...rest } = more;
  return {
    name, state: "closed", since: null, reason: "", last_error: null, in_flight: 0, waiting: 0, hosts: [],
    now: {
      per_s: 10, errors_per_s: 0, p50_ms: 10, p99_ms: 20, failing_since: null, slow_since: null, usual_ms: null, ...now,
    }, ...rest,
  };
}

function live(more = {}) {
  return {
    requests_per_s: 10, errors_per_s: 0, in_flight: 0, routes: [], backends: [backend("inventory")],
    generation: 7, failure: null, sagas: { open: 0, parked: 0 }, jobs: {}, ...more,
  };
}

// Each argument is one second.
function pastOf(...seconds) {
  const past = new History();
  seconds.forEach((second, i) => past.push(NOON + i, numbersOf(second)));
  return past;
}

const times = (n, one) => Array.from({ length: n }, () => one);
function only(found) {
  assert.equal(found.length, 1);
  return found[0];
}

test("all is well where nothing is to be said", () => {
  const found = only(findings(live(), null, pastOf(live())));
  assert.deepEqual([found.tone, found.who], ["ok", "All is well"]);
});

test("a backend is slow by its own measure, since it became so", () => {
  const slow = { p50_ms: 400, usual_ms: 10, slow_since: "2026-01-01T09:00:00.000Z" };
  const now = live({ backends: [backend("inventory", { now: slow })] });
  const found = only(findings(now, null, pastOf(now)));
  assert.deepEqual([found.tone, found.who, found.facts[0].since], ["bad", "inventory", slow.slow_since]);
  assert.match(found.facts[0].text, /slow: half of its calls take about 400 ms or more, usually 10 ms/);
  const silent = live({ backends: [backend("inventory", { now: { ...slow, p50_ms: null } })] });
  assert.equal(only(findings(silent, null, pastOf(silent))).tone, "ok");
});

test("a backend fails since it began to, however long ago", () => {
  const failing = { errors_per_s: 5, failing_since: "2026-01-01T09:00:00.000Z" };
  const now = live({ backends: [backend("inventory", { now: failing })] });
  const found = only(findings(now, null, pastOf(now)));
  assert.match(found.facts[0].text, /50 % of its calls fail/);
  assert.equal(found.facts[0].since, failing.failing_since);
});

test("a breaker tells why, and since when", () => {
  const open = { state: "open", since: "2026-01-01T12:00:00Z", reason: "5 failures in a row", last_error: "timeout" };
  const now = live({ backends: [backend("inventory", open), backend("pricing")] });
  const found = only(findings(now, null, pastOf(now)));
  assert.deepEqual([found.tone, found.who, found.facts[0].since], ["bad", "inventory", open.since]);
  assert.match(found.facts[0].text, /open: calls fail at once \(5 failures in a row; timeout\)/);
});

test("calls of which none ends are told", () => {
  const stuck = live({ backends: [backend("inventory", { in_flight: 9, now: { per_s: 0, p50_ms: null } })] });
  const found = only(findings(stuck, null, pastOf(...times(5, stuck))));
  assert.match(found.facts[0].text, /9 calls in work, and none has ended/);
});

test("errors are the scripts' if every backend is well, and several routes may have them", () => {
  const routes = [1, 3, 2].map((errors_per_s, i) => ({ route: `GET /${i}`, per_s: 5, errors_per_s }));
  const ours = live({ errors_per_s: 6, failing_since: "2026-01-01T12:00:01.000Z", routes });
  const found = only(findings(ours, null, pastOf(live(), ours)));
  assert.match(found.facts[0].text, /6\.0\/s are answered with 5xx, most on GET \/1 and 2 more routes, and every/);
  assert.equal(found.facts[0].since, "2026-01-01T12:00:01.000Z");
  const failing = backend("inventory", { now: { errors_per_s: 5 } });
  const theirs = findings({ ...ours, backends: [failing] }, null, pastOf(ours));
  assert.deepEqual(theirs.map((one) => one.who), ["inventory", "Gateway"]);
  assert.doesNotMatch(theirs[1].facts[0].text, /look at the scripts/);
});

test("the worst comes first, and each is named once", () => {
  const now = live({
    failure: { since: "2026-01-01T11:00:00Z", errors: [] },
    backends: [backend("pricing", { waiting: 3 }), backend("inventory", { waiting: 1, state: "forced_open" })],
    sagas: { open: 1, parked: 1 },
  });
  const found = findings(now, { shutting_down: false }, pastOf(now));
  assert.deepEqual(found.map((one) => `${one.tone} ${one.who} ${one.facts.length}`),
    ["bad Scripts 1", "bad inventory 2", "warn pricing 1", "warn Gateway 1"]);
});
