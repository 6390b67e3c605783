// The routes: how many requests, how many go wrong, how long they take.
import { chart, describe } from "../charts.js";
import { el, keyed, setText, table } from "../dom.js";
import { count, duration, rate } from "../format.js";
import { series } from "../history.js";
import { addressOf } from "../router.js";

const MOST = 60; // rows; the feed has no more, see `more`

const COLUMNS = [
  { title: "Route" },
  { title: "Requests", class: "number" },
  { title: "Last 5 minutes", class: "picture" },
  { title: "5xx", class: "number" },
  { title: "p50", class: "number wide" },
  { title: "p90", class: "number wide" },
  { title: "p99", class: "number" },
  { title: "Latency p50, p99", class: "picture wide" },
];

function makeRow(first) {
  const name = first.route.route;
  const numbers = {
    per_s: el("td", { class: "number" }), errors_per_s: el("td", { class: "number" }),
    p50_ms: el("td", { class: "number wide" }), p90_ms: el("td", { class: "number wide" }),
    p99_ms: el("td", { class: "number" }),
  };
  const traffic = chart({ lines: [{ colour: "--accent", fill: true }, { colour: "--bad" }], height: 26, least: 1 });
  const latency = chart({ lines: [{ colour: "--accent", fill: true }, { colour: "--second" }], height: 26, least: 5 });
  const [method, path] = name.split(" ");
  const title = path === undefined ? el("span", { class: "muted" }, name === "none" ? "no route" : name)
    : el("a", { href: addressOf("route", name), title: "Show its requests" },
      el("span", { class: "method" }, method), " ", el("code", {}, path));
  const node = el("tr", {}, el("th", { scope: "row" }, title),
    numbers.per_s, el("td", { class: "picture" }, traffic.node), numbers.errors_per_s,
    numbers.p50_ms, numbers.p90_ms, numbers.p99_ms, el("td", { class: "picture wide" }, latency.node));

  function update({ route, history }) {
    for (const [key, cell] of Object.entries(numbers))
      setText(cell, key.endsWith("_ms") ? duration(route[key]) : rate(route[key]));
    numbers.errors_per_s.classList.toggle("is-bad", route.errors_per_s > 0);
    const of = (what) => history.get(series.route(name, what));
    const errors = of("errors_per_s"), isDrawn = errors.some((value) => value > 0);
    traffic.draw(describe(`Requests of ${name}`, of("per_s"), rate), history.times, of("per_s"),
      isDrawn ? errors : errors.map(() => null));
    latency.draw(describe(`p99 of ${name}`, of("p99_ms"), duration), history.times, of("p50_ms"), of("p99_ms"));
  }
  return { node, update, end: () => [traffic, latency].forEach((one) => one.end()) };
}

// The order stays while it is looked at: by name, but if there are too many the busiest are chosen.
function choose(routes, filter) {
  const fitting = routes.filter((r) => r.route.toLowerCase().includes(filter.toLowerCase()));
  if (fitting.length <= MOST) return fitting;
  return [...fitting].sort((a, b) => b.per_s - a.per_s).slice(0, MOST);
}

export function mountRoutes() {
  const body = document.querySelector("#routes .body");
  const { node, body: rows } = table("Requests by route", COLUMNS);
  const filter = el("input", { type: "search", id: "route-filter", placeholder: "Filter routes" });
  const box = el("p", { class: "filter" }, el("label", { for: "route-filter", class: "quiet" }, "Filter routes"), filter);
  const none = el("p", { class: "none" }, "No route has been asked for yet.");
  const more = el("p", { class: "note" });
  body.append(box, none, node, more);
  const draw = keyed(rows, (item) => item.route.route, makeRow);
  return {
    draw(live, history) {
      const chosen = choose(live.routes, filter.value.trim());
      draw(chosen.map((route) => ({ route, history })));
      box.hidden = live.routes.length < 10;
      none.hidden = live.routes.length > 0;
      more.hidden = live.routes_in_all <= live.routes.length;
      setText(more, `Of ${count(live.routes_in_all)} routes with traffic the ${live.routes.length} busiest are here; GET /admin/routes has all.`);
      node.hidden = live.routes.length === 0;
    },
  };
}
