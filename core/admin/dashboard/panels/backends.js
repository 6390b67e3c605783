// The backends: what their breakers do and why, how fast they are, who waits, and the switches.
import { badge, badgeNode, breaker } from "../badge.js";
import { post } from "../api.js";
import { chart, describe } from "../charts.js";
import { askAndDo } from "../confirm.js";
import { el, keyed, replace, setAttribute, setText } from "../dom.js";
import { ago, count, duration, percent, rate, span, time } from "../format.js";
import { series } from "../history.js";
import { onAddress, show } from "../router.js";

const ACTIONS = [
  { name: "force-open", title: "Force open", gives: "forced_open",
    question: (b) => `Force ${b} open? All calls to it fail at once, until it is closed again.` },
  { name: "close", title: "Close", gives: "closed",
    question: (b) => `Close the breaker of ${b}? Calls pass again at once.` },
  { name: "reset", title: "Reset",
    question: (b) => `Reset the breaker of ${b}? It closes, and forgets what it has counted.` },
  { name: "disable", title: "Disable", gives: "disabled",
    question: (b) => `Disable the breaker of ${b}? Calls pass, however many fail.` },
];

// --- one figure with its line ---

function figure(title, lines, least) {
  const value = el("dd"), picture = chart({ lines, height: 34, least });
  const node = el("div", { class: "figure" }, el("dl", {}, el("dt", {}, title), value), picture.node);
  return { node, value, draw: picture.draw, end: picture.end };
}

function fact(title) {
  const value = el("dd");
  return { node: el("div", {}, el("dt", {}, title), value), value };
}

// --- the breaker, in words ---

function untilTrial(b) {
  if (b.state !== "open" || !b.next_trial_at) return null;
  const seconds = (new Date(b.next_trial_at) - Date.now()) / 1000;
  return seconds > 0 ? `next trial in ${span(seconds)}` : "the next call is a trial";
}

function story(b) {
  const parts = [];
  if (b.since && b.state !== "closed") parts.push(el("span", {}, "since ", time(b.since), ` (${ago(b.since)})`));
  if (b.since && b.state === "closed") parts.push(el("span", {}, "since ", time(b.since)));
  if (b.reason && b.state !== "closed") parts.push(el("span", {}, b.reason));
  if (untilTrial(b)) parts.push(el("span", {}, untilTrial(b)));
  return parts;
}

// --- hosts ---

function hostRow(host, isOnly) {
  const state = breaker(host.state);
  if (isOnly && !host.out) return el("li", { class: "muted" }, el("code", {}, host.url));
  const out = host.out ? badgeNode("bad", "left out", "by health checks") : null;
  return el("li", {}, badgeNode(state.tone, state.word), el("code", {}, host.url),
    el("span", { class: "muted" }, `${count(host.in_flight)} in flight`), out);
}

// --- one backend ---

function actions(name) {
  const place = el("div", { class: "actions" });
  const buttons = ACTIONS.map((action) => el("button", {
    type: "button", "data-action": action.name, "aria-label": `${action.title}: ${name}`,
    onclick: () => askAndDo(place, {
      question: action.question(name),
      verb: `${action.title} ${name}`,
      act: () => post(`backends/${encodeURIComponent(name)}/${action.name}`),
      done: `Done: ${action.title.toLowerCase()} ${name}.`,
    }),
  }, action.title));
  place.append(...buttons);
  // aria-disabled, not disabled: the focus stays where it is when the state changes under it.
  const update = (b) => ACTIONS.forEach(({ gives }, i) => { buttons[i].hidden = gives === b.state; });
  return { node: place, update };
}

function errorsOf(b) {
  const share = b.now.per_s ? b.now.errors_per_s / b.now.per_s : null;
  const text = `${rate(b.now.errors_per_s)}${share ? `, ${percent(share)}` : ""}`;
  return el("span", { class: b.now.errors_per_s > 0 ? "is-bad" : "" }, text);
}

function windowOf(b) {
  const w = b.window;
  if (!w?.calls) return `${b.failures_in_a_row} in a row`;
  const slow = w.slow ? `, ${w.slow} slow` : "";
  return `${w.failures} of ${w.calls}${slow}`;
}

function makeRow(first) {
  const name = first.name, state = badge(), about = el("p", { class: "story" });
  const last = el("p", { class: "last" }), hosts = el("ul", { class: "hosts" });
  const calls = figure("Calls", [{ colour: "--accent", fill: true }, { colour: "--bad" }], 1);
  const latency = figure("p50, p99", [{ colour: "--accent", fill: true }, { colour: "--second" }], 5);
  const errors = fact("Errors"), flight = fact("In flight"), line = fact("In line");
  const counted = fact("Failures"), again = fact("Retries, hedges");
  const switches = actions(name);
  const node = el("article", { class: "backend", "aria-labelledby": `backend-${name}`, tabindex: "-1" },
    el("div", { class: "who" }, el("h3", { id: `backend-${name}` }, name), state.node, about, last, hosts),
    calls.node, latency.node,
    el("dl", { class: "facts-grid" }, errors.node, flight.node, line.node, counted.node, again.node),
    el("div", { class: "switches" }, switches.node));

  function drawLines(b, history) {
    const of = (what) => history.get(series.backend(name, what));
    const errors = of("errors_per_s");
    const isDrawn = errors.some((value) => value > 0);
    calls.draw(`${describe(`Calls of ${name}`, of("per_s"), rate)}; ${describe("errors", errors, rate)}`,
      history.times, of("per_s"), isDrawn ? errors : errors.map(() => null));
    latency.draw(`${describe(`p50 of ${name}`, of("p50_ms"), duration)}; ${describe("p99", of("p99_ms"), duration)}`,
      history.times, of("p50_ms"), of("p99_ms"));
  }

  function update({ backend: b, history }) {
    const { tone, word, means } = breaker(b.state);
    state.set(tone, word, means);
    setAttribute(node, "data-state", b.state);
    replace(about, story(b));
    setText(last, b.last_error && (b.state !== "closed" || b.now.errors_per_s > 0) ? b.last_error : "");
    if (!hosts.contains(document.activeElement)) replace(hosts, b.hosts.map((host) => hostRow(host, b.hosts.length === 1)));
    setText(calls.value, rate(b.now.per_s));
    setText(latency.value, `${duration(b.now.p50_ms)} · ${duration(b.now.p99_ms)}`);
    replace(errors.value, errorsOf(b));
    setText(flight.value, b.max_concurrent ? `${count(b.in_flight)} of ${count(b.max_concurrent)}` : count(b.in_flight));
    replace(line.value, el("span", { class: b.waiting ? "is-warn" : "" }, count(b.waiting)));
    setText(counted.value, windowOf(b));
    setText(again.value, `${count(b.retries)}, ${count(b.hedges)}`);
    again.node.hidden = b.retries === undefined;
    switches.update(b);
    drawLines(b, history);
  }
  return { node, update, end: () => [calls, latency].forEach((f) => f.end()) };
}

export function mountBackends() {
  const body = document.querySelector("#backends .body");
  const title = document.getElementById("backends-title");
  const none = el("p", { class: "none" }, "The scripts declare no backend.");
  const list = el("div", { class: "rows" });
  body.append(none, list);
  const draw = keyed(list, (item) => item.backend.name, ({ backend }) => makeRow(backend));
  onAddress("backend", (name) => {
    const row = document.getElementById(`backend-${name}`);
    if (row) show(row.closest("article"));
  });
  return {
    draw(live, history) {
      const n = draw(live.backends.map((backend) => ({ backend, history })));
      none.hidden = n > 0;
      setText(title, n ? `Backends (${n})` : "Backends");
    },
  };
}
