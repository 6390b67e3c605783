// Whether the objects agree with the gateway: asked of the binary itself.
import { spawnSync } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from "node:fs";
import { name, ofKind, workloads } from "./manifests.js";

const MOONGATE = process.env.MOONGATE ?? "build/moongate";
const SPARE = 5; // seconds between the gateway's own last limit and SIGKILL

function ask(args, env = {}) {
  const { status, stdout, stderr } =
    spawnSync(MOONGATE, args, { encoding: "utf8", env: { PATH: process.env.PATH, ...env } });
  return { status, stdout, stderr };
}

const knownSettings = () =>
  new Set([...ask(["help"]).stdout.matchAll(/^ {2}([A-Z][A-Z_]+) /gm)].map((m) => m[1]));

const routesOf = (folder) => JSON.parse(ask(["routes", folder, "--json"]).stdout);

const scriptsOf = (objects) =>
  ofKind(objects, "ConfigMap").find((c) => c.metadata.name === "moongate-scripts").data;

// The environment of a container, as far as it is text.
function environment(objects, container) {
  const maps = (container.envFrom ?? []).map(({ configMapRef }) =>
    ofKind(objects, "ConfigMap").find((c) => c.metadata.name === configMapRef.name).data);
  const own = (container.env ?? []).map((e) => [e.name, e.value ?? ""]);
  return Object.assign({}, ...maps, Object.fromEntries(own));
}

const containers = (objects) =>
  workloads(objects).flatMap((w) => w.spec.template.spec.containers.map((c) => [w, c]));

// Each variable is a setting, and its value one that the gateway takes.
export function settings(objects) {
  const known = knownSettings();
  return containers(objects).flatMap(([workload, container]) => {
    const env = environment(objects, container);
    const odd = Object.keys(env).filter((key) => !known.has(key));
    const { status, stderr } = ask(["routes", "scripts"], env);
    return [...odd.map((key) => `${name(workload)}: ${key} is no setting`),
      ...(status === 0 ? [] : [`${name(workload)}: ${stderr.trim()}`])];
  });
}

// Kubernetes does not kill what the gateway still waits for.
export function patience(objects) {
  return containers(objects).flatMap(([workload, container]) => {
    const env = { DRAIN_SECONDS: "5", SERVICE_TIMEOUT: "30", ...environment(objects, container) };
    const needed = Number(env.DRAIN_SECONDS) + Number(env.SERVICE_TIMEOUT) + SPARE;
    const { terminationGracePeriodSeconds: grace = 30 } = workload.spec.template.spec;
    return grace >= needed ? [] : [`${name(workload)} needs ${needed} s to end, and has ${grace}`];
  });
}

// The ConfigMap as the kubelet lays it out: a folder without folders.
export function scripts(objects) {
  const data = scriptsOf(objects);
  mkdirSync("build/deploy", { recursive: true });
  const folder = mkdtempSync("build/deploy/scripts-");
  for (const [file, text] of Object.entries(data)) writeFileSync(`${folder}/${file}`, text);
  const { status, stdout, stderr } = ask(["check", folder]);
  const labels = (at) => String(routesOf(at).map((route) => `${route.method} ${route.pattern}`));
  const same = labels(folder) === labels("scripts");
  rmSync(folder, { recursive: true });
  return [...(status === 0 ? [] : [stdout + stderr]),
    ...(same ? [] : ["its routes are not those of scripts/"]), ...left(data)];
}

// What of scripts/ the generator leaves out.
function left(data) {
  return ["", "lib/", "routes/"].flatMap((folder) => readdirSync(`scripts/${folder}`)
    .filter((file) => file.endsWith(".lua") && !(folder.replace("/", ".") + file in data))
    .map((file) => `scripts/${folder}${file} is not in scripts/kustomization.yaml`));
}

export function probes(objects) {
  const patterns = routesOf("scripts").filter((r) => r.method === "GET").map((r) => r.pattern);
  return containers(objects).flatMap(([workload, container]) =>
    ["startupProbe", "livenessProbe", "readinessProbe"].map((probe) => container[probe]?.httpGet)
      .filter((get) => get && !(patterns.includes(get.path) &&
        container.ports.some((port) => port.name === get.port)))
      .map((get) => `${name(workload)}: nothing answers ${get.path} on ${get.port}`));
}

// User and folders are the image's.
export function image(objects) {
  if (!existsSync("Dockerfile")) return [];
  const text = readFileSync("Dockerfile", "utf8");
  return workloads(objects).flatMap((workload) => {
    const { securityContext, containers } = workload.spec.template.spec;
    const user = `USER ${securityContext.runAsUser}:${securityContext.runAsGroup}`;
    const places = containers[0].volumeMounts.map((mount) => mount.mountPath);
    return [user, ...places].filter((part) => !text.includes(part))
      .map((part) => `${name(workload)}: the image has no ${part}`);
  });
}
