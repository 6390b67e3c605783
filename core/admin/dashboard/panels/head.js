// The bar at the top: which gateway this is, how it is, and whether what is shown is live.
import { badge } from "../badge.js";
import { el, replace, setAttribute, setText } from "../dom.js";
import { moment, span } from "../format.js";

const FEED = {
  connecting: ["off", "Connecting"],
  live: ["ok", "Live"],
  lost: ["bad", "Not connected"],
};

function readiness(status) {
  if (status.ready === false) return ["bad", "Not ready", status.not_ready_because ?? ""];
  if (status.shutting_down) return ["bad", "Not ready", "shutting down"];
  return ["ok", "Ready", ""];
}

function fact(name, value, title) {
  return el("div", {}, el("dt", {}, name), el("dd", { title }, value));
}

export function mountHead() {
  const ready = badge(), feed = badge("off", "Connecting");
  document.getElementById("ready").append(ready.node);
  const where = document.getElementById("feed");
  where.append(feed.node);
  let started = null, retry = null;

  function drawFacts(status) {
    const { live } = status;
    const sum = live.sha256.slice(0, 12);
    replace(document.getElementById("facts"),
      fact("Version", status.version),
      fact("Generation", `${live.generation}`, `sha256 ${sum}, live since ${moment(live.live_at)}, by ${live.origin}`),
      fact("Up", el("span", { id: "uptime" }, span(status.uptime_seconds))),
      fact("Workers", `${status.workers}`),
      status.disk_differs ? el("div", { class: "differs" }, el("dt", {}, "On disk"), el("dd", {}, "differs")) : null);
  }

  setInterval(() => {
    const uptime = document.getElementById("uptime");
    if (uptime && started) setText(uptime, span((Date.now() - started) / 1000));
    if (retry) setText(feed.node.lastChild, `Not connected, next try in ${span((retry - Date.now()) / 1000)}`);
  }, 1000);

  return {
    status(status) {
      const [tone, word, why] = readiness(status);
      ready.set(tone, why ? `${word}: ${why}` : word);
      started = Date.now() - status.uptime_seconds * 1000;
      drawFacts(status);
    },
    feed(state, retryIn) {
      retry = state === "lost" && retryIn > 1500 ? Date.now() + retryIn : null;
      feed.set(...FEED[state]);
      setAttribute(document.body, "data-feed", state);
    },
  };
}
