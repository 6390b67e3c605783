// Sagas that are not over: what they have done, what is undone, and what holds them up.
import { get, post } from "../api.js";
import { badgeNode } from "../badge.js";
import { askAndDo } from "../confirm.js";
import { el, keyed, replace, setText } from "../dom.js";
import { ago, time } from "../format.js";
import { addressOf, onAddress, show } from "../router.js";

const STATES = { running: ["ok", "at work"], compensating: ["warn", "being undone"], committed: ["ok", "committed"],
  compensated: ["off", "undone"], resolved: ["off", "resolved"] };
const OUTCOMES = { "done": "ok", "unknown": "warn", "no effect": "off" };
const UNDOS = { none: null, pending: ["warn", "undo is due"], done: ["ok", "undone"] };

const stateOf = (saga) => STATES[saga.state] ?? ["off", saga.state.replaceAll("_", " ")];
const requestText = (r) => (r ? `${r.backend}: ${r.method} ${r.path}` : "");

function stepNode(step) {
  const undo = UNDOS[step.undo_state];
  const tried = step.undo_attempts ? ` tried ${step.undo_attempts} times` : "";
  return el("li", {}, el("code", {}, requestText(step.act)), badgeNode(OUTCOMES[step.outcome] ?? "off", step.outcome),
    undo && badgeNode(undo[0], `${undo[1]}${tried}`),
    step.undo_error && el("span", { class: "is-bad" }, step.undo_error),
    step.undo_next_at && el("span", { class: "muted" }, "next ", time(step.undo_next_at)));
}

function actionsOf(saga, refresh) {
  const place = el("div", { class: "actions" }), path = `sagas/${encodeURIComponent(saga.id)}`;
  const button = (title, options) => el("button", { type: "button", "aria-label": `${title}: ${saga.id}`,
    onclick: () => askAndDo(place, { ...options, after: refresh }) }, title);
  place.append(
    button("Retry", { question: `Try to undo ${saga.id} now?`, verb: "Retry now",
      act: () => post(`${path}/retry`), done: `${saga.id} is tried now.` }),
    button("Resolve", { question: `Declare that ${saga.id} needs no more undoing?`, verb: "Resolve", field: "Reason",
      act: (reason) => post(`${path}/resolve`, { reason }), done: `${saga.id} is resolved.` }));
  return place;
}

function makeRow(first, refresh) {
  const state = el("span"), about = el("p", { class: "story" }), steps = el("ol", { class: "steps" });
  const actions = actionsOf(first, refresh);
  const node = el("article", { class: "saga", id: `saga-${first.id}`, tabindex: "-1", "aria-label": `Saga ${first.id}` },
    el("header", {}, el("h3", {}, el("code", {}, first.id)), state), about, steps, actions);
  return {
    node,
    update(saga) {
      replace(state, badgeNode(...stateOf(saga)));
      replace(about, el("span", {}, saga.kind), el("span", {}, `for ${ago(saga.created_at).replace(" ago", "")}`),
        saga.reason ? el("span", { class: "is-bad" }, saga.reason) : null,
        saga.correlation_id ? el("a", { href: addressOf("request", saga.correlation_id) }, "its request") : null);
      replace(steps, (saga.steps ?? []).map(stepNode));
      actions.hidden = saga.state !== "compensating" || actions.nextElementSibling?.matches(".confirm") === true;
    },
  };
}

const MOST = 20;

export function mountSagas() {
  const panel = document.getElementById("sagas"), body = panel.querySelector(".body");
  const note = el("p", { class: "none" }), list = el("div", { class: "rows" });
  body.append(note, list);
  const draw = keyed(list, (saga) => String(saga.number), (first) => makeRow(first, refresh));

  async function withSteps(saga) {
    try {
      return await get(`sagas/${encodeURIComponent(saga.id)}`);
    } catch {
      return saga; // it is over by now
    }
  }

  async function refresh() {
    try {
      const { sagas } = await get("sagas?open");
      const shown = await Promise.all(sagas.slice(0, MOST).map(withSteps));
      const n = draw(shown);
      const more = sagas.length > n ? `${sagas.length - n} more are open: moongate sagas --open` : "";
      setText(note, n === 0 ? "None is open." : more);
      note.hidden = note.textContent === "";
    } catch (error) {
      setText(note, `Not known: ${error.message}`);
      note.hidden = false;
    }
  }

  onAddress("saga", (id) => show(document.getElementById(`saga-${id}`) ?? panel));
  return { refresh };
}
