// A state: a shape, a word and a colour, any of which is enough.
import { el, setAttribute, setText } from "./dom.js";

const SHAPES = { ok: "disc", warn: "half", bad: "diamond", off: "ring" };

export const BREAKER = {
  closed: { tone: "ok", word: "closed", means: "calls pass" },
  half_open: { tone: "warn", word: "half open", means: "a few trial calls pass" },
  open: { tone: "bad", word: "open", means: "calls fail at once" },
  forced_open: { tone: "bad", word: "forced open", means: "calls fail at once, until an operator closes it" },
  disabled: { tone: "off", word: "disabled", means: "calls pass, whatever happens" },
};

export function breaker(state) {
  return BREAKER[state] ?? { tone: "off", word: String(state).replaceAll("_", " "), means: "" };
}

// { node, set(tone, word, title) }
export function badge(tone = "off", word = "") {
  const glyph = el("i", { "aria-hidden": "true" }), text = el("span");
  const node = el("span", { class: "badge" }, glyph, text);
  const set = (newTone, newWord, title = "") => {
    setAttribute(node, "class", `badge ${newTone}`);
    setAttribute(glyph, "class", `glyph ${SHAPES[newTone]}`);
    setAttribute(node, "title", title);
    setText(text, newWord);
  };
  set(tone, word);
  return { node, set };
}

export function badgeNode(tone, word, title) {
  const made = badge();
  made.set(tone, word, title);
  return made.node;
}
