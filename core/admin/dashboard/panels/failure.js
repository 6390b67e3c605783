// Why the scripts on disk cannot be loaded: file, line, and the lines around.
import { el, replace } from "../dom.js";
import { ago, time } from "../format.js";

// The marks of a column below its line; tabs stay as wide as they are above.
function caret(text, column) {
  return `${text.slice(0, column - 1).replace(/[^\t]/g, " ")}^`;
}

function excerptNode(error) {
  const { first_line: first, lines } = error.excerpt;
  const width = String(first + lines.length - 1).length;
  return el("pre", { class: "excerpt", tabindex: "0", "aria-label": `${error.file} around line ${error.line}` },
    lines.flatMap((text, i) => {
      const number = first + i, isIt = number === error.line;
      const gutter = el("span", { class: "gutter" }, `${String(number).padStart(width)} `);
      const line = el("span", { class: isIt ? "culprit" : "" }, gutter, isIt ? "> " : "  ", text, "\n");
      if (!isIt || !error.column) return [line];
      return [line, el("span", { class: "caret" }, `${" ".repeat(width + 3)}${caret(text, error.column)}\n`)];
    }));
}

function placeOf(error) {
  return [error.file, error.line, error.column].filter((part) => part !== undefined).join(":");
}

function errorNode(error) {
  return el("li", {}, el("p", {}, error.file && el("code", { class: "place" }, placeOf(error)), " ",
    el("span", { class: "message" }, error.message)), error.excerpt && excerptNode(error));
}

export function mountFailure() {
  const panel = document.getElementById("failure"), body = panel.querySelector(".body");
  const since = el("span");
  let shown = "null";
  return {
    draw(failure, generation) {
      if (failure) replace(since, "Since ", time(failure.since), ` (${ago(failure.since)}). `);
      const key = JSON.stringify([failure, generation]);
      if (key === shown) return;
      shown = key;
      panel.hidden = !failure;
      if (!failure) return replace(body);
      return replace(body, el("p", { class: "lead" }, since,
        `Generation ${generation} goes on; what is on disk is loaded as soon as it is mended.`),
      el("ol", { class: "errors" }, failure.errors.map(errorNode)));
    },
  };
}
