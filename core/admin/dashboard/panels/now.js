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

// Who is in trouble is said when that changes, not how it goes on.
function announcer() {
  let before = null;
  return (found) => {
    const now = found.map(({ tone, who }) => (tone === "ok" ? who : `${WORDS[tone]}: ${who}`)).join(", ");
    if (before !== null && now !== before) setText(document.getElementById("trouble"), now);
    before = now;
  };
}

export function mountNow() {
  const list = document.getElementById("findings"), tiles = TILES.map(makeTile);
  document.getElementById("tiles").append(...tiles.map((tile) => tile.node));
  const announce = announcer();
  let shown = "";
  return {
    draw(live, status, history) {
      tiles.forEach((tile) => tile.draw(live, history));
      const found = findings(live, status, history);
      announce(found);
      const key = JSON.stringify([found, Math.floor(Date.now() / 5000)]); // "12 s ago" moves on
      if (key === shown || list.contains(document.activeElement)) return;
      shown = key;
      replace(list, found.map(finding));
      document.title = found[0].tone === "ok" ? "Moongate" : `(${found.length}) Moongate`;
    },
  };
}
