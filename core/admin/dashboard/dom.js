// Elements, made without markup: text stays text whatever is in it.

// el("p", { class: "note", onclick: f, "aria-label": "..." }, "text", child, null, [more])
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) set(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else node.setAttribute(name, value === true ? "" : value);
}

// Only what differs is written, so that nobody's selection or screen reader is disturbed.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null));
}

// Keeps the children of `parent` in step with `items`: one each, by key, made once and then updated.
// make(item) returns { node, update(item) }; returns the number of children.
export function keyed(parent, key, make) {
  const rows = new Map();
  return (items) => {
    const keys = new Set(items.map(key));
    for (const [id, row] of rows) {
      if (keys.has(id)) continue;
      row.node.remove();
      row.end?.();
      rows.delete(id);
    }
    items.forEach((item, i) => {
      const id = key(item);
      if (!rows.has(id)) rows.set(id, make(item));
      const row = rows.get(id);
      if (parent.children[i] !== row.node) parent.insertBefore(row.node, parent.children[i] ?? null);
      row.update(item);
    });
    return rows.size;
  };
}

// A table whose region scrolls by itself where it is too wide, also by keyboard. Columns are
// { title, class }; rows go into `body`.
export function table(caption, columns) {
  const heads = columns.map((c) => el("th", { scope: "col", class: c.class }, c.title));
  const body = el("tbody");
  const node = el("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    el("table", {}, el("caption", { class: "quiet" }, caption),
      el("thead", {}, el("tr", {}, heads)), body));
  return { node, body };
}

// What was done, said once to those who do not see it.
export function say(text) {
  document.getElementById("said").textContent = text;
}
