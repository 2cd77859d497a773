/** A plan with its violation, as a file for `gossip sim --replay` and for the explorer. */
import * as fs from "node:fs"
import * as path from "node:path"
import { Result, Schema } from "effect"
import * as PlanFile from "../../src/simulation/plan/PlanFile.ts"
import type * as Plan from "../../src/simulation/plan/Plan.ts"
import { isInvariant, type Violation } from "./Properties.ts"
import type { Draft } from "./Plans.ts"
import type { Finding } from "./Shrink.ts"

const Violated = Schema.Struct({ rule: Schema.String, node: Schema.String, at: Schema.Number, detail: Schema.String })

/** How a plan was found. */
const Found = Schema.Struct({ seed: Schema.Int, plans: Schema.Int, seconds: Schema.Number })
export type Found = typeof Found.Type

const Extras = Schema.fromJsonString(
  Schema.Struct({
    plan: Schema.Unknown,
    violation: Schema.optionalKey(Violated),
    found: Schema.optionalKey(Found)
  })
)

/** The content of a file. */
export interface Recording {
  readonly text: string
  readonly plan: Plan.Plan
  readonly draft: Draft
  readonly violation: typeof Violated.Type | undefined
  readonly found: Found | undefined
}

/** `broken` is for `gossip sim`, which knows the invariants only; `violation` is for the explorer and for people. */
const textOf = ({ draft, violation }: Finding, found: Found | undefined): string => {
  const { at, detail, event, node, rule } = violation
  const broken = isInvariant(rule) ? { broken: { invariant: rule, node, event } } : {}
  return `${JSON.stringify({ plan: draft, ...broken, violation: { rule, node, at, detail }, found }, null, 2)}\n`
}

const writeText = (folder: string, name: string, text: string): string => {
  fs.mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${name}.json`)
  fs.writeFileSync(file, text)
  return file
}

/** Writes a finding into a folder, and returns the path of the file. */
export const write = (folder: string, name: string, finding: Finding, found?: Found): string =>
  writeText(folder, name, textOf(finding, found))

/** Writes a recording into another folder. */
export const keep = (folder: string, name: string, { text }: Recording): string => writeText(folder, name, text)

/** Reads a recording. Throws if it is not valid. */
export const read = (file: string): Recording => {
  const text = fs.readFileSync(file, "utf8")
  const { plan } = Result.getOrThrow(PlanFile.parseReplay({ path: file, text }))
  const { found, plan: draft, violation } = Schema.decodeUnknownSync(Extras)(text)
  if (!isDraft(draft)) throw new Error(`${file} has no plan`)
  return { text, plan, draft, violation, found }
}

// The caller has decoded it as a plan.
const isDraft = (raw: unknown): raw is Draft => typeof raw === "object" && raw !== null

/** A violation as one line. */
export const inWords = ({ at, detail, node, rule }: Violation): string =>
  `${rule}${node === "" ? "" : ` on ${node}`} at ${(at / 1000).toFixed(3)} s: ${detail}`
