/**
 * Plans: the parameters of a simulation as plain data. A plan says how many nodes there are, how long the simulation lasts,
 * the network, and the steps: what happens to the nodes and when. A file holds the same in TOML or JSON, with times in
 * milliseconds.
 *
 * ```toml
 * nodes = 20
 * seed = 7
 * duration_ms = 60000
 *
 * [network]
 * loss = 0.05
 *
 * [config.gossip]
 * interval_ms = 100
 *
 * [[step]]
 * at_ms = 10000
 * do = "freeze"
 * nodes = ["n3", "n7"]
 * for_ms = 5000
 * ```
 *
 * @since 0.2.0
 */
import { Duration, Effect, Result, Schema, SchemaTransformation, Struct } from "effect"
import type { ClusterConfig, ClusterOptions } from "../../config/ClusterConfig.ts"
import { Problem } from "../../config/ConfigProblem.ts"
import { type Given, resolve } from "../../config/ConfigResolution.ts"
import { type Entry, entries, sections } from "../../config/ConfigTable.ts"
import { type Alias, nearest } from "../../config/Suggestion.ts"
import type { Conditions } from "../network/Conditions.ts"
import { TraceHash } from "../report/Trace.ts"

/**
 * The largest number of nodes, with those that start later.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxNodes = 10_000

/**
 * The longest time in a plan: 30 days, in ms. Virtual time is exact far beyond that.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxMillis = 2_592_000_000

// The checks are on the encoded side, so that all of them run at once and their messages name the keys of files.
const time = (minimum: number) =>
  Schema.Finite.check(Schema.isBetween({ minimum, maximum: MaxMillis })).pipe(
    Schema.decodeTo(Schema.Duration, SchemaTransformation.durationFromMillis)
  )

const Instant = time(0)
/** A time above 0. */
const Span = time(0.001)
const Probability = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Positive = Schema.Finite.check(Schema.isGreaterThan(0))
const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: MaxNodes }))
const Name = Schema.String.check(Schema.isPattern(/^n[1-9]\d{0,4}$/))
const Names = Schema.Array(Name).check(Schema.isMinLength(1))

/**
 * Which nodes a step applies to: a number of nodes, which the seed draws, or names.
 *
 * **Details**
 *
 * Nodes are drawn from those that are up, and `n1` only if no other is left. For a `restart` they are drawn from those
 * that have ended first, and only then from those that are up.
 *
 * @category schemas
 * @since 0.2.0
 */
export const NodeSelection = Schema.Union([Count, Names])
/**
 * The type of the schema `NodeSelection`.
 *
 * @category models
 * @since 0.2.0
 */
export type NodeSelection = typeof NodeSelection.Type

const conditionFields = {
  latency: Schema.optionalKey(Instant),
  jitter: Schema.optionalKey(Instant),
  loss: Schema.optionalKey(Probability),
  duplicate: Schema.optionalKey(Probability),
  corrupt: Schema.optionalKey(Probability),
  reorder: Schema.optionalKey(Probability),
  reorderBy: Schema.optionalKey(Instant),
  reject: Schema.optionalKey(Probability),
  /** In bytes per second. Without it, and without the following two, there is no limit. */
  bandwidth: Schema.optionalKey(Positive),
  queue: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  mtu: Schema.optionalKey(Positive)
}
const conditionKeys = { latency: "latency_ms", jitter: "jitter_ms", reorderBy: "reorder_by_ms" } as const

/**
 * Network conditions, as far as they are given.
 *
 * @category schemas
 * @since 0.2.0
 */
export const NetworkConditions = Schema.Struct(conditionFields).pipe(Schema.encodeKeys(conditionKeys))
/**
 * The type of the schema `NetworkConditions`.
 *
 * @category models
 * @since 0.2.0
 */
export interface NetworkConditions extends Schema.Schema.Type<typeof NetworkConditions> {}

/**
 * The same conditions in the units of `Conditions`.
 *
 * @category conversions
 * @since 0.2.0
 */
export const conditionsOf = (given: NetworkConditions): Partial<Conditions> => {
  const { jitter, latency, reorderBy } = given
  return {
    ...Struct.pick(given, ["loss", "duplicate", "corrupt", "reorder", "reject", "bandwidth", "queue", "mtu"]),
    ...(latency === undefined ? {} : { latency: Duration.toMillis(latency) }),
    ...(jitter === undefined ? {} : { jitter: Duration.toMillis(jitter) }),
    ...(reorderBy === undefined ? {} : { reorderBy: Duration.toMillis(reorderBy) })
  }
}

const stepFields = { at: Instant }
/** Fields of a step that may end: after `for`, and never without it. */
const passingFields = { ...stepFields, for: Schema.optionalKey(Span) }
const stepKeys = { at: "at_ms" } as const
const passingKeys = { ...stepKeys, for: "for_ms" } as const

/** Processes are killed. Their machines refuse datagrams. */
const Kill = Schema.Struct({ do: Schema.Literal("kill"), ...stepFields, nodes: NodeSelection }).pipe(
  Schema.encodeKeys(stepKeys)
)

/** Machines fail. They are silent. */
const Crash = Schema.Struct({ do: Schema.Literal("crash"), ...stepFields, nodes: NodeSelection }).pipe(
  Schema.encodeKeys(stepKeys)
)

/** Nodes leave. */
const Stop = Schema.Struct({ do: Schema.Literal("stop"), ...stepFields, nodes: NodeSelection }).pipe(
  Schema.encodeKeys(stepKeys)
)

/** Machines start their nodes again. A node that has not ended is killed first. */
const Restart = Schema.Struct({
  do: Schema.Literal("restart"),
  ...stepFields,
  nodes: NodeSelection,
  /** The id of the former life, which is the default, or an unused one. */
  identity: Schema.optionalKey(Schema.Literals(["same", "new"])),
  clockBehind: Schema.optionalKey(Instant)
}).pipe(Schema.encodeKeys({ ...stepKeys, clockBehind: "clock_behind_ms" }))

/** Processes are stopped, as by SIGSTOP. */
const Freeze = Schema.Struct({ do: Schema.Literal("freeze"), ...passingFields, nodes: NodeSelection }).pipe(
  Schema.encodeKeys(passingKeys)
)

/** Datagrams to nodes wait, while their timers run. */
const BlockIo = Schema.Struct({ do: Schema.Literal("block_io"), ...passingFields, nodes: NodeSelection }).pipe(
  Schema.encodeKeys(passingKeys)
)

/** A partition into groups, or of a fraction of all nodes from the others. A later partition replaces it. */
const Partition = Schema.Struct({
  do: Schema.Literal("partition"),
  ...passingFields,
  groups: Schema.optionalKey(Schema.Array(Names).check(Schema.isMinLength(1))),
  part: Schema.optionalKey(Probability)
}).pipe(Schema.encodeKeys(passingKeys))

/** Nothing that `from` sends reaches `to`. */
const Cut = Schema.Struct({
  do: Schema.Literal("cut"),
  ...passingFields,
  from: Names,
  to: Names,
  /** Whether the opposite direction is cut too; `false` by default. */
  bothWays: Schema.optionalKey(Schema.Boolean)
}).pipe(Schema.encodeKeys({ ...passingKeys, bothWays: "both_ways" }))

/** Ends partitions, cuts and rejections. */
const Heal = Schema.Struct({ do: Schema.Literal("heal"), ...stepFields }).pipe(Schema.encodeKeys(stepKeys))

/** Everything from and to nodes is delayed, in each direction. */
const Slow = Schema.Struct({ do: Schema.Literal("slow"), ...passingFields, nodes: NodeSelection, by: Instant }).pipe(
  Schema.encodeKeys({ ...passingKeys, by: "by_ms" })
)

/** The clocks of nodes have another rate: 1.05 is 5 % fast. */
const Skew = Schema.Struct({
  do: Schema.Literal("skew"),
  ...passingFields,
  nodes: NodeSelection,
  rate: Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 100 }))
}).pipe(Schema.encodeKeys(passingKeys))

/**
 * Other conditions on all links, on the links from some nodes to others, or where datagrams arrive at nodes (`inbound`) or
 * leave them (`outbound`). Conditions that are not given do not change.
 */
const NetworkChange = Schema.Struct({
  do: Schema.Literal("network"),
  ...passingFields,
  ...conditionFields,
  from: Schema.optionalKey(Names),
  to: Schema.optionalKey(Names),
  /** Whether the opposite direction changes too; `false` by default. */
  bothWays: Schema.optionalKey(Schema.Boolean),
  inbound: Schema.optionalKey(NodeSelection),
  outbound: Schema.optionalKey(NodeSelection)
}).pipe(Schema.encodeKeys({ ...passingKeys, ...conditionKeys, bothWays: "both_ways" }))

/** More nodes join. */
const Start = Schema.Struct({ do: Schema.Literal("start"), ...stepFields, count: Count }).pipe(
  Schema.encodeKeys(stepKeys)
)

/** A stranger sends each datagram again that nodes send between `at` and `at` + `for`, `after` later. */
const Replay = Schema.Struct({
  do: Schema.Literal("replay"),
  ...stepFields,
  nodes: NodeSelection,
  for: Span,
  after: Span
}).pipe(Schema.encodeKeys({ ...passingKeys, after: "after_ms" }))

/** A stranger sends nodes a GOSSIP with one claim about a node. */
const Forge = Schema.Struct({
  do: Schema.Literal("forge"),
  ...stepFields,
  /** The receivers. */
  nodes: NodeSelection,
  about: Name,
  status: Schema.Literals(["alive", "suspect", "dead"]),
  /** How far the incarnation of the claim is ahead of the node's own; 0 by default. */
  incarnationAhead: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 })))
}).pipe(Schema.encodeKeys({ ...stepKeys, incarnationAhead: "incarnation_ahead" }))

/**
 * Something that happens to the cluster at a time.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Step = Schema.Union([
  Kill,
  Crash,
  Stop,
  Restart,
  Freeze,
  BlockIo,
  Partition,
  Cut,
  Heal,
  Slow,
  Skew,
  NetworkChange,
  Start,
  Replay,
  Forge
])
/**
 * The type of the schema `Step`.
 *
 * @category models
 * @since 0.2.0
 */
export type Step = typeof Step.Type

/**
 * The kinds of steps, each with its keys in a file.
 *
 * @category constants
 * @since 0.2.0
 */
export const stepKinds: ReadonlyMap<Step["do"], ReadonlyArray<string>> = new Map(
  Step.members.map((member) => [member.to.fields.do.literal, Object.keys(member.from.fields)])
)

/**
 * The value of a configuration key in a file.
 *
 * @category schemas
 * @since 0.2.0
 */
export const FileValue = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Array(Schema.String)])

/**
 * The parameters of a simulation.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Plan = Schema.Struct({
  /** The number of nodes that start at the beginning: `n1`, `n2` and so on. */
  nodes: Count,
  /**
   * How many of them are of extension level 0. They are evenly spread, `n1` is one only if all are, and `config` does not
   * apply to them.
   */
  oldNodes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: MaxNodes })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(0))
  ),
  /** Decides everything that is random. */
  seed: Schema.Union([Schema.String, Schema.Finite]).pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  duration: Span,
  /** The nodes start evenly spread over this time; all at once for 0. */
  joinOver: Instant.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  /** How many of the first nodes are the bootstrap peers of all. */
  peers: Count.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  /** Whether the nodes encrypt, with a key that the seed draws. */
  encrypt: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  network: NetworkConditions.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  /** The configuration of every node, by section and key, as in a file. */
  config: Schema.Record(Schema.String, Schema.Record(Schema.String, FileValue)).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed({}))
  ),
  /** In any order. Steps at one instant happen in the order of the list. */
  steps: Schema.Array(Step).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
}).pipe(Schema.encodeKeys({ oldNodes: "old_nodes", duration: "duration_ms", joinOver: "join_over_ms", steps: "step" }))
/**
 * The type of the schema `Plan`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Plan extends Schema.Schema.Type<typeof Plan> {}

/**
 * The keys of a plan in a file.
 *
 * @category constants
 * @since 0.2.0
 */
export const planKeys: ReadonlyArray<string> = Object.keys(Plan.from.fields)

/**
 * The keys of network conditions in a file.
 *
 * @category constants
 * @since 0.2.0
 */
export const networkKeys: ReadonlyArray<string> = Object.keys(NetworkConditions.from.fields)

/**
 * Makes a plan. Without further fields it has one bootstrap peer and no steps.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (given: Pick<Plan, "nodes" | "duration"> & Partial<Plan>): Plan => ({
  oldNodes: 0,
  seed: 1,
  joinOver: Duration.zero,
  peers: 1,
  encrypt: false,
  network: {},
  config: {},
  steps: [],
  ...given
})

/**
 * A plan that cannot be carried out, with all its problems. `message` has a line for each.
 *
 * @category errors
 * @since 0.2.0
 */
export class PlanError extends Schema.TaggedError<PlanError>()("PlanError", { problems: Schema.Array(Problem) }) {
  override get message(): string {
    return this.problems.map(({ message }) => message).join("\n")
  }
}

// --- checks beyond the schema --------------------------------------------------

/**
 * The number of machines at the end of a plan.
 *
 * @category getters
 * @since 0.2.0
 */
export const machines = ({ nodes, steps }: Plan): number =>
  steps.reduce((sum, step) => sum + (step.do === "start" ? step.count : 0), nodes)

/**
 * Whether the node of this number is of extension level 0.
 *
 * @category getters
 * @since 0.2.0
 */
export const isLevel0 = ({ nodes, oldNodes }: Plan, number: number): boolean =>
  number <= nodes && Math.floor((number * oldNodes) / nodes) > Math.floor(((number - 1) * oldNodes) / nodes)

/**
 * The number in the name of a node.
 *
 * @category getters
 * @since 0.2.0
 */
export const numberOf = (name: string): number => Number(name.slice(1))

const millisText = (duration: Duration.Duration): string => `${Duration.toMillis(duration)} ms`

/** The names in a step, by key. */
const namesIn = (step: Step): ReadonlyArray<readonly [key: string, names: ReadonlyArray<string>]> => {
  const found: Array<readonly [string, ReadonlyArray<string>]> = []
  const add = (key: string, selection: NodeSelection | undefined) => {
    if (typeof selection === "object") found.push([key, selection])
  }
  if ("nodes" in step) add("nodes", step.nodes)
  if ("from" in step) add("from", step.from)
  if ("to" in step) add("to", step.to)
  if ("inbound" in step) add("inbound", step.inbound)
  if ("outbound" in step) add("outbound", step.outbound)
  if (step.do === "partition") add("groups", step.groups?.flat())
  if (step.do === "forge") add("about", [step.about])
  return found
}

const stepProblems = function* (plan: Plan, step: Step, total: number): Generator<readonly [string, string]> {
  if (Duration.isGreaterThanOrEqualTo(step.at, plan.duration)) {
    yield [
      "at_ms",
      `is ${Duration.toMillis(step.at)}, and the plan ends at ${millisText(plan.duration)}; choose an earlier time, or raise \`duration_ms\``
    ]
  }
  for (const [key, names] of namesIn(step)) {
    const strange = names.filter((name) => numberOf(name) > total)
    if (strange.length > 0) {
      yield [
        key,
        `names ${strange.join(", ")}, and there are only the nodes n1 to n${total}; name one of them, or raise \`nodes\``
      ]
    }
    const twice = names.filter((name, index) => names.indexOf(name) < index)
    if (twice.length > 0) yield [key, `names ${[...new Set(twice)].join(", ")} twice; name each node once`]
  }
  switch (step.do) {
    case "start":
      if (Duration.isLessThan(step.at, plan.joinOver)) {
        yield [
          "at_ms",
          `is ${Duration.toMillis(step.at)}, and the first nodes join until ${millisText(plan.joinOver)}; start more nodes after that`
        ]
      }
      return
    case "partition":
      if ((step.groups === undefined) === (step.part === undefined)) {
        yield [
          "groups",
          `and \`part\` are ${step.part === undefined ? "both missing" : "both given"}; give one of them`
        ]
      }
      return
    case "network": {
      if ((step.from === undefined) !== (step.to === undefined)) {
        const [given, missing] = step.from === undefined ? ["to", "from"] : ["from", "to"]
        yield [given, `is given without \`${missing}\`; a link needs both`]
      }
      if (step.bothWays !== undefined && step.from === undefined) {
        yield ["both_ways", "is given without `from` and `to`; give them, or leave it out"]
      }
      if (step.from !== undefined && (step.inbound !== undefined || step.outbound !== undefined)) {
        yield ["from", "excludes `inbound` and `outbound`; use two steps"]
      }
      if (Object.keys(conditionsOf(step)).length === 0) {
        yield ["do", 'is "network", and no condition is given; give one, such as `loss = 0.1`']
      }
      return
    }
    case "forge":
    case "kill":
    case "crash":
    case "stop":
    case "restart":
    case "freeze":
    case "block_io":
    case "cut":
    case "heal":
    case "slow":
    case "skew":
    case "replay":
      return
  }
}

/**
 * The name of a step in messages. `index` counts from 0.
 *
 * @category getters
 * @since 0.2.0
 */
export const stepName = (index: number, kind: string | undefined): string =>
  `step ${index + 1}${kind === undefined ? "" : ` (${kind})`}`

/**
 * Checks a plan beyond its schema, and returns the configuration of its nodes.
 *
 * **Details**
 *
 * In the messages, `where` follows the name of each key, such as " in plan.toml", and `ofStep` that of each key of a step.
 *
 * @category checks
 * @since 0.2.0
 */
export const check = (
  plan: Plan,
  where = "",
  ofStep: (index: number, step: Step) => string = (index, step) => ` of ${stepName(index, step.do)}${where}`
): Result.Result<ClusterOptions, PlanError> => {
  const problems: Array<Problem> = []
  const total = machines(plan)
  if (total > MaxNodes) {
    problems.push({
      key: "nodes",
      message: `\`nodes\`${where} with the nodes that steps start is ${total}; use at most ${MaxNodes}`
    })
  }
  if (plan.oldNodes > plan.nodes) {
    problems.push({
      key: "old_nodes",
      message: `\`old_nodes\`${where} is ${plan.oldNodes} of ${plan.nodes} nodes; give at most as many as \`nodes\``
    })
  }
  if (plan.oldNodes > 0 && plan.encrypt) {
    problems.push({
      key: "encrypt",
      message: `\`encrypt\`${where} is true, and \`old_nodes\` cannot encrypt in a simulation; leave one of them out`
    })
  }
  if (plan.peers > plan.nodes) {
    problems.push({
      key: "peers",
      message: `\`peers\`${where} is ${plan.peers} of ${plan.nodes} nodes; give at most as many as \`nodes\``
    })
  }
  if (Duration.isGreaterThan(plan.joinOver, plan.duration)) {
    problems.push({
      key: "join_over_ms",
      message: `\`join_over_ms\`${where} is ${Duration.toMillis(plan.joinOver)}, longer than \`duration_ms\`; lower it`
    })
  }
  plan.steps.forEach((step, index) => {
    for (const [key, message] of stepProblems(plan, step, total)) {
      problems.push({ key: `step.${index}.${key}`, message: `\`${key}\`${ofStep(index, step)} ${message}` })
    }
  })
  const config = checkConfig(plan, where)
  if (Result.isFailure(config)) problems.push(...config.failure)
  return Result.isSuccess(config) && problems.length === 0
    ? Result.succeed(config.success)
    : Result.fail(new PlanError({ problems }))
}

// --- the configuration of the nodes ----------------------------------------------

const perNode = "the simulation gives each node its own"
const secret = "a plan holds no secrets; `encrypt = true` encrypts with a key that the seed draws"

/**
 * Why a configuration key cannot be given for all nodes of a simulation, or `undefined` if it can.
 *
 * @category checks
 * @since 0.2.0
 */
export const refusal = ({ path, section }: { readonly path: string; readonly section: string }): string | undefined => {
  switch (path) {
    case "profile":
      return "a plan gives the times themselves"
    case "network.bind":
    case "network.advertise":
    case "network.node_id":
      return perNode
    case "network.peers":
      return "the first nodes are the peers of the others; `peers` of the plan is their number"
    case "network.cluster_key":
    case "network.cluster_key_file":
      return secret
    default:
      if (section === "admin") return "a simulated node has no admin interface"
      return section === "metrics" ? "a simulated node does not export metrics" : undefined
  }
}

/**
 * The part of a configuration that all nodes of a simulation can share.
 *
 * @category conversions
 * @since 0.2.0
 */
export const clusterWide = (config: ClusterConfig): ClusterOptions => {
  const { advertise: _a, bind: _b, clusterKeyFile: _f, keys: _k, nodeId: _n, peers: _p, ...network } = config.network
  return {
    ...network,
    gossip: config.gossip,
    probes: config.probes,
    extensions: config.extensions,
    limits: config.limits
  }
}

const allowed = entries.filter((entry) => refusal(entry) === undefined)
const allowedSections = sections.filter((section) => allowed.some((entry) => entry.section === section))

const listed = (names: ReadonlyArray<string>): string => names.map((name) => `\`${name}\``).join(", ")

const sectionHint = (section: string): string => {
  const found = nearest(
    section,
    allowedSections.map((name): Alias => [name, `\`config.${name}\``])
  )
  return found === undefined ? `; the sections are ${listed(allowedSections)}` : `; did you mean ${found}?`
}

const keyHint = (section: string, name: string): string => {
  const alias = (entry: Entry): Alias => [entry.name, `\`config.${entry.path}\``]
  const own = allowed.filter((entry) => entry.section === section)
  const found = nearest(name, own.map(alias)) ?? nearest(name, allowed.map(alias))
  return found === undefined
    ? `; the keys of \`config.${section}\` are ${listed(own.map((entry) => entry.name))}`
    : `; did you mean ${found}?`
}

/** The hexadecimal cluster key of a seed. It is no secret. */
const keyOf = (seed: number | string): string => [1, 2, 3, 4].map((part) => hashOf(`${seed} key ${part}`)).join("")

const hashOf = (text: string): string => {
  const hash = new TraceHash()
  hash.text(text)
  return hash.digest
}

const checkConfig = (
  { config, encrypt, peers, seed }: Plan,
  where: string
): Result.Result<ClusterOptions, ReadonlyArray<Problem>> => {
  const given: Array<Given> = []
  const problems: Array<Problem> = []
  const refuse = (path: string, message: string) => problems.push({ key: `config.${path}`, message })
  for (const [section, table] of Object.entries(config)) {
    if (!sections.includes(section)) {
      refuse(section, `unknown section \`config.${section}\`${where}${sectionHint(section)}`)
      continue
    }
    for (const [name, raw] of Object.entries(table)) {
      const path = `${section}.${name}`
      const entry = entries.find((entry) => entry.path === path)
      const reason = entry && refusal(entry)
      if (entry === undefined) refuse(path, `unknown key \`config.${path}\`${where}${keyHint(section, name)}`)
      else if (reason !== undefined) refuse(path, `\`config.${path}\`${where} cannot be given: ${reason}`)
      else given.push({ entry, origin: "file", raw, shown: raw, name: `\`config.${path}\`${where}` })
    }
  }
  const key = entries.find(({ path }) => path === "network.cluster_key")
  if (encrypt && key !== undefined) {
    given.push({ entry: key, origin: "flag", raw: keyOf(seed), shown: "", name: `\`encrypt\`${where}` })
  }
  const encryption = config["network"]?.["encryption"]
  const lacksKey = !encrypt && (encryption === "accept" || encryption === "required")
  if (lacksKey) {
    refuse(
      "network.encryption",
      `\`config.network.encryption\`${where} is ${JSON.stringify(encryption)}, and there is no key; set \`encrypt = true\`, so that the seed draws one`
    )
  }
  if (encrypt && encryption === "off") {
    refuse(
      "network.encryption",
      `\`config.network.encryption\`${where} is "off", and \`encrypt\` is true; leave one of them out`
    )
  }
  const resolved = resolve(
    given.filter(({ entry }) => !lacksKey || entry.path !== "network.encryption"),
    problems,
    ({ path }) => `config.${path}`
  )
  return Result.mapError(resolved, ({ problems }) => problems).pipe(
    Result.flatMap(({ config }) => {
      const { bootstrapPeers } = config.limits
      if (peers - 1 <= bootstrapPeers) return Result.succeed(clusterWide(config))
      const message = `\`peers\`${where} is ${peers} and \`config.limits.bootstrap_peers\` is ${bootstrapPeers}; lower it, since one peer is enough to join, or raise the limit`
      return Result.fail([{ key: "peers", message }])
    })
  )
}
