// Background jobs: what runs and how far it is, what waits, what came of the last ones.
import { get, post } from "../api.js";
import { badgeNode } from "../badge.js";
import { askAndDo } from "../confirm.js";
import { el, keyed, replace, setText } from "../dom.js";
import { ago } from "../format.js";

const MOST = 12;
const TONES = { running: "ok", waiting: "off", queued: "off", pending: "off", done: "ok", completed: "ok",
  failed: "bad", cancelled: "off" };
const OVER = ["done", "completed", "failed", "cancelled"];

const errorText = (error) => (typeof error === "string" ? error : error?.message ?? error?.kind ?? "");

function progress(job) {
  const percent = Math.round(job.percent ?? 0);
  return [el("progress", { max: "100", value: `${percent}`, "aria-label": `Progress of ${job.kind}` }),
    el("span", { class: "number" }, `${percent} %`)];
}

function makeRow(first, refresh) {
  const id = first.id, state = el("span"), bar = el("span", { class: "progress" }), about = el("p", { class: "story" });
  const place = el("div", { class: "actions" });
  place.append(el("button", { type: "button", "aria-label": `Cancel job ${id}`, onclick: () => askAndDo(place, {
    question: `Cancel the ${first.kind} job ${id}?`, verb: "Cancel the job",
    act: () => post(`jobs/${encodeURIComponent(id)}/cancel`), done: `Job ${id} is cancelled.`, after: refresh,
  }) }, "Cancel"));
  const node = el("article", { class: "job", "aria-label": `Job ${id}` },
    el("header", {}, el("h3", {}, first.kind), state, bar), about, place);
  return {
    node,
    update(job) {
      const isOver = OVER.includes(job.status);
      replace(state, badgeNode(TONES[job.status] ?? "off", job.status));
      replace(bar, isOver ? null : progress(job));
      replace(about, el("code", {}, id), job.created_at ? el("span", {}, ago(job.created_at)) : null,
        job.attempts > 1 ? el("span", {}, `attempt ${job.attempts}`) : null,
        errorText(job.error) ? el("span", { class: "is-bad" }, errorText(job.error)) : null);
      place.hidden = isOver || place.nextElementSibling?.matches(".confirm") === true;
    },
  };
}

export function mountJobs() {
  const panel = document.getElementById("jobs"), body = panel.querySelector(".body");
  const note = el("p", { class: "none" }), list = el("div", { class: "rows" });
  body.append(note, list);
  const draw = keyed(list, (job) => job.id, (first) => makeRow(first, refresh));

  async function refresh() {
    try {
      const { jobs } = await get("jobs");
      const n = draw(jobs.slice(0, MOST));
      setText(note, n === 0 ? "None has been asked for." : jobs.length > n ? `The newest ${n} of ${jobs.length}.` : "");
      note.hidden = note.textContent === "";
    } catch (error) {
      panel.hidden = error.status === 404;
      setText(note, `Not known: ${error.message}`);
    }
  }
  return { refresh };
}
