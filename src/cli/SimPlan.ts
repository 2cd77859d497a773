/** The plan of the flags of `gossip sim` and of the files that they name. */
import { Duration, Effect, type FileSystem, Option, Result, Schema } from "effect"
import * as ConfigFile from "../config/ConfigFile.ts"
import { type Problem, show } from "../config/ConfigProblem.ts"
import { encode, type Given, resolve } from "../config/ConfigResolution.ts"
import { entries, type Entry, valueAt } from "../config/ConfigTable.ts"
import * as TextFile from "../node/TextFile.ts"
import * as Plan from "../simulation/plan/Plan.ts"
import * as PlanFile from "../simulation/plan/PlanFile.ts"
import type * as NodeFlags from "./NodeFlags.ts"

/** Flags for events. Events at one instant happen in this order. */
export const eventFlags = ["kill", "crash", "stop", "restart", "freeze", "partition", "cut"] as const
export type EventFlag = (typeof eventFlags)[number]

/** The texts of the flags. */
export interface Flags extends Readonly<Record<EventFlag, ReadonlyArray<string>>> {
  readonly scenarioFile: Option.Option<string>
  readonly scenario: Option.Option<string>
  readonly replay: Option.Option<string>
  readonly config: Option.Option<string>
  readonly nodes: Option.Option<string>
  readonly oldNodes: Option.Option<string>
  readonly seconds: Option.Option<string>
  readonly seed: Option.Option<string>
  readonly loss: Option.Option<string>
  readonly latency: Option.Option<string>
  readonly jitter: Option.Option<string>
  readonly encrypt: boolean
}

/** A plan, with the invariant that broke when it was recorded. */
export interface Loaded extends PlanFile.Replay {
  /** The file with the recording. */
  readonly recording: string | undefined
}

export type LoadError = Plan.PlanError | NodeFlags.LoadError

/** Loads the plan of flags and files. A flag overrides the file. */
export const load = Effect.fnUntraced(function* (
  flags: Flags
): Effect.fn.Return<Loaded, LoadError, FileSystem.FileSystem> {
  if (Option.isSome(flags.replay)) return yield* loadRecording(flags.replay.value, flags)
  if (Option.isSome(flags.scenario) && Option.isSome(flags.scenarioFile)) {
    return yield* refused("--scenario and SCENARIO are the same; give one of them")
  }
  const path = Option.getOrUndefined(Option.orElse(flags.scenario, () => flags.scenarioFile))
  const base = path === undefined ? defaults : yield* scenario(path)
  const config = yield* Option.match(flags.config, { onNone: () => Effect.succeed({}), onSome: nodeConfig })
  return { plan: yield* Effect.fromResult(merged(base, flags, config, path)), broken: undefined, recording: undefined }
})

const refused = (message: string): Plan.PlanError => new Plan.PlanError({ problems: [{ key: "", message }] })

/** The plan without any flag. */
const defaults: Plan.Plan = Plan.make({ nodes: 10, duration: Duration.seconds(60) })

const readFile = (path: string) => Effect.map(TextFile.read(path), (text) => ({ path, text }))

const scenario = (path: string) =>
  Effect.flatMap(readFile(path), (file) => Effect.fromResult(PlanFile.parseUnchecked(file)))

const loadRecording = Effect.fnUntraced(function* (path: string, flags: Flags) {
  const others = [
    ...eventFlags.filter((flag) => flags[flag].length > 0),
    ...(["nodes", "seconds", "seed", "loss", "latency", "jitter", "config", "scenario"] as const).filter((flag) =>
      Option.isSome(flags[flag])
    ),
    ...(Option.isSome(flags.oldNodes) ? ["old-nodes"] : []),
    ...(flags.encrypt ? ["encrypt"] : [])
  ].map((flag) => `--${flag}`)
  if (Option.isSome(flags.scenarioFile)) others.push(show(flags.scenarioFile.value))
  if (others.length > 0) return yield* refused(`--replay carries a plan out as it is; leave out ${others.join(", ")}`)
  const recorded = yield* Effect.fromResult(PlanFile.parseReplay(yield* readFile(path)))
  return { ...recorded, recording: path }
})

// --- the configuration of the nodes ----------------------------------------------

type Sections = Plan.Plan["config"]

const isFileValue = Schema.is(Plan.FileValue)

/** The part of a node's configuration file for all nodes, with the times of its profile. Keys for one node are refused. */
const nodeConfig = Effect.fnUntraced(function* (path: string) {
  const { given, problems: unknown } = yield* Effect.fromResult(ConfigFile.parse(yield* readFile(path)))
  const problems: Array<Problem> = [...unknown]
  const isProfile = ({ entry }: Given) => entry.path === "profile"
  for (const { entry, name } of given.filter((item) => !isProfile(item))) {
    const reason = Plan.refusal(entry)
    if (reason !== undefined) problems.push({ key: entry.path, message: `${name} is not for a simulation: ${reason}` })
  }
  const fit = given.filter(({ entry }) => Plan.refusal(entry) === undefined)
  // Encryption needs a key, which only the plan has, so the plan checks it.
  const judged = yield* Effect.fromResult(
    resolve(
      [...given.filter(isProfile), ...fit.filter(({ entry }) => entry.path !== "network.encryption")],
      problems,
      ({ path }) => path
    )
  )
  const sections: Record<string, Record<string, typeof Plan.FileValue.Type>> = {}
  const take = (entry: Entry, raw: unknown): void => {
    if (isFileValue(raw)) (sections[entry.section] ??= {})[entry.name] = raw
  }
  for (const { entry, raw } of fit) take(entry, raw)
  for (const entry of entries) {
    if (judged.origins.get(entry.path) === "profile") take(entry, encode(entry.key, valueAt(judged.config, entry)))
  }
  return sections
})

const mergedConfig = (base: Sections, over: Sections): Sections => {
  const sections: Record<string, Sections[string]> = { ...base }
  for (const [section, table] of Object.entries(over)) sections[section] = { ...sections[section], ...table }
  return sections
}

// --- flags -------------------------------------------------------------------------

const merged = (
  base: Plan.Plan,
  flags: Flags,
  config: Sections,
  path: string | undefined
): Result.Result<Plan.Plan, Plan.PlanError> => {
  const problems: Array<Problem> = []
  const value = <A>(flag: string, given: Option.Option<string>, parse: (text: string) => Result.Result<A, string>) =>
    Option.getOrUndefined(
      Option.flatMap(given, (text) => {
        const parsed = parse(text)
        if (Result.isSuccess(parsed)) return Option.some(parsed.success)
        problems.push({ key: flag, message: `--${flag} is ${show(text)}; expected ${parsed.failure}` })
        return Option.none()
      })
    )
  const nodes = value("nodes", flags.nodes, wholeNumber(1))
  const oldNodes = value("old-nodes", flags.oldNodes, wholeNumber(0))
  const duration = value("seconds", flags.seconds, seconds)
  const seed = value("seed", flags.seed, seedOf)
  const loss = value("loss", flags.loss, probability)
  const latency = value("latency", flags.latency, instant)
  const jitter = value("jitter", flags.jitter, instant)
  const plan: Plan.Plan = {
    ...base,
    ...(nodes === undefined ? {} : { nodes }),
    ...(oldNodes === undefined ? {} : { oldNodes }),
    ...(duration === undefined ? {} : { duration }),
    ...(seed === undefined ? {} : { seed }),
    encrypt: base.encrypt || flags.encrypt,
    network: {
      ...base.network,
      ...(loss === undefined ? {} : { loss }),
      ...(latency === undefined ? {} : { latency }),
      ...(jitter === undefined ? {} : { jitter })
    },
    config: mergedConfig(base.config, config)
  }
  const half = Duration.millis(Math.floor(Duration.toMillis(plan.duration) / 2))
  const named: Array<string> = []
  const steps: Array<Plan.Step> = []
  for (const flag of eventFlags) {
    for (const text of flags[flag]) {
      const step = stepOf(flag, text, half)
      if (Result.isSuccess(step)) {
        steps.push(step.success)
        named.push(`--${flag} ${text}`)
      } else problems.push({ key: flag, message: `--${flag} ${show(text)}: ${step.failure}` })
    }
  }
  if (problems.length > 0) return Result.fail(new Plan.PlanError({ problems }))
  const whole = { ...plan, steps: [...plan.steps, ...steps] }
  const where = path === undefined ? "" : ` in ${path}`
  const own = plan.steps.length
  const ofStep = (index: number, step: Plan.Step) =>
    index < own ? ` of ${Plan.stepName(index, step.do)}${where}` : ` of ${named[index - own] ?? ""}`
  return Result.map(Plan.check(whole, where, ofStep), () => whole)
}

const numberIn = (text: string): number => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN)

const wholeNumber =
  (minimum: number) =>
  (text: string): Result.Result<number, string> => {
    const value = numberIn(text)
    return Number.isInteger(value) && value >= minimum && value <= Plan.MaxNodes
      ? Result.succeed(value)
      : Result.fail(`a whole number from ${minimum} to ${Plan.MaxNodes}`)
  }

const seconds = (text: string): Result.Result<Duration.Duration, string> => {
  const value = numberIn(text)
  const most = Plan.MaxMillis / 1000
  return value >= 0.001 && value <= most
    ? Result.succeed(Duration.millis(value * 1000))
    : Result.fail(`a number of seconds from 0.001 to ${most}`)
}

/** A seed that is a number becomes a number in the plan. Both mean the same. */
const seedOf = (text: string): Result.Result<number | string, string> =>
  Result.succeed(Number.isFinite(Number(text)) && String(Number(text)) === text ? Number(text) : text)

const probability = (text: string): Result.Result<number, string> => {
  const value = numberIn(text)
  return value >= 0 && value <= 1 ? Result.succeed(value) : Result.fail("a number from 0 to 1")
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const timeForm = "a time with its unit, such as 5ms, 30s, 2m or 1h"

const instant = (text: string): Result.Result<Duration.Duration, string> => {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
  const ms = Number(digits) * (units[unit] ?? NaN)
  return ms <= Plan.MaxMillis ? Result.succeed(Duration.millis(ms)) : Result.fail(timeForm)
}

// --- events ------------------------------------------------------------------------

const forms: Readonly<Record<EventFlag, string>> = {
  kill: "NODES[@WHEN]",
  crash: "NODES[@WHEN]",
  stop: "NODES[@WHEN]",
  restart: "NODES[@WHEN]",
  freeze: "NODES[@WHEN][+HOW_LONG]",
  partition: "PART[@WHEN][+HOW_LONG]",
  cut: "FROM:TO[@WHEN][+HOW_LONG]"
}

const namePattern = /^n[1-9]\d{0,4}$/

const namesIn = (text: string): Result.Result<ReadonlyArray<string>, string> => {
  const names = text.split(",")
  return names.every((name) => namePattern.test(name))
    ? Result.succeed(names)
    : Result.fail(`${show(text)} is no list of nodes; expected names such as n3 or n3,n7`)
}

const selectionIn = (text: string): Result.Result<Plan.NodeSelection, string> => {
  const count = wholeNumber(1)(text)
  if (Result.isSuccess(count)) return count
  return Result.mapError(
    namesIn(text),
    () => `${show(text)} selects no nodes; expected a number from 1 to ${Plan.MaxNodes}, or names such as n3 or n3,n7`
  )
}

/** The step of an event flag. The default time is `half`. */
export const stepOf = (flag: EventFlag, text: string, half: Duration.Duration): Result.Result<Plan.Step, string> =>
  Result.gen(function* () {
    const [, what = "", when, howLong] = /^([^@+]*)(?:@([^@+]*))?(?:\+([^@+]*))?$/.exec(text) ?? []
    if (what === "") return yield* Result.fail(`expected ${forms[flag]}`)
    const time = (text: string) =>
      Result.mapError(instant(text), (expected) => `${show(text)} is no time; expected ${expected}`)
    const at = when === undefined ? half : yield* time(when)
    const lasts = howLong === undefined ? undefined : yield* time(howLong)
    if (lasts !== undefined && !forms[flag].includes("HOW_LONG")) {
      return yield* Result.fail(`it takes no duration; expected ${forms[flag]}`)
    }
    if (lasts !== undefined && Duration.isZero(lasts)) return yield* Result.fail("its duration must be above 0")
    const passing = lasts === undefined ? { at } : { at, for: lasts }
    switch (flag) {
      case "kill":
      case "crash":
      case "stop":
      case "restart":
        return { do: flag, at, nodes: yield* selectionIn(what) }
      case "freeze":
        return { do: flag, ...passing, nodes: yield* selectionIn(what) }
      case "partition": {
        if (what.startsWith("n")) {
          const groups: Array<ReadonlyArray<string>> = []
          for (const group of what.split("|")) groups.push(yield* namesIn(group))
          return { do: flag, ...passing, groups }
        }
        const part = yield* Result.mapError(
          probability(what),
          () => `${show(what)} is no fraction of the nodes; expected a number from 0 to 1, or groups such as n1,n2|n3`
        )
        return { do: flag, ...passing, part }
      }
      case "cut": {
        const [from = "", to = "", ...more] = what.split(":")
        if (more.length > 0 || to === "")
          return yield* Result.fail(`expected ${forms[flag]}, such as n1:n2 or n1,n2:n3`)
        return { do: flag, ...passing, from: yield* namesIn(from), to: yield* namesIn(to) }
      }
    }
  })
