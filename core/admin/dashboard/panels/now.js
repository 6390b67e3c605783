// What is going on: the findings in words, and the figures of the whole gateway.
import { badgeNode } from "../badge.js";
import { chart, describe } from "../charts.js";
import { el, replace, setText } from "../dom.js";
import { findings } from "../findings.js";
import { ago, clock, count, duration, rate, time } from "../format.js";
import { series } from "../history.js";

const WORDS = { bad: "Trouble", warn: "Look", ok: "Well" };

const TILES = [
  { title: "Requests", format: rate, names: ["requests_per_s"], colours: ["--accent"], least: 1 },
  { title: "Errors (5xx)", format: rate, names: ["errors_per_s"], colours: ["--bad"], least: 0.5 },
  { title: "Latency p50, p99", format: duration, names: ["p50_ms", "p99_ms"], colours: ["--accent", "--second"],
    least: 5 },
  { title: "In flight", format: count, names: ["in_flight"], colours: ["--accent"], least: 4 },
];

function makeTile({ title, format, names, colours, least }) {
  const value = el("span", { class: "value" }), when = el("span", { class: "when" });
  let latest = "";
  const onCursor = (u) => {
    const i = u.cursor.idx;
    const at = i === null || i === undefined ? null : u.data[0][i];
    setText(when, at === null ? "" : clock(at * 1000));
    setText(value, at === null ? latest : u.data.slice(1).map((list) => format(list[i])).join(" · "));
  };
  const lines = colours.map((colour, i) => ({ colour, fill: i === 0 }));
  const picture = chart({ lines, height: 96, format, least, onCursor });
  const node = el("div", { class: "tile" }, el("h3", {}, title), el("p", {}, value, when), picture.node);
  function draw(live, history) {
    const values = names.map((name) => history.get(series.total(name)));
    latest = names.map((name) => format(live[name])).join(" · ");
    if (when.textContent === "") setText(value, latest);
    picture.draw(names.map((name, i) => describe(i ? "p99" : title, values[i], format)).join("; "), history.times, ...values);
  }
  return { node, draw };
}

function factNode({ text, since }) {
  const when = since && el("span", { class: "since" }, "since ", time(since), ` (${ago(since)})`);
  return el("li", {}, el("span", {}, text), when);
}

function finding({ tone, who, link, facts }) {
  const name = el("strong", { class: "who" }, link ? el("a", { href: link }, who) : who);
  return el("li", { class: tone }, badgeNode(tone, WORDS[tone]), name, el("ul", {}, facts.map(factNode)));
}

const whoIn = (found) => found.map(({ tone, who }) => (tone === "ok" ? who : `${WORDS[tone]}: ${who}`)).join(", ");

// Who is in trouble is said when that changes, not how it goes on.
function announcer() {
  let before = null;
  return (found) => {
    const now = whoIn(found);
    if (before !== null && now !== before) setText(document.getElementById("trouble"), now);
    before = now;
  };
}

export function mountNow() {
  const list = document.getElementById("findings"), tiles = TILES.map(makeTile);
  document.getElementById("tiles").append(...tiles.map((tile) => tile.node));
  const announce = announcer();
  let shown = "", named = "";

  // Figures do not change under somebody's focus, but who is in trouble does.
  function draw(found) {
    named = whoIn(found);
    replace(list, found.map(finding));
  }

  // What it said last is not so any more, or nobody knows.
  function lost(since) {
    const text = since ? "its live feed is lost; what is shown is from before" : "its live feed cannot be had";
    const found = [{ tone: "bad", who: "Gateway", link: null, facts: [{ text, since }] }];
    announce(found);
    shown = "";
    draw(found);
    document.title = "(1) Moongate";
  }

  return {
    lost,
    draw(live, status, history) {
      tiles.forEach((tile) => tile.draw(live, history));
      const found = findings(live, status, history);
      announce(found);
      const key = JSON.stringify([found, Math.floor(Date.now() / 5000)]); // "12 s ago" moves on
      const focused = list.contains(document.activeElement) && document.activeElement;
      if (key === shown || (focused && whoIn(found) === named)) return;
      shown = key;
      draw(found);
      if (focused) list.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`)?.focus({ preventScroll: true });
      document.title = found[0].tone === "ok" ? "Moongate" : `(${found.length}) Moongate`;
    },
  };
}
