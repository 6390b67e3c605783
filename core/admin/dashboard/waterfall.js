// Where the time of one request went: a table whose middle column is a time line. The bars are for
// eyes; start, duration and what happened stand beside them for everybody.
import { badgeNode } from "./badge.js";
import { el } from "./dom.js";
import { duration, moment, percent, plural } from "./format.js";

const PHASES = ["dns", "connect", "tls", "wait", "transfer"];

const NAMES = {
  request: "Request", job: "Job", undoing: "Undoing", parse: "Received", script: "Script",
  call: "Call", attempt: "Attempt", line: "In line", pause: "Pause", breaker: "Breaker",
  saga_step: "Saga step", undo: "Undo", enqueue: "Job asked for", journal: "Journal", sleep: "Sleep",
  dns: "DNS", connect: "Connect", tls: "TLS", wait: "Wait", transfer: "Transfer", log: "Log",
};

// --- the tree ---

function childrenOf(spans) {
  const below = new Map();
  for (const span of spans) {
    if (!below.has(span.parent)) below.set(span.parent, []);
    below.get(span.parent).push(span);
  }
  for (const list of below.values()) list.sort((a, b) => a.start_ms - b.start_ms || a.index - b.index);
  return below;
}

const isCall = (span) => span.kind === "call" || span.kind === "undo";
const isPhase = (span) => PHASES.includes(span.kind);

// In the order of reading: parents first, each with how deep it is and its phases.
function rowsOf(spans) {
  const below = childrenOf(spans), rows = [];
  const walk = (span, depth) => {
    const children = below.get(span.index) ?? [];
    rows.push({ span, depth, phases: children.filter(isPhase) });
    for (const child of children) if (!isPhase(child)) walk(child, depth + 1);
  };
  for (const root of below.get(null) ?? []) walk(root, 0);
  return rows;
}

// --- where the time went ---

// The length of what a list of intervals covers, overlaps once.
export function covered(intervals) {
  let total = 0, end = -Infinity;
  for (const [from, to] of [...intervals].sort((a, b) => a[0] - b[0])) {
    if (to > end) {
      total += to - Math.max(from, end);
      end = to;
    }
  }
  return total;
}

const intervalOf = (span) => [span.start_ms, span.start_ms + (span.duration_ms ?? 0)];

function shares(request) {
  const groups = new Map();
  const add = (who, span) => groups.set(who, [...(groups.get(who) ?? []), intervalOf(span)]);
  for (const span of request.spans) {
    if (isCall(span)) add(span.backend ?? span.name, span);
    if (span.kind === "script") add("script", span);
    if (span.kind === "journal") add("journal", span);
    if (span.kind === "parse") add("receiving it", span);
  }
  return [...groups].map(([who, list]) => ({ who, ms: covered(list) })).sort((a, b) => b.ms - a.ms);
}

function summary(request) {
  const total = request.duration_ms || 1;
  const parts = shares(request).filter((part) => part.ms / total >= 0.005 || part.who === "script").slice(0, 5);
  return el("ul", { class: "shares", "aria-label": "Where the time went" }, parts.map(({ who, ms }) => {
    const bar = el("i", { "aria-hidden": "true", class: who === "script" ? "script" : "" });
    bar.style.inlineSize = `${Math.min(100, (100 * ms) / total)}%`;
    return el("li", {}, el("span", { class: "who" }, who), el("span", { class: "track" }, bar),
      el("span", { class: "ms" }, `${duration(ms)}, ${percent(Math.min(1, ms / total))}`));
  }));
}

function facts(request) {
  const entries = [
    ["Status", badgeNode(request.status >= 500 ? "bad" : request.status >= 400 ? "warn" : "ok", `${request.status || "none"}`)],
    ["Took", duration(request.duration_ms)],
    ["Began", moment(request.started_at)],
    ["Route", request.route ?? "none"],
    ["Generation", `${request.generation ?? "none"}`],
    ["Worker", `${request.worker}`],
    ["Correlation id", el("code", {}, request.correlation_id)],
    ["Trace id", el("code", {}, request.trace_id)],
  ];
  return el("dl", { class: "facts-row" }, entries.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

// --- one row ---

function nameOf(span) {
  const kind = NAMES[span.kind] ?? span.kind.replaceAll("_", " ");
  if (span.kind === "attempt") return `${kind} ${span.attempt ?? ""}`.trim();
  if (span.kind === "call") return span.backend ?? span.name ?? kind;
  if (span.kind === "undo") return `${kind}: ${span.backend ?? span.name}`;
  if (span.kind === "request" || span.kind === "script" || span.kind === "parse") return kind;
  const name = span.name ?? "";
  return name && name !== span.kind ? `${kind}: ${name}` : kind;
}

function callOf(span) {
  return span.name && span.name !== span.backend ? span.name : null;
}

function detailsOf(span, phases) {
  const words = [];
  if (isCall(span) && callOf(span)) words.push(el("code", {}, callOf(span)));
  if (span.host) words.push(el("code", {}, span.host));
  if (span.failure && span.failure !== "status") words.push(el("strong", { class: "is-bad" }, String(span.failure).replaceAll("_", " ")));
  if (span.status) words.push(el("span", { class: span.status >= 500 ? "is-bad" : "" }, `${span.status}`));
  if (phases.length)
    words.push(phases.filter((p) => p.duration_ms > 0).map((p) => `${p.kind} ${duration(p.duration_ms)}`).join(", "));
  if (span.note) words.push(span.note);
  return words.flatMap((word, i) => (i ? [" · ", word] : [word])).filter((word) => word !== "");
}

function place(node, from, to, total) {
  const left = Math.min(99.7, (100 * from) / total);
  node.style.insetInlineStart = `${left}%`;
  node.style.inlineSize = `${Math.max(0.3, Math.min(100 - left, (100 * (to - from)) / total))}%`;
  return node;
}

function barOf(span, phases, total) {
  const kind = span.failure ? "failed" : span.kind;
  const [from, to] = intervalOf(span);
  const bars = phases.length === 0 || span.failure
    ? [place(el("i", { class: `bar ${kind}` }), from, to, total)]
    : phases.map((p) => place(el("i", { class: `bar phase ${p.kind}`, title: p.kind }), ...intervalOf(p), total));
  return el("td", { class: "time", "aria-hidden": "true" }, el("div", { class: "track" }, bars));
}

function rowOf({ span, depth, phases }, total) {
  const head = el("th", { scope: "row" }, el("span", { class: "name" }, nameOf(span)));
  head.style.setProperty("--depth", depth);
  return el("tr", { class: span.kind },
    head, barOf(span, phases, total),
    el("td", { class: "number start" }, `+${duration(span.start_ms)}`),
    el("td", { class: "number" }, span.duration_ms === null ? "not ended" : span.duration_ms === 0 ? "" : duration(span.duration_ms)),
    el("td", { class: "details" }, detailsOf(span, phases)));
}

function scale(total) {
  const marks = [0, 0.25, 0.5, 0.75].map((share) => {
    const mark = el("i", {}, share ? duration(share * total) : "0");
    mark.style.insetInlineStart = `${share * 100}%`;
    return mark;
  });
  return el("th", { class: "time", "aria-hidden": "true" }, el("div", { class: "scale" }, marks));
}

function timeline(request) {
  const rows = rowsOf(request.spans);
  const ends = request.spans.map((span) => intervalOf(span)[1]);
  const total = Math.max(request.duration_ms, ...ends, 0.001);
  const head = el("tr", {}, el("th", { scope: "col" }, "What"), scale(total),
    el("th", { scope: "col", class: "number start" }, "Start"), el("th", { scope: "col", class: "number" }, "Took"),
    el("th", { scope: "col" }, "Details"));
  return el("table", { class: "waterfall" }, el("caption", { class: "quiet" }, "What happened, in order"),
    el("thead", {}, head), el("tbody", {}, rows.map((row) => rowOf(row, total))));
}

function legend() {
  const kinds = [["script", "script"], ["call", "call"], ...PHASES.map((p) => [`phase ${p}`, p]), ["line", "waiting"], ["failed", "failed"]];
  return el("ul", { class: "legend", "aria-hidden": "true" }, kinds.map(([kind, text]) =>
    el("li", {}, el("i", { class: `bar ${kind}` }), text)));
}

const LEVELS = { error: "bad", warn: "warn", info: "ok", debug: "off" };

function logOf(lines) {
  if (!lines?.length) return null;
  return el("div", { class: "logged" }, el("h4", {}, "What the scripts logged"), el("ol", {}, lines.map((line) =>
    el("li", {}, el("span", { class: "number" }, `+${duration(line.at_ms)}`), badgeNode(LEVELS[line.level] ?? "off", line.level),
      el("span", { class: "message" }, line.message), line.where && el("code", {}, line.where)))));
}

// Everything about one request, as /admin/requests/ID has it.
export function waterfall(request) {
  const dropped = request.spans_dropped
    ? el("p", { class: "note" }, `${plural(request.spans_dropped, "further step")} did not fit into the record.`) : null;
  return el("div", { class: "request" }, facts(request), summary(request), legend(), timeline(request), dropped, logOf(request.log));
}
