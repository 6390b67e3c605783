// Numbers and times as people read them.
import { el } from "./dom.js";

const NONE = "–";

export function duration(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms === 0) return "0 ms";
  if (ms < 0.1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return span(ms / 1000);
}

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return NONE;
  if (perSecond === 0) return "0/s";
  if (perSecond < 10) return `${perSecond.toFixed(1)}/s`;
  return `${count(Math.round(perSecond))}/s`;
}

export function count(n) {
  if (n === null || n === undefined) return NONE;
  return n.toLocaleString("en").replaceAll(",", "\u202f");
}

export function percent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return NONE;
  if (share > 0 && share < 0.01) return "< 1 %";
  return `${Math.round(share * 100)} %`;
}

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function clock(when) {
  return new Date(when).toLocaleTimeString("en-GB");
}

// The time of day, or the date as well if that is not today's; in the reader's time zone.
export function moment(when) {
  const date = new Date(when);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock(date) : `${date.toLocaleDateString("en-CA")} ${clock(date)}`;
}

export function time(when, text = moment(when)) {
  return el("time", { datetime: when, title: when }, text);
}

export function ago(when) {
  return `${span((Date.now() - new Date(when).getTime()) / 1000)} ago`;
}
