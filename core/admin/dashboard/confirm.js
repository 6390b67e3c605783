// A question before something is done, in the place of the button that asked for it: by keyboard,
// Tab leads to the answers and Escape takes it back. The focus returns to where it was.
import { el, say } from "./dom.js";

function form(question, verb, field, finish) {
  const input = field && el("input", { type: "text", required: true, maxlength: "200", "aria-label": field });
  const node = el("form", { class: "confirm", role: "group", "aria-label": question, tabindex: "-1" },
    el("p", {}, question),
    input && el("label", {}, `${field} `, input),
    el("span", { class: "answers" },
      el("button", { type: "submit", class: "danger" }, verb),
      el("button", { type: "button", onclick: () => finish(null) }, "Cancel")));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    finish(input ? input.value.trim() : true);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape") finish(null);
  });
  return node;
}

// Resolves to null if it is taken back, else to true or to what was put into `field`. `place` is
// hidden meanwhile.
function ask(place, { question, verb, field }) {
  const back = document.activeElement;
  return new Promise((resolve) => {
    const node = form(question, verb, field, (answer) => {
      node.remove();
      place.hidden = false;
      if (back?.isConnected) back.focus();
      resolve(answer);
    });
    place.hidden = true;
    place.after(node);
    node.focus();
  });
}

// Asks, does it, and says how it went: done(result) or the reason it was refused.
export async function askAndDo(place, options) {
  const answer = await ask(place, options);
  if (answer === null) return;
  try {
    const result = await options.act(answer);
    say(options.done);
    options.after?.(result);
  } catch (error) {
    say(`Not done: ${error.message}`);
    const note = el("p", { class: "refused", role: "alert" }, `Not done: ${error.message}`);
    place.after(note);
    setTimeout(() => note.remove(), 15000);
  }
}
