// Charts by uPlot, in the colours of the page, which follow the reader's wish for light or dark. A
// chart is a picture: what it shows is said by its label.
/* global uPlot */
import { el, setAttribute } from "./dom.js";
import { clock } from "./format.js";
import { SECONDS } from "./history.js";

const all = new Set();
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => all.forEach((chart) => chart.rebuild()));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function lines(list) {
  return list.map(({ colour: name, fill, dash }) => ({
    stroke: colour(name),
    fill: fill ? colour(`${name}-wash`) : undefined,
    width: 1.5,
    dash,
    points: { show: false },
    spanGaps: false,
  }));
}

// From zero, so that a small wobble does not look like a storm.
function fromZero(least) {
  return (u, low, high) => [0, Math.max(least, (high ?? 0) * 1.15)];
}

// Five minutes, or as long as there is something to see, but a minute.
function lastMinutes(u, low, high) {
  const end = high ?? Date.now() / 1000;
  return [Math.max(end - SECONDS, Math.min(low ?? end, end - 60)), end];
}

const BARE = { cursor: { show: false }, legend: { show: false }, axes: [{ show: false }, { show: false }] };

function axes(format) {
  const ink = colour("--muted"), grid = { stroke: colour("--line"), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const shared = { stroke: ink, font, ticks: { show: false }, grid };
  return [
    { ...shared, size: 20, gap: 2, space: 90, grid: { show: false },
      values: (u, list) => list.map((s) => clock(s * 1000).slice(0, 5)), incrs: [60, 120, 300] },
    { ...shared, size: 46, gap: 4, space: 24, values: (u, list) => list.map(format) },
  ];
}

class Chart {
  constructor(box, options) {
    this.box = box;
    this.options = options;
    this.data = [[], ...options.lines.map(() => [])];
    this.size = { width: 0, height: options.height };
    this.observer = new ResizeObserver(([entry]) => this.resize(Math.floor(entry.contentRect.width)));
    this.observer.observe(box);
    all.add(this);
  }

  resize(width) {
    if (width < 1 || width === this.size.width) return;
    this.size.width = width;
    if (this.plot) this.plot.setSize(this.size);
    else this.build();
  }

  build() {
    const { format, least = 1, onCursor } = this.options;
    const rest = format
      ? { axes: axes(format), legend: { show: false }, hooks: { setCursor: [onCursor] },
        cursor: { y: false, points: { size: 6 }, drag: { x: false }, sync: { key: "now" } } }
      : BARE;
    this.plot = new uPlot({
      ...this.size, ...rest, padding: format ? [6, 16, 0, 0] : [2, 0, 2, 0],
      scales: { x: { time: true, range: lastMinutes }, y: { range: fromZero(least) } },
      series: [{}, ...lines(this.options.lines)],
    }, this.data, this.box);
  }

  rebuild() {
    this.plot?.destroy();
    if (this.plot) this.build();
  }

  draw(times, ...values) {
    this.data = [times, ...values];
    if (!document.hidden) this.plot?.setData(this.data);
  }

  end() {
    this.observer.disconnect();
    this.plot?.destroy();
    all.delete(this);
  }
}

// { node, draw(label, times, ...values), end() }. options: { lines: [{ colour, fill, dash }], height,
// least: the smallest top of the scale; format(value) and onCursor(u) for one with axes }
export function chart(options) {
  const node = el("div", { class: options.format ? "chart" : "spark", role: "img" });
  const made = new Chart(node, options);
  return {
    node,
    draw(label, times, ...values) {
      setAttribute(node, "aria-label", label);
      made.draw(times, ...values);
    },
    end: () => made.end(),
  };
}

// "p99 of inventory, last 5 minutes: now 12 ms, lowest 3 ms, highest 2.0 s"
export function describe(what, values, format) {
  const there = values.filter((value) => value !== null);
  if (there.length === 0) return `${what}: nothing in the last 5 minutes`;
  const low = format(Math.min(...there)), high = format(Math.max(...there));
  return `${what}, last 5 minutes: now ${format(there.at(-1))}, lowest ${low}, highest ${high}`;
}
