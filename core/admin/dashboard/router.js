// What the part of the address behind # asks for: "#request=ID", "#backend=NAME", "#requests=5xx",
// so that a look at something can be shared. Without "=" it is a place in the page.

const handlers = new Map();

export function onAddress(key, handler) {
  handlers.set(key, handler);
}

export function addressOf(key, value) {
  return `#${key}=${encodeURIComponent(value)}`;
}

export function goTo(key, value) {
  const address = addressOf(key, value);
  if (location.hash === address) follow();
  else location.hash = address;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function follow() {
  const [, key, value] = /^#([a-z]+)=(.*)$/.exec(location.hash) ?? [];
  if (key) handlers.get(key)?.(decode(value));
}

export function startRouting() {
  addEventListener("hashchange", follow);
  follow();
}

// Scrolls there, and the focus goes along.
export function show(node) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  node.focus({ preventScroll: true });
}
