/** Checks a manifest against the schemas of the Kubernetes API: `node validate-kubernetes.js FILE`. */
import { readFileSync } from "node:fs"
import { Service } from "kubernetes-models/v1/Service"
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet"
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy"
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget"
import { parseAllDocuments } from "yaml"

const kinds = { NetworkPolicy, PodDisruptionBudget, Service, StatefulSet }

for (const document of parseAllDocuments(readFileSync(process.argv[2] ?? "", "utf8"), { version: "1.1" })) {
  if (document.errors.length > 0) throw document.errors[0]
  const value = document.toJS()
  const Kind = kinds[value.kind]
  if (Kind === undefined) throw new Error(`${value.kind} is not one of ${Object.keys(kinds).join(", ")}`)
  new Kind(value).validate()
  console.log(`valid ${value.kind} ${value.metadata.name}`)
}
