// What was in the last minutes: series of numbers by name, one value a second, all of the same
// length as `times` (seconds since the epoch). null: nothing was there, or nobody listened.
export const SECONDS = 300;

export class History {
  constructor() {
    this.times = [];
    this.series = new Map();
  }

  get(name) {
    if (!this.series.has(name)) this.series.set(name, this.times.map(() => null));
    return this.series.get(name);
  }

  // One second: `values` by name. A gap breaks the lines that would hide it.
  push(time, values) {
    const last = this.times.at(-1);
    if (last !== undefined && time <= last) return;
    if (last !== undefined && time - last > 3) this.append(last + 1, {});
    this.append(time, values);
  }

  append(time, values) {
    for (const name of Object.keys(values)) this.get(name);
    this.times.push(time);
    for (const [name, list] of this.series) list.push(values[name] ?? null);
    while (this.times[0] < time - SECONDS) {
      this.times.shift();
      for (const list of this.series.values()) list.shift();
    }
  }

  clear() {
    this.times = [];
    this.series = new Map();
  }

  // The values there are, oldest first, with their times.
  points(name) {
    const list = this.get(name);
    return this.times.map((time, i) => ({ time, value: list[i] })).filter((p) => p.value !== null);
  }
}

// Names of series.
export const series = {
  total: (what) => `total ${what}`,
  backend: (name, what) => `backend ${name} ${what}`,
  route: (route, what) => `route ${route} ${what}`,
};

const ROUTE = ["per_s", "errors_per_s", "p50_ms", "p90_ms", "p99_ms"];
const BACKEND = ["per_s", "errors_per_s", "p50_ms", "p99_ms"];
const TOTAL = ["requests_per_s", "errors_per_s", "in_flight", "connections", "p50_ms", "p90_ms", "p99_ms"];

// The numbers of one live event, or of one second of the past, by the names above.
export function numbersOf(live) {
  const values = {};
  const take = (keys, from, name) => {
    for (const key of keys) values[name(key)] = from[key] ?? null;
  };
  take(TOTAL, live, series.total);
  for (const b of live.backends) take(BACKEND, b.now, (key) => series.backend(b.name, key));
  for (const r of live.routes) take(ROUTE, r, (key) => series.route(r.route, key));
  return values;
}
