// The live feed: server-sent events, read by fetch because EventSource cannot send the token.
import { fetchWithToken } from "./api.js";

const FIRST_PAUSE = 500, LONGEST_PAUSE = 15000; // ms
const SILENCE = 10000; // ms without a byte: the connection is dead
const UNSEEN = 20000; // ms in a tab that nobody looks at: browsers have six connections to a host

// Takes text in pieces; calls onEvent(name, data) for each complete event.
export class EventReader {
  constructor(onEvent, onRetry = () => {}) {
    this.onEvent = onEvent;
    this.onRetry = onRetry;
    this.rest = "";
    this.reset();
  }

  reset() {
    this.name = "message";
    this.data = [];
  }

  take(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r/);
    this.rest = lines.pop();
    lines.forEach((line) => this.line(line));
  }

  line(line) {
    if (line === "") return this.dispatch();
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
    else if (field === "retry" && /^\d+$/.test(value)) this.onRetry(Number(value));
  }

  dispatch() {
    if (this.data.length) this.onEvent(this.name, this.data.join("\n"));
    this.reset();
  }
}

async function readStream(response, reader, alive) {
  const decoder = new TextDecoder();
  const pieces = response.body.getReader();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done) return;
    alive();
    reader.take(decoder.decode(value, { stream: true }));
  }
}

let current = null; // the AbortController of the stream

// Reads until the stream ends or falls silent; throws if there is none.
async function follow(onEvent, onRetry, onOpen) {
  const abort = new AbortController();
  current = abort;
  let watchdog;
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => abort.abort(), SILENCE);
  };
  const options = { headers: { Accept: "text/event-stream" }, signal: abort.signal };
  try {
    const response = await fetchWithToken("admin/events", options);
    if (!response.ok) throw new Error(`the feed answered ${response.status}`);
    onOpen();
    alive();
    await readStream(response, new EventReader(onEvent, onRetry), alive);
  } finally {
    clearTimeout(watchdog);
  }
}

// A page that is left, or not looked at for a while, gives its connection back; what it has missed is
// in the first event of the next.
function restWhileUnseen() {
  let timer;
  addEventListener("pagehide", () => current?.abort());
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => current?.abort(), UNSEEN);
  });
}

function untilSeen() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

// For ever. handlers: { event(name, data), state("live" | "connecting" | "lost", retryInMs) }
export async function openFeed(handlers) {
  let base = FIRST_PAUSE, pause = base;
  // What goes wrong in drawing is a bug of ours, and no reason to hang up.
  const onEvent = (name, text) => {
    try {
      handlers.event(name, JSON.parse(text));
    } catch (error) {
      console.error(error);
    }
  };
  restWhileUnseen();
  for (;;) {
    await untilSeen();
    handlers.state("connecting");
    try {
      await follow(onEvent, (ms) => (base = ms), () => {
        pause = base;
        handlers.state("live");
      });
    } catch (error) {
      console.info("the live feed:", error.message);
    }
    handlers.state("lost", pause);
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}
