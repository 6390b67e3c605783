// The generations of scripts: which is live since when and by whom, how others differ, and back.
import { get, post } from "../api.js";
import { badgeNode } from "../badge.js";
import { askAndDo } from "../confirm.js";
import { el, keyed, replace, table } from "../dom.js";
import { count, time } from "../format.js";
import { onAddress, show } from "../router.js";

const COLUMNS = [
  { title: "Generation" }, { title: "Live since" }, { title: "By" }, { title: "sha256", class: "wide" },
  { title: "In work", class: "number" }, { title: "What to do", class: "unseen" },
];

// --- the difference ---

function lineClass(line) {
  if (/^(---|\+\+\+) /.test(line)) return "file";
  if (line.startsWith("@@")) return "place";
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : "";
}

function diffNode(text) {
  const lines = text.replace(/\n$/, "").split("\n");
  return el("pre", { class: "diff", tabindex: "0" }, lines.map((line) =>
    el("span", { class: lineClass(line) }, `${line}\n`)));
}

async function showDiff(place, number) {
  try {
    const text = await get(`generations/${number}/diff`);
    const title = el("h3", { tabindex: "-1" }, `From generation ${number} to the live one`);
    const close = el("button", { type: "button", class: "close", onclick: () => replace(place) }, "Close");
    replace(place, el("header", {}, title, close), text ? diffNode(text) : el("p", { class: "none" }, "They are the same."));
    show(title);
  } catch (error) {
    replace(place, el("p", { class: "refused", role: "alert" }, error.message));
  }
}

// --- the list ---

function makeRow(first, refresh, diffPlace) {
  const number = first.generation;
  const state = el("td"), work = el("td", { class: "number" }), place = el("div", { class: "actions" });
  const by = el("td", {}, first.origin), when = el("td", {}, time(first.live_at));
  const rollBack = el("button", { type: "button", onclick: () => askAndDo(place, {
    question: `Go back to the scripts of generation ${number}? They become a new generation and are held until the files change.`,
    verb: `Go back to ${number}`,
    act: () => post("rollback", { generation: number }),
    done: `The scripts of generation ${number} are live again.`,
    after: refresh,
  }), "aria-label": `Roll back to generation ${number}` }, "Roll back");
  const diff = el("button", { type: "button", "aria-label": `How generation ${number} differs from the live one`,
    onclick: () => showDiff(diffPlace, number) }, "Diff");
  place.append(diff, rollBack);
  const title = el("th", { scope: "row" }, `${number} `);
  const live = badgeNode("ok", "live"), held = badgeNode("warn", "held", "until the files change");
  title.append(live, held);
  const node = el("tr", {}, title, when, by, el("td", { class: "wide" }, el("code", { title: first.sha256 }, first.sha256.slice(0, 12))),
    work, el("td", {}, place));
  state.remove();
  return {
    node,
    update(generation) {
      live.hidden = !generation.live;
      held.hidden = !generation.held;
      diff.hidden = rollBack.hidden = generation.live;
      replace(work, count(generation.in_work));
    },
  };
}

export function mountScripts() {
  const body = document.querySelector("#scripts .body");
  const { node, body: rows } = table("Generations of scripts, newest first", COLUMNS);
  const diffPlace = el("div", { class: "diff-place" }), tools = el("div", { class: "actions" });
  const draw = keyed(rows, (item) => item.generation, (first) => makeRow(first, refresh, diffPlace));

  async function refresh() {
    try {
      draw((await get("generations")).generations);
    } catch (error) {
      console.info("generations:", error.message);
    }
  }

  const reload = el("button", { type: "button", onclick: () => askAndDo(tools, {
    question: "Load the scripts folder now, whether it has changed or not?",
    verb: "Load it", act: () => post("reload"), done: "The scripts are loaded.", after: refresh,
  }) }, "Load from disk");
  tools.append(reload);
  body.append(node, tools, diffPlace);
  onAddress("generation", (number) => showDiff(diffPlace, Number(number)));
  return { refresh };
}
