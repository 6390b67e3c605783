// What an operator should know at once: is it us or a backend, which, since when. Pure: what the
// gateway says and what was in the last minutes go in, sentences come out, the worst first.
//
// They are gathered by whom they are about: { tone: "bad" | "warn" | "ok", who, link, facts }, each
// fact { text, since (a date or null) }.
import { breaker } from "./badge.js";
import { duration, percent, plural, rate } from "./format.js";
import { series } from "./history.js";

const FAILING = 0.05; // of the calls
const HANGING = 3; // seconds with calls in work of which none ends

// --- of one backend ---

function ofBreaker(b) {
  if (b.state === "closed") return [];
  const { tone, word, means } = breaker(b.state);
  const why = b.reason ? ` (${b.reason}${b.last_error && b.state === "open" ? `; ${b.last_error}` : ""})` : "";
  const text = `its breaker is ${word}: ${means}${why}`;
  return [{ tone: tone === "off" ? "warn" : tone, text, since: b.since }];
}

// Of one whose breaker is open it goes without saying.
function ofErrors(b) {
  if (["open", "forced_open"].includes(b.state)) return [];
  if (!b.now.per_s || !(b.now.errors_per_s / b.now.per_s >= FAILING)) return [];
  const last = b.last_error ? `, the last with: ${b.last_error}` : "";
  const text = `${percent(b.now.errors_per_s / b.now.per_s)} of its calls fail${last}`;
  return [{ tone: "bad", text, since: b.now.failing_since }];
}

// Its calls' durations are known by the buckets of a histogram, so "about".
function ofLatency(b) {
  if (!b.now.slow_since || b.now.p50_ms === null) return [];
  const text = `it is slow: half of its calls take about ${duration(b.now.p50_ms)} or more, usually ${duration(b.now.usual_ms)}`;
  return [{ tone: "bad", text, since: b.now.slow_since }];
}

// Calls are in work, and for some time none has ended.
function ofSilence(b, history) {
  const calls = history.points(series.backend(b.name, "per_s")).slice(-HANGING);
  if (!b.in_flight || calls.length < HANGING || calls.some((p) => p.value > 0)) return [];
  return [{ tone: "bad", text: `${plural(b.in_flight, "call")} in work, and none has ended for a while` }];
}

function ofLine(b) {
  if (!b.waiting) return [];
  return [{ tone: "warn", text: `${plural(b.waiting, "call waits", "calls wait")} in line for a place` }];
}

function ofHosts(b) {
  const out = b.hosts.filter((host) => host.out);
  if (out.length === 0) return [];
  const text = `${out.length} of ${plural(b.hosts.length, "host")} left out by health checks`;
  return [{ tone: out.length === b.hosts.length ? "bad" : "warn", text }];
}

function ofBackend(b, history) {
  const found = [
    ofBreaker(b), ofErrors(b), ofLatency(b), ofSilence(b, history), ofLine(b), ofHosts(b),
  ].flat();
  return found.map((f) => ({ since: null, ...f, who: b.name, link: `#backend=${encodeURIComponent(b.name)}` }));
}

// --- of ourselves ---

function ofScripts(live, status) {
  const found = [], link = "#scripts";
  if (live.failure) {
    const text = `the scripts on disk cannot be loaded; generation ${live.generation} goes on`;
    found.push({ tone: "bad", text, since: live.failure.since, link: "#failure" });
  }
  if (status?.last_good)
    found.push({ tone: "warn", text: "the last good ones are live, not those on disk", link });
  if (status?.live && status.held)
    found.push({ tone: "warn", text: "rolled back: held until the files change", since: status.live.live_at, link });
  return found.map((f) => ({ since: null, ...f, who: "Scripts" }));
}

// Errors that no backend accounts for are most likely our own.
function ofRoutes(live, isBackends) {
  const bad = live.routes.filter((r) => r.errors_per_s > 0);
  if (bad.length === 0) return [];
  const worst = bad.sort((one, other) => other.errors_per_s - one.errors_per_s)[0];
  const whose = isBackends ? "" : ", and every backend is well: look at the scripts";
  const more = bad.length > 1 ? ` and ${plural(bad.length - 1, "more route")}` : "";
  const text = `${rate(live.errors_per_s)} are answered with 5xx, most on ${worst.route}${more}${whose}`;
  return [{ tone: "bad", who: "Gateway", text, since: live.failing_since, link: "#requests=5xx" }];
}

function ofProcess(live, status) {
  const found = [];
  if (status?.shutting_down) found.push({ tone: "bad", text: "it is shutting down", link: "#now" });
  if (live.sagas?.parked)
    found.push({ tone: "warn", text: `${plural(live.sagas.parked, "saga")} could not be undone yet`, link: "#sagas" });
  return found.map((f) => ({ since: null, ...f, who: "Gateway" }));
}

// One for each `who`, the worst first, each with its worst first.
function gather(found) {
  const rank = { bad: 0, warn: 1 }, groups = new Map();
  for (const { tone, who, link, text, since: began } of found.sort((a, b) => rank[a.tone] - rank[b.tone])) {
    if (!groups.has(who)) groups.set(who, { tone, who, link, facts: [] });
    groups.get(who).facts.push({ text, since: began });
  }
  return [...groups.values()];
}

function calm(live) {
  const n = live.backends.length;
  const backends = n === 0 ? "no backends" : `${plural(n, "backend")}, every breaker closed`;
  const text = `${backends}; no errors in the last seconds`;
  return { tone: "ok", who: "All is well", link: null, facts: [{ text, since: null }] };
}

export function findings(live, status, history) {
  const backends = live.backends.flatMap((b) => ofBackend(b, history));
  const isBackends = backends.some((f) => f.tone === "bad");
  const found = [
    ...ofScripts(live, status), ...backends, ...ofRoutes(live, isBackends), ...ofProcess(live, status),
  ];
  return found.length ? gather(found) : [calm(live)];
}
