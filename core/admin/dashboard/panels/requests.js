// The requests that are remembered: the last, those with errors, the slowest. A filter, the list, and
// one of them in full.
import { get, query } from "../api.js";
import { badgeNode } from "../badge.js";
import { el, keyed, replace, setText, table } from "../dom.js";
import { count, duration, time } from "../format.js";
import { addressOf, onAddress, show } from "../router.js";
import { waterfall } from "../waterfall.js";

const LIMIT = 50, EVERY = 3000; // rows; ms

const COLUMNS = [
  { title: "When" }, { title: "Status" }, { title: "Request" }, { title: "Took", class: "number" },
  { title: "Slowest call", class: "wide" }, { title: "Kept as", class: "wide" },
  { title: "Generation", class: "number wide" }, { title: "Correlation id" },
];

const KEPT = { recent: "recent", error: "error", slow: "slowest of its route" };

// A background job and the undoing of a saga have a record, too, but no method.
export function titleOf(request) {
  if (request.kind === "request" || !request.kind) return `${request.method} ${request.path}`;
  return `${request.route} ${request.path}`;
}

function what(request) {
  if (request.kind && request.kind !== "request") return [request.route, " ", el("code", {}, request.path)];
  return [el("span", { class: "method" }, request.method), " ", el("code", {}, request.path)];
}

export function statusTone(status) {
  if (status >= 500 || status === 499) return "bad";
  return status >= 400 ? "warn" : "ok";
}

export function statusBadge(status) {
  const word = status === 499 ? "499, client gone" : status ? `${status}` : "none";
  return badgeNode(status ? statusTone(status) : "off", word);
}

// --- the filter ---

const STATUSES = [["", "any status"], ["5xx", "5xx"], ["4xx", "4xx"], ["2xx", "2xx"], ["499", "499, client gone"]];

function labelled(text, input) {
  return el("label", {}, el("span", {}, text), input);
}

function makeFilter(onChange) {
  const status = el("select", { name: "status" }, STATUSES.map(([value, text]) => el("option", { value }, text)));
  const route = el("select", { name: "route" }, el("option", { value: "" }, "any route"));
  const least = el("input", { name: "min_ms", type: "number", min: "0", step: "1", inputmode: "numeric", placeholder: "0" });
  const follow = el("input", { type: "checkbox", checked: true });
  const node = el("form", { class: "filter", "aria-label": "Filter requests" },
    labelled("Status", status), labelled("Route", route), labelled("At least, ms", least),
    el("label", { class: "check" }, follow, el("span", {}, "Follow")));
  node.addEventListener("input", onChange);
  node.addEventListener("submit", (event) => event.preventDefault());
  const setRoutes = (names) => {
    const known = new Set([...route.options].map((option) => option.value));
    for (const name of names) if (!known.has(name)) route.append(el("option", { value: name }, name));
  };
  return {
    node, setRoutes,
    follows: () => follow.checked,
    values: () => ({ status: status.value, route: route.value, min_ms: least.value }),
    set(values) {
      if (values.route) setRoutes([values.route]);
      status.value = values.status ?? "";
      route.value = values.route ?? "";
      least.value = values.min_ms ?? "";
      onChange();
    },
  };
}

// --- the list ---

// A correlation id may have several records: a retried request, a job it began.
const linkOf = (request, isShared) =>
  (isShared ? addressOf("entry", request.id) : addressOf("request", request.correlation_id));

function makeRow(first) {
  const { request, isShared } = first;
  const slowest = request.slowest_call ?? "–";
  const node = el("tr", {},
    el("td", {}, time(request.started_at)),
    el("td", {}, statusBadge(request.status)),
    el("th", { scope: "row" }, what(request)),
    el("td", { class: "number" }, duration(request.duration_ms)),
    el("td", { class: "wide" }, slowest),
    el("td", { class: "wide" }, KEPT[request.kept] ?? request.kept),
    el("td", { class: "number wide" }, `${request.generation ?? "–"}`),
    el("td", {}, el("a", { href: linkOf(request, isShared) }, el("code", {}, request.correlation_id))));
  return { node, update() {} };
}

function makeList() {
  const { node, body } = table("The last requests, newest first", COLUMNS);
  const note = el("p", { class: "none" });
  const update = keyed(body, (item) => `${item.request.id} ${item.request.kept}`, makeRow);
  function draw(requests) {
    const times = new Map();
    for (const r of requests) times.set(r.correlation_id, (times.get(r.correlation_id) ?? 0) + 1);
    update(requests.map((request) => ({ request, isShared: times.get(request.correlation_id) > 1 })));
    node.hidden = requests.length === 0;
    setText(note, requests.length ? "" : "Nothing that is remembered fits.");
    note.hidden = requests.length > 0;
  }
  return { node, note, draw };
}

// --- one of them ---

function makeOne() {
  const node = el("section", { class: "one", "aria-live": "off", tabindex: "-1", hidden: true });
  const close = el("button", { type: "button", class: "close", onclick: () => {
    node.hidden = true;
    history.replaceState(null, "", "#requests");
    document.getElementById("requests").focus();
  } }, "Close");
  const open = (title, ...content) => {
    replace(node, el("header", {}, el("h3", { id: "one-title" }, title), close), ...content);
    node.setAttribute("aria-labelledby", "one-title");
    node.hidden = false;
    show(node);
  };
  return { node, open };
}

export function mountRequests() {
  const panel = document.getElementById("requests"), body = panel.querySelector(".body");
  const list = makeList(), one = makeOne();
  let asked = 0;

  async function refresh() {
    const mine = ++asked;
    try {
      const answer = await get(`requests${query({ ...filter.values(), limit: LIMIT })}`);
      if (mine === asked) list.draw(answer.requests);
      panel.hidden = false;
    } catch (error) {
      if (error.status === 404) panel.hidden = true; // this gateway remembers none
    }
  }

  const filter = makeFilter(refresh);
  body.append(one.node, filter.node, list.note, list.node);

  async function openEntry(id) {
    try {
      const request = await get(`requests/${encodeURIComponent(id)}`);
      one.open(titleOf(request), waterfall(request));
    } catch (error) {
      const isGone = error.status === 404;
      one.open(isGone ? "Not found" : "Not known", el("p", {}, isGone
        ? "It is not remembered any more. Errors and the slowest are kept longer than the rest."
        : error.message));
    }
  }

  async function openByCorrelation(id) {
    const { requests } = await get(`requests${query({ correlation_id: id, limit: LIMIT })}`);
    if (requests.length === 1) return openEntry(requests[0].id);
    if (requests.length === 0) {
      return one.open("Not found", el("p", {}, "No request that is remembered has the correlation id ",
        el("code", {}, id), ". It may be too long ago, or never have come here."));
    }
    const rows = requests.map((r) => el("li", {}, el("a", { href: addressOf("entry", r.id) },
      titleOf(r)), " ", statusBadge(r.status), ` ${duration(r.duration_ms)}, `, time(r.started_at)));
    return one.open(`${count(requests.length)} records of ${id}`, el("ul", { class: "records" }, rows));
  }

  onAddress("request", (id) => openByCorrelation(id).catch((error) => one.open("Not known", el("p", {}, error.message))));
  onAddress("entry", openEntry);
  onAddress("route", (route) => {
    filter.set({ route });
    show(panel);
  });
  onAddress("requests", (status) => {
    filter.set({ status });
    show(panel);
  });

  setInterval(() => {
    const isRead = panel.contains(document.activeElement) && list.node.contains(document.activeElement);
    if (!document.hidden && !panel.hidden && filter.follows() && !isRead) refresh();
  }, EVERY);
  refresh();
  return { setRoutes: filter.setRoutes };
}
