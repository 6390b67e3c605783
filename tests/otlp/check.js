// Whether what was sent to a collector is OTLP: reads lines of JSON, each the body of a request, and
// takes each through OpenTelemetry's own protobuf classes and back. What they do not know, or would
// write otherwise, is told; the exit code says whether anything was.
//
//     node tests/otlp/check.js build/otlp <bodies
import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const packages = createRequire(resolve(process.argv[2], "package.json"));
const root = packages("@opentelemetry/otlp-transformer/build/src/generated/root.js");
const Request = root.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;

// proto3's JSON has bytes in base64; OTLP has ids in hexadecimal.
const ID_LENGTHS = { traceId: 32, spanId: 16, parentSpanId: 16 };

// An empty list is as good as none.
function read(key, value) {
  if (Array.isArray(value) && value.length === 0) return undefined;
  if (!(key in ID_LENGTHS)) return value;
  if (!/^[0-9a-f]+$/.test(value) || /^0+$/.test(value) || value.length !== ID_LENGTHS[key])
    throw new Error(`${key}: ${JSON.stringify(value)} is no id`);
  return Buffer.from(value, "hex").toString("base64");
}

function check(line) {
  const sent = JSON.parse(line, read);
  const message = Request.fromObject(sent);
  const fault = Request.verify(message);
  if (fault) throw new Error(fault);
  const again = Request.toObject(Request.decode(Request.encode(message).finish()), {
    longs: String,
    bytes: String,
    enums: Number,
  });
  deepStrictEqual(sent, JSON.parse(JSON.stringify(again)));
}

let faults = 0;
const lines = readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  try {
    check(line);
  } catch (error) {
    console.log(error.message);
    faults++;
  }
}
console.log(`${lines.length} requests, ${faults} with faults`);
process.exitCode = faults > 0 || lines.length === 0 ? 1 : 0;
