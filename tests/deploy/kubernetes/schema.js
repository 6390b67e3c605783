// Whether an object is what Kubernetes' published OpenAPI schema says, by the validators that
// kubernetes-models makes of it (and of the Prometheus operator's CRDs).
//
// The schema allows fields it does not know; the API server, asked strictly, does not. What the
// validator never looks at is such a field, so it is given an object that notes what is read.
import { packages } from "./manifests.js";

function modelOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const library = group === "monitoring.coreos.com"
    ? "@kubernetes-models/prometheus-operator"
    : "kubernetes-models";
  return packages([library, group, version, kind].filter(Boolean).join("/"))[kind];
}

function noting(value, path, seen) {
  if (value === null || typeof value !== "object") return value;
  const note = (key) => typeof key === "string" && seen.add(`${path}.${key}`);
  return new Proxy(value, {
    get(target, key) {
      note(key);
      return noting(target[key], `${path}.${String(key)}`, seen);
    },
    ownKeys(target) { // a map: all keys are read
      Object.keys(target).forEach(note);
      return Reflect.ownKeys(target);
    },
  });
}

function unknown(value, path, seen) {
  if (value === null || typeof value !== "object") return [];
  return Object.keys(value).flatMap((key) => {
    const at = `${path}.${key}`;
    return seen.has(at) ? unknown(value[key], at, seen) : [`${at.slice(1)}: no such field`];
  });
}

// What is wrong with it, a line each.
export function faults(object) {
  const seen = new Set();
  try {
    modelOf(object).prototype.validate.call(noting(object, "", seen));
  } catch (error) {
    return [error.message];
  }
  return unknown(object, "", seen);
}
