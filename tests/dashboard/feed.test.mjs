import assert from "node:assert/strict";
import test from "node:test";
import { EventReader } from "../../core/admin/dashboard/feed.js";

// The events in these pieces, and the last retry.
function read(...pieces) {
  const events = [];
  let retry = null;
  const reader = new EventReader((name, data) => events.push([name, data]), (ms) => { retry = ms; });
  pieces.forEach((piece) => reader.take(piece));
  return { events, retry };
}

test("an event has a name and data", () => {
  assert.deepEqual(read("event: live\ndata: {}\n\n").events, [["live", "{}"]]);
  assert.deepEqual(read("data: x\n\n").events, [["message", "x"]]);
});

test("pieces may end anywhere", () => {
  const text = "retry: 700\n\nevent: live\ndata: one\ndata: two\n\ndata:three\n\n";
  for (let i = 0; i <= text.length; i++) {
    const { events, retry } = read(text.slice(0, i), text.slice(i));
    assert.deepEqual(events, [["live", "one\ntwo"], ["message", "three"]]);
    assert.equal(retry, 700);
  }
});

test("what is not known, and what has no end, is left out", () => {
  assert.deepEqual(read(": a comment\nid: 7\nother\n\nevent: live\n\nevent: live\ndata: x\n").events, []);
  assert.equal(read("retry: soon\n\n").retry, null);
});
