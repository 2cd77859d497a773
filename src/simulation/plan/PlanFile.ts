/**
 * Plans as files in TOML or JSON. All problems of a file are reported at once, each with its place and its remedy.
 *
 * @since 0.2.0
 */
import { Predicate, Result, Schema, type SchemaIssue } from "effect"
import * as Toml from "effect/encoding/Toml"
import { type Problem, show } from "../../config/ConfigProblem.ts"
import { type Alias, nearest } from "../../config/Suggestion.ts"
import type { InvariantBroken } from "../SimulationError.ts"
import * as Plan from "./Plan.ts"

/**
 * A file with its path.
 *
 * @category models
 * @since 0.2.0
 */
export interface File {
  readonly path: string
  readonly text: string
}

/**
 * The format of a file. A name that ends in `.json` means JSON, any other TOML.
 *
 * @category models
 * @since 0.2.0
 */
export type Format = "toml" | "json"

const formatOf = (path: string): Format => (/\.json$/i.test(path) ? "json" : "toml")

/**
 * The plan in a file.
 *
 * @category decoding
 * @since 0.2.0
 */
export const parse = (file: File): Result.Result<Plan.Plan, Plan.PlanError> =>
  Result.flatMap(parseUnchecked(file), (plan) => Result.map(Plan.check(plan, ` in ${file.path}`), () => plan))

/**
 * The plan in a file without the checks of `Plan.check`, for a caller that overrides parts of it and checks it then.
 *
 * @category decoding
 * @since 0.2.0
 */
export const parseUnchecked = (file: File): Result.Result<Plan.Plan, Plan.PlanError> =>
  Result.flatMap(read(file, formatOf(file.path)), (raw) => decodeUnchecked(raw, ` in ${file.path}`))

/**
 * The text of a file with this plan.
 *
 * @category encoding
 * @since 0.2.0
 */
export const format = (plan: Plan.Plan, format: Format): Result.Result<string, Plan.PlanError> =>
  Result.map(encode(plan), (encoded) => (format === "json" ? jsonText(encoded) : tomlText(encoded)))

// --- recorded plans --------------------------------------------------------------

const Broken = Schema.Struct({ invariant: Schema.String, node: Schema.String, event: Schema.Int })

/**
 * A broken invariant: its name, the node, and the number of events before it.
 *
 * @category models
 * @since 0.2.0
 */
export type Broken = typeof Broken.Type

/**
 * A plan, with the invariant that broke when it was carried out, if one did.
 *
 * @category models
 * @since 0.2.0
 */
export interface Replay {
  readonly plan: Plan.Plan
  readonly broken: Broken | undefined
}

const ReplayFile = Schema.Struct({ plan: Schema.Json, broken: Schema.optionalKey(Broken) })

/**
 * Reads a file that `formatReplay` wrote.
 *
 * @category decoding
 * @since 0.2.0
 */
export const parseReplay = (file: File): Result.Result<Replay, Plan.PlanError> =>
  Result.flatMap(read(file, "json"), (raw) => {
    const outer = Schema.decodeUnknownResult(ReplayFile)(raw)
    if (Result.isFailure(outer)) {
      const expected = "`plan`, and `broken` with `invariant`, `node` and `event` if something broke"
      return refused("", `${file.path} is no recorded plan; expected a JSON object with ${expected}`)
    }
    const { broken, plan } = outer.success
    return Result.map(decode(plan, ` in ${file.path}`), (plan) => ({ plan, broken }))
  })

/**
 * The text of a JSON file with a plan and the invariant that broke.
 *
 * @category encoding
 * @since 0.2.0
 */
export const formatReplay = (
  plan: Plan.Plan,
  broken: InvariantBroken | Broken | undefined
): Result.Result<string, Plan.PlanError> =>
  Result.map(encode(plan), (encoded) =>
    jsonText({
      plan: encoded,
      ...(broken === undefined
        ? {}
        : { broken: { invariant: broken.invariant, node: broken.node, event: broken.event } })
    })
  )

// --- reading ---------------------------------------------------------------------

const refused = (key: string, message: string): Result.Result<never, Plan.PlanError> =>
  Result.fail(new Plan.PlanError({ problems: [{ key, message }] }))

const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Json))

const read = ({ path, text }: File, format: Format): Result.Result<unknown, Plan.PlanError> => {
  if (format === "toml") {
    return Result.orElse(Toml.parse(text), (error) => refused("", `${path}: ${error.message}`))
  }
  return Result.orElse(parseJson(text), () =>
    refused("", `${path} is not JSON; a plan in TOML is in a file named .toml`)
  )
}

/**
 * The plan in parsed TOML or JSON. In messages, `where` follows the name of each key, such as " in plan.toml".
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = (raw: unknown, where = ""): Result.Result<Plan.Plan, Plan.PlanError> =>
  Result.flatMap(decodeUnchecked(raw, where), (plan) => Result.map(Plan.check(plan, where), () => plan))

const decodeUnchecked = (raw: unknown, where: string): Result.Result<Plan.Plan, Plan.PlanError> => {
  const decoded = Schema.decodeUnknownResult(Plan.Plan)(raw, { errors: "all", onExcessProperty: "error" })
  if (Result.isFailure(decoded)) {
    const found: Array<Finding> = []
    collect(decoded.failure.issue, [], found)
    return Result.fail(new Plan.PlanError({ problems: problemsOf(found, raw, where) }))
  }
  return Result.succeed(decoded.success)
}

type Path = ReadonlyArray<PropertyKey>

interface Finding {
  readonly path: Path
  readonly kind: "missing" | "unknown" | "wrong"
}

/** Collects one finding for each problem that gets a message. */
const collect = (issue: SchemaIssue.Issue, path: Path, found: Array<Finding>): void => {
  switch (issue._tag) {
    case "Pointer":
      return collect(issue.issue, [...path, ...issue.path], found)
    case "Encoding":
    case "Filter":
      return collect(issue.issue, path, found)
    case "Composite":
      for (const part of issue.issues) collect(part, path, found)
      return
    case "AnyOf":
      // A union of steps has issues only for the member with the matching `do`.
      if (isStep(path) && issue.issues.length > 0) for (const part of issue.issues) collect(part, path, found)
      else found.push({ path: isStep(path) ? [...path, "do"] : path, kind: "wrong" })
      return
    case "MissingKey":
      found.push({ path, kind: "missing" })
      return
    case "UnexpectedKey":
      found.push({ path, kind: "unknown" })
      return
    default:
      found.push({ path, kind: "wrong" })
  }
}

const isStep = (path: Path): boolean => path[0] === "step" && path.length === 2

/** A key and where it is. */
interface Place {
  readonly key: string
  /** The step that it belongs to, with its index and, if known, its kind. */
  readonly step: { readonly index: number; readonly kind: string | undefined } | undefined
  /** The valid keys there. */
  readonly keys: ReadonlyArray<string>
  /** What the keys belong to, for messages. */
  readonly owner: string
}

const placeOf = (path: Path, raw: unknown): Place => {
  const [top = "", second, third] = path.map(String)
  if (top === "step" && second !== undefined) {
    const index = Number(second)
    const kind = valueAt(raw, ["step", index, "do"])
    const known = [...Plan.stepKinds].find(([name]) => name === kind)
    const step = { index, kind: known?.[0] }
    return { key: third ?? "", step, keys: known?.[1] ?? [], owner: `a step that is "${known?.[0]}"` }
  }
  if (top === "network" && second !== undefined) {
    return { key: `network.${second}`, step: undefined, keys: Plan.networkKeys, owner: "`network`" }
  }
  return { key: path.slice(0, 3).map(String).join("."), step: undefined, keys: Plan.planKeys, owner: "a plan" }
}

/** The value at a path. */
const valueAt = (raw: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, key) => (Predicate.hasProperty(value, key) ? value[key] : undefined), raw)

/** The part of a path that gets one message: it ends at a key, not at the items of a list. */
const named = (path: Path): Path =>
  path.slice(0, path[0] === "step" || path[0] === "config" ? 3 : path[0] === "network" ? 2 : 1)

const problemsOf = (found: ReadonlyArray<Finding>, raw: unknown, where: string): ReadonlyArray<Problem> => {
  const problems = new Map<string, Problem>()
  for (const { kind, path } of found) {
    const own = named(path)
    const key = own.map(String).join(".")
    problems.set(key, { key, message: messageOf(own, kind, raw, where) })
  }
  return [...problems.values()]
}

const messageOf = (path: Path, kind: Finding["kind"], raw: unknown, where: string): string => {
  const value = show(valueAt(raw, path))
  if (path.length === 0) return `the plan${where} is ${value}; expected an object with \`nodes\` and \`duration_ms\``
  const place = placeOf(path, raw)
  const ofStep = place.step === undefined ? "" : ` of ${Plan.stepName(place.step.index, place.step.kind)}`
  if (place.step !== undefined && !Predicate.isObject(valueAt(raw, path.slice(0, 2)))) {
    return `${Plan.stepName(place.step.index, undefined)}${where} is ${show(valueAt(raw, path.slice(0, 2)))}; expected a table with \`at_ms\` and \`do\``
  }
  const name = `\`${place.key}\`${ofStep}${where}`
  switch (kind) {
    case "unknown":
      return `unknown key ${name}${hint(place)}`
    case "missing":
      return `${name} is missing; expected ${expectationOf(place)}`
    default:
      if (place.key === "do") return doMessage(valueAt(raw, path), name)
      return `${name} is ${value}; expected ${expectationOf(place)}`
  }
}

const quoted = (names: Iterable<string>): string => Array.from(names, (name) => `\`${name}\``).join(", ")

const hint = ({ key, keys, owner }: Place): string => {
  const last = key.slice(key.lastIndexOf(".") + 1)
  const found = nearest(
    last,
    keys.map((name): Alias => [name, `\`${name}\``])
  )
  return found === undefined ? `; the keys of ${owner} are ${quoted(keys)}` : `; did you mean ${found}?`
}

const doMessage = (value: unknown, name: string): string => {
  if (value === undefined) return `${name} is missing; expected ${kindsText}`
  const found = Predicate.isString(value)
    ? nearest(
        value,
        [...Plan.stepKinds.keys()].map((kind): Alias => [kind, `"${kind}"`])
      )
    : undefined
  return `${name} is ${show(value)}; ${found === undefined ? `expected ${kindsText}` : `did you mean ${found}?`}`
}

const kindsText = `one of ${[...Plan.stepKinds.keys()].map((kind) => `"${kind}"`).join(", ")}`

const probability = "a number from 0 to 1"
const instant = `a number of milliseconds from 0 to ${Plan.MaxMillis}`
const span = `a number of milliseconds from 0.001 to ${Plan.MaxMillis}`
const names = 'a list of names of nodes, such as ["n3", "n7"]'
const selection = `a number of nodes, which the seed draws, or ${names}`
const count = `a whole number from 1 to ${Plan.MaxNodes}`
const toggle = "true or false"

/** The end of the sentence "expected ..." for each key. Except for `nodes`, keys of one name expect the same. */
const expectations = new Map<string, string>([
  ["nodes", count],
  ["old_nodes", `a whole number from 0 to ${Plan.MaxNodes}`],
  ["seed", "a number or a text"],
  ["duration_ms", span],
  ["join_over_ms", instant],
  ["peers", count],
  ["encrypt", toggle],
  ["network", "a table of conditions, `[network]`"],
  ["config", "a table of sections, such as `[config.gossip]`"],
  ["step", "a list of steps, each `[[step]]`"],
  ["latency_ms", instant],
  ["jitter_ms", instant],
  ["loss", probability],
  ["duplicate", probability],
  ["corrupt", probability],
  ["reorder", probability],
  ["reorder_by_ms", instant],
  ["reject", probability],
  ["bandwidth", "a number of bytes per second above 0; left out, there is no limit"],
  ["queue", "a number of bytes, at least 0; left out, there is no limit"],
  ["mtu", "a number of bytes above 0; left out, there is no limit"],
  ["at_ms", instant],
  ["for_ms", span],
  ["after_ms", span],
  ["by_ms", instant],
  ["clock_behind_ms", instant],
  ["identity", '"same" or "new"'],
  ["groups", 'a list of lists of names of nodes, such as [["n1", "n2"], ["n3"]]'],
  ["part", probability],
  ["from", names],
  ["to", names],
  ["both_ways", toggle],
  ["inbound", selection],
  ["outbound", selection],
  ["rate", "a number from 0.01 to 100, such as 1.05 for 5 % fast"],
  ["count", count],
  ["about", 'the name of a node, such as "n3"'],
  ["status", '"alive", "suspect" or "dead"'],
  ["incarnation_ahead", `a whole number from 0 to ${2 ** 31 - 1}`]
])

const expectationOf = ({ key, step }: Place): string => {
  if (step !== undefined && key === "nodes") return selection
  if (key.startsWith("config.")) {
    return key.indexOf(".") === key.lastIndexOf(".")
      ? `a section, \`[${key}]\``
      : "a text, a number, true, false, or a list of texts"
  }
  return expectations.get(key.slice(key.lastIndexOf(".") + 1)) ?? "something else"
}

// --- writing ---------------------------------------------------------------------

type Encoded = typeof Plan.Plan.Encoded

const encode = (plan: Plan.Plan): Result.Result<Encoded, Plan.PlanError> =>
  Result.mapError(
    Schema.encodeResult(Plan.Plan)(plan),
    (error) => new Plan.PlanError({ problems: [{ key: "", message: error.message }] })
  )

const jsonText = (value: Schema.Json): string => `${JSON.stringify(value, null, 2)}\n`

const tomlKey = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : tomlString(name))

// The escapes of JSON are valid in TOML, but only TOML requires one for U+007F.
const tomlString = (text: string): string => JSON.stringify(text).replaceAll("\u007f", "\\u007f")

// TOML reads whole numbers as integers and refuses those beyond 2^53, so they are written as floats.
const tomlNumber = (value: number): string =>
  Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value)

const tomlValue = (value: unknown): string => {
  if (Predicate.isString(value)) return tomlString(value)
  if (Predicate.isNumber(value)) return tomlNumber(value)
  return Array.isArray(value) ? `[${value.map(tomlValue).join(", ")}]` : String(value)
}

const tomlLines = (table: object): string =>
  Object.entries(table)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${tomlKey(name)} = ${tomlValue(value)}\n`)
    .join("")

const tomlText = ({ config = {}, network = {}, step: steps = [], ...top }: Encoded): string => {
  const section = (header: string, table: object): string => `${header}\n${tomlLines(table)}`
  return [
    tomlLines(top),
    ...(Object.keys(network).length === 0 ? [] : [section("[network]", network)]),
    ...Object.entries(config).map(([name, table]) => section(`[config.${tomlKey(name)}]`, table)),
    ...steps.map((step) => section("[[step]]", step))
  ].join("\n")
}
