// Whether what the objects of one overlay say of each other is so. Each rule returns what is wrong,
// a line each; `objects` is the whole overlay.
import { readFileSync } from "node:fs";
import { name, ofKind, workloads } from "./manifests.js";

const containersOf = (workload) => workload.spec.template.spec.containers;

function matches(selector, labels = {}) {
  const wanted = Object.entries(selector?.matchLabels ?? selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

function selected(objects, selector) {
  return workloads(objects).filter((w) => matches(selector, w.spec.template.metadata.labels));
}

function hasPort(workload, port) {
  return containersOf(workload).some((container) =>
    container.ports.some(({ name, containerPort }) => port === name || port === containerPort));
}

// --- selectors ---

export function selectors(objects) {
  const wrong = [];
  for (const object of objects) {
    const { spec } = object;
    const selector = object.kind === "NetworkPolicy" ? spec.podSelector
      : ["Service", "PodDisruptionBudget"].includes(object.kind) ? spec.selector : null;
    if (selector && selected(objects, selector).length !== 1)
      wrong.push(`${name(object)} does not select exactly one workload`);
  }
  for (const workload of workloads(objects)) {
    const { labels } = workload.spec.template.metadata;
    const spread = workload.spec.template.spec.topologySpreadConstraints ?? [];
    for (const selector of [workload.spec.selector, ...spread.map((s) => s.labelSelector)])
      if (!matches(selector, labels)) wrong.push(`${name(workload)} does not select its own pods`);
  }
  return wrong;
}

// --- ports ---

function servicePorts(objects) {
  return ofKind(objects, "Service").flatMap((service) => service.spec.ports
    .filter(({ port, targetPort }) =>
      selected(objects, service.spec.selector).some((w) => !hasPort(w, targetPort ?? port)))
    .map(({ targetPort }) => `${name(service)}: nobody has port ${targetPort}`));
}

function ingressPorts(objects) {
  const services = ofKind(objects, "Service");
  return ofKind(objects, "Ingress").flatMap((ingress) => ingress.spec.rules
    .flatMap((rule) => rule.http.paths.map((path) => path.backend.service))
    .filter((backend) => !services.some((service) => service.metadata.name === backend.name &&
      service.spec.ports.some(({ name }) => name === backend.port.name)))
    .map((backend) => `${name(ingress)}: no service ${backend.name} with ${backend.port.name}`));
}

function policyPorts(objects) {
  return ofKind(objects, "NetworkPolicy").flatMap((policy) => policy.spec.ingress
    .flatMap((rule) => rule.ports)
    .filter(({ port }) =>
      !selected(objects, policy.spec.podSelector).every((w) => hasPort(w, port)))
    .map(({ port }) => `${name(policy)}: its pods have no port ${port}`));
}

function monitorPorts(objects) {
  return ofKind(objects, "ServiceMonitor").flatMap((monitor) => monitor.spec.endpoints
    .filter(({ port }) => !ofKind(objects, "Service").some((service) =>
      matches(monitor.spec.selector, service.metadata.labels) &&
      service.spec.ports.some(({ name }) => name === port)))
    .map(({ port }) => `${name(monitor)}: no service with port ${port}`));
}

export function ports(objects) {
  return [servicePorts, ingressPorts, policyPorts, monitorPorts].flatMap((rule) => rule(objects));
}

// --- names ---

// What the cluster's owner makes by hand; the page says how.
function isToBeMade(kind, wanted) {
  const page = readFileSync("docs/kubernetes.md", "utf8");
  return kind === "Secret" && new RegExp(`create secret \\S+ ${wanted}\\b`).test(page);
}

function referred(workload) {
  const { spec } = workload.spec.template;
  const found = [["ServiceAccount", spec.serviceAccountName ?? "default"]];
  for (const container of spec.containers) {
    for (const { configMapRef } of container.envFrom ?? [])
      found.push(["ConfigMap", configMapRef.name]);
    for (const { valueFrom } of container.env ?? [])
      if (valueFrom?.secretKeyRef) found.push(["Secret", valueFrom.secretKeyRef.name]);
  }
  for (const { configMap } of spec.volumes ?? [])
    if (configMap) found.push(["ConfigMap", configMap.name]);
  if (workload.kind === "StatefulSet") found.push(["Service", workload.spec.serviceName]);
  return found;
}

function mounts(workload) {
  const claims = (workload.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name);
  const volumes = [...(workload.spec.template.spec.volumes ?? []).map((v) => v.name), ...claims];
  const mounted = containersOf(workload).flatMap((c) => c.volumeMounts.map((m) => m.name));
  const odd = [...mounted.filter((m) => !volumes.includes(m)),
    ...volumes.filter((v) => !mounted.includes(v))];
  return odd.map((v) => `${name(workload)}: volume ${v} is not both declared and mounted`);
}

export function names(objects) {
  const has = (kind, wanted) => wanted === "default" || isToBeMade(kind, wanted) ||
    objects.some((object) => object.kind === kind && object.metadata.name === wanted);
  const secrets = [
    ...ofKind(objects, "ServiceMonitor").flatMap((m) =>
      m.spec.endpoints.map((e) => ["Secret", e.authorization.credentials.name])),
    ...ofKind(objects, "Ingress").flatMap((i) =>
      (i.spec.tls ?? []).map((tls) => ["Secret", tls.secretName])),
  ];
  return [
    ...[...workloads(objects).flatMap(referred), ...secrets]
      .filter(([kind, wanted]) => !has(kind, wanted))
      .map(([kind, wanted]) => `there is no ${kind} ${wanted}`),
    ...workloads(objects).flatMap(mounts),
  ];
}

export function namespaces(objects) {
  const spaces = ofKind(objects, "Namespace").map((object) => object.metadata.name);
  return objects
    .filter((object) => object.kind !== "Namespace" && object.metadata.namespace !== spaces[0])
    .map((object) => `${name(object)} is not in ${spaces[0]}`);
}

// --- scaling ---

export function scaling(objects) {
  return ofKind(objects, "HorizontalPodAutoscaler").flatMap((scaler) => {
    const { kind, name: wanted } = scaler.spec.scaleTargetRef;
    const target = ofKind(objects, kind).find((object) => object.metadata.name === wanted);
    if (!target) return [`${name(scaler)}: there is no ${kind} ${wanted}`];
    if (target.spec.replicas !== undefined) return [`${name(target)} has replicas of its own`];
    return containersOf(target)
      .filter((container) => !container.resources.requests.cpu)
      .map((container) => `${container.name} requests no cpu to count in`);
  });
}

// --- the gateway's addresses of its backends ---

// Each may be asked, as far as the network's policy goes, and is there if the overlay brings it.
export function backends(objects) {
  const { data } = ofKind(objects, "ConfigMap").find((c) => c.metadata.name.includes("-settings"));
  const rules = ofKind(objects, "NetworkPolicy").flatMap((policy) => policy.spec.egress ?? []);
  const keys = Object.keys(data).filter((key) => key.endsWith("_SERVICE_URL"));
  return keys.map((key) => data[key]).flatMap((url) => {
    const { hostname, port } = new URL(url);
    const labels = { "app.kubernetes.io/name": hostname };
    const allowed = rules.some((rule) => rule.ports.some((p) => p.port === Number(port)) &&
      rule.to.some((to) => matches(to.podSelector, labels)));
    const own = ofKind(objects, "Service").find((service) => service.metadata.name === hostname);
    const served = !own || own.spec.ports.some((p) => p.port === Number(port));
    return allowed && served ? [] : [`${url} cannot be asked`];
  });
}

// --- Pod Security "restricted" ---

function pod(spec) {
  const { securityContext: s = {} } = spec;
  return s.runAsNonRoot && s.seccompProfile?.type === "RuntimeDefault" && s.runAsUser > 0 &&
    spec.automountServiceAccountToken === false && !spec.hostNetwork && !spec.hostPID;
}

function container({ securityContext: s = {}, resources = {} }) {
  return s.allowPrivilegeEscalation === false && s.readOnlyRootFilesystem && !s.privileged &&
    s.capabilities?.drop?.[0] === "ALL" && !s.capabilities.add && resources.limits?.memory;
}

export function restricted(objects) {
  return workloads(objects)
    .filter((w) => !pod(w.spec.template.spec) || !containersOf(w).every(container))
    .map((w) => `${name(w)} is not restricted`);
}
