// Checks deploy/kubernetes: each overlay, rendered, against the schema, against itself and against
// the gateway. Prints TAP. Run from the top folder, by tests/deploy/run.
import * as gateway from "./gateway.js";
import { name, render } from "./manifests.js";
import * as references from "./references.js";
import { faults } from "./schema.js";

let count = 0;

function report(title, wrong) {
  console.log(`${wrong.length ? "not ok" : "ok"} ${++count} - kubernetes: ${title}`);
  for (const line of wrong) console.log(`    ${line}`);
  if (wrong.length) process.exitCode = 1;
}

const schema = (objects) =>
  objects.flatMap((object) => faults(object).map((fault) => `${name(object)}: ${fault}`));

const RULES = {
  "what the schema says": schema,
  "one namespace": references.namespaces,
  "selectors select": references.selectors,
  "ports exist": references.ports,
  "names resolve": references.names,
  "what scales is there": references.scaling,
  "backends can be asked": references.backends,
  "pods are restricted": references.restricted,
  "variables are settings": gateway.settings,
  "probes are answered": gateway.probes,
  "the end is waited for": gateway.patience,
  "scripts are whole": gateway.scripts,
  "the image fits": gateway.image,
};

for (const overlay of ["dev", "prod", "prod-journal"]) {
  const objects = render(overlay);
  for (const [title, rule] of Object.entries(RULES)) report(`${overlay}: ${title}`, rule(objects));
}

// The rules see what they are for: each of these breaks one of them.
const pod = (o) => o.Deployment.spec.template.spec;
const container = (o) => pod(o).containers[0];
const BROKEN = {
  "what the schema says": [
    (o) => { pod(o).terminationGracePeriodSecond = 1; },
    (o) => { o.Deployment.spec.replicas = "two"; },
    (o) => { delete o.Service.spec.ports[0].port; },
    (o) => { o.ServiceMonitor.spec.endpoints[0].pathh = "/"; },
  ],
  "one namespace": [(o) => { delete o.Service.metadata.namespace; }],
  "selectors select": [
    (o) => { o.Service.spec.selector = { a: "b" }; },
    (o) => { o.NetworkPolicy.spec.podSelector = { matchLabels: { a: "b" } }; },
  ],
  "ports exist": [
    (o) => { o.Ingress.spec.rules[0].http.paths[0].backend.service.port.name = "web"; },
    (o) => { o.ServiceMonitor.spec.endpoints[0].port = "web"; },
    (o) => { o.Service.spec.ports[0].targetPort = "web"; },
  ],
  "names resolve": [
    (o) => { pod(o).volumes[0].configMap.name = "x"; },
    (o) => { container(o).volumeMounts[0].name = "x"; },
    (o) => { o.ServiceMonitor.spec.endpoints[0].authorization.credentials.name = "x"; },
  ],
  "what scales is there": [
    (o) => { o.HorizontalPodAutoscaler.spec.scaleTargetRef.name = "x"; },
    (o) => { o.Deployment.spec.replicas = 3; },
  ],
  "backends can be asked": [(o) => { o.NetworkPolicy.spec.egress.pop(); }],
  "pods are restricted": [
    (o) => { pod(o).securityContext = {}; },
    (o) => { container(o).securityContext.capabilities.add = ["NET_ADMIN"]; },
  ],
  "variables are settings": [
    (o) => { container(o).env.push({ name: "PROT", value: "1" }); },
    (o) => { container(o).env.push({ name: "PORT", value: "x" }); },
  ],
  "probes are answered": [(o) => { container(o).livenessProbe.httpGet.path = "/healthz"; }],
  "the end is waited for": [(o) => { pod(o).terminationGracePeriodSeconds = 30; }],
};

function misses(rule, breaks) {
  const objects = structuredClone(prod);
  // The first of each kind; that is the gateway's own.
  breaks(Object.fromEntries([...objects].reverse().map((object) => [object.kind, object])));
  return rule(objects).length === 0;
}

const prod = render("prod");
for (const [title, breaks] of Object.entries(BROKEN))
  report(`${title}: told when not`, breaks.filter((b) => misses(RULES[title], b)).map(String));

console.log(`1..${count}`);
