// The dashboard: what comes from the live feed goes to each panel; what the feed does not tell is
// asked for when the feed says that it has changed, and now and then.
import { get } from "./api.js";
import { openFeed } from "./feed.js";
import { History, numbersOf } from "./history.js";
import { goTo, startRouting } from "./router.js";
import { mountBackends } from "./panels/backends.js";
import { mountFailure } from "./panels/failure.js";
import { mountHead } from "./panels/head.js";
import { mountJobs } from "./panels/jobs.js";
import { mountNow } from "./panels/now.js";
import { mountRequests } from "./panels/requests.js";
import { mountRoutes } from "./panels/routes.js";
import { mountSagas } from "./panels/sagas.js";
import { mountScripts } from "./panels/scripts.js";

const STATUS_EVERY = 5000, OPEN_EVERY = 5000, RUNNING_EVERY = 1000, JOBS_EVERY = 3000; // ms

const past = new History();
const head = mountHead(), now = mountNow(), failure = mountFailure(), backends = mountBackends();
const routes = mountRoutes(), requests = mountRequests(), scripts = mountScripts();
const sagas = mountSagas(), jobs = mountJobs();

let status = null, last = null;

async function refreshStatus() {
  try {
    status = await get("status");
    head.status(status);
    failure.draw(status.failure, status.live.generation);
  } catch (error) {
    console.info("status:", error.message);
  }
}

// What has changed since the last event is asked for again.
function follow(live) {
  const differs = (pick) => JSON.stringify(pick(live)) !== JSON.stringify(last && pick(last));
  if (differs((l) => [l.generation, l.failure])) {
    refreshStatus();
    scripts.refresh();
  }
  if (differs((l) => l.sagas)) sagas.refresh();
  if (differs((l) => l.jobs)) jobs.refresh();
  last = live;
}

const handlers = {
  live(live) {
    past.push(Math.floor(new Date(live.time).getTime() / 1000), numbersOf(live));
    follow(live);
    if (document.hidden) return;
    now.draw(live, status, past);
    backends.draw(live, past);
    routes.draw(live, past);
    requests.setRoutes(live.routes.map((route) => route.route));
  },
  // What was before somebody listened: { from (seconds), series: { name: [values] } }.
  past(answer) {
    past.clear();
    answer.times.forEach((time, i) => past.push(time, numbersOf(secondOf(answer, i))));
  },
};

// The i-th second of columns, as a live event would have told it.
function secondOf(columns, i) {
  const pick = (of) => Object.fromEntries(Object.entries(of).map(([key, value]) => [key, Array.isArray(value) ? value[i] : value]));
  const { routes: ofRoutes, backends: ofBackends, ...totals } = columns;
  return { ...pick(totals), routes: ofRoutes.map(pick), backends: ofBackends.map((of) => ({ name: of.name, now: pick(of) })) };
}

function startFinding() {
  const form = document.getElementById("find"), input = document.getElementById("find-id");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) goTo("request", input.value.trim());
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea");
    if (event.key !== "/" || isTyping) return;
    event.preventDefault();
    input.focus();
  });
}

function every(ms, action) {
  setInterval(() => { if (!document.hidden) action(); }, ms);
}

startFinding();
await refreshStatus(); // asks for the token, if one is wanted
scripts.refresh();
sagas.refresh();
jobs.refresh();
every(STATUS_EVERY, refreshStatus);
every(OPEN_EVERY, () => { if (last?.sagas?.open) sagas.refresh(); });
every(RUNNING_EVERY, () => { if (last?.jobs?.running || last?.jobs?.waiting) jobs.refresh(); });
every(JOBS_EVERY, jobs.refresh); // one may begin and end between two events
startRouting();
openFeed({
  event: (name, data) => handlers[name]?.(data),
  state(state, retryIn) {
    head.feed(state, retryIn);
    if (state === "lost") now.lost(last?.time ?? null);
  },
});
