/**
 * The expectations of a plan: the properties that its cluster must have, and from when on. They follow from the plan
 * alone, so they also hold for a plan that was made smaller or read from a file.
 *
 * Times are in ms. They are upper bounds for every history, or for all but one in a million where the protocol makes
 * random choices. Usual times are several times shorter.
 */
import { Duration, Result } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { MaxScore } from "../../src/failure-detector/LocalHealth.ts"
import { suspicionRange, suspicionRules, suspicionTimeout } from "../../src/failure-detector/SuspicionTiming.ts"
import { BackoffLast } from "../../src/join/BootstrapPeers.ts"
import * as Plan from "../../src/simulation/plan/Plan.ts"

const ms = Duration.toMillis

/** The properties that are checked besides the invariants. */
export const properties = {
  agreement: "some time after the last fault, all nodes that are up agree on the members, and continue to",
  detection:
    "all nodes see a node dead that is killed or crashes in a quiet cluster, within the time that their probes take",
  "false-suspicion": "nobody suspects a node that is up, under faults that the protocol tolerates",
  "false-death": "nobody removes a node that is up, under faults that the protocol tolerates",
  repeatable: "a plan has the same history every time",
  defect: "a simulation ends, and without an exception"
} as const

export type PropertyName = keyof typeof properties

/** The properties that a plan is checked for. */
export interface Expectations {
  /** The time from which on all nodes agree; `undefined` if they need not. */
  readonly agreement: number | undefined
  /** Whether agreement excludes suspicions of nodes that are up, which these refute. */
  readonly strict: boolean
  /** Whether agreement needs a bootstrap peer that is up, because a node may know nobody else. */
  readonly needsPeer: boolean
  /** How long after its end a node is dead in all views, if the nodes agreed before. */
  readonly detection: number | undefined
  /** Whether no node that is up may be suspected. */
  readonly unsuspected: boolean
  /** Whether no node that is up may be removed. */
  readonly unremoved: boolean
}

/** The probability that a bound fails that depends on random choices. */
const Negligible = 1e-6
/** For datagrams in flight, timers that fire slightly late, and replies that wait for their turn. */
const Slack = 1000
/** The least time between two messages that tell a node how it is seen. */
const TellInterval = 1000
/** The time that the check of a death claim takes. */
const DeathCheck = 1500
/** The time after which nodes that joined know all others, unless datagrams were lost. */
const Introduction = 5000
/** The lifetime of a tombstone, as a multiple of the retention of the dead. */
const TombstoneFactor = 10

/** What the expectations depend on. */
interface Facts {
  readonly plan: Plan.Plan
  readonly config: ClusterConfig.ClusterConfig
  /** The number of machines, with those that start later. */
  readonly machines: number
  /** The number of ids that ever exist, with those of strangers. */
  readonly ids: number
  /** The number of ids that may be dead or silent at the end. */
  readonly gone: number
  /** When the last fault ends; Infinity if one never does. */
  readonly calm: number
  /** The longest delay of a datagram while only permanent conditions apply. */
  readonly leg: number
  /** The same while every `slow` and `network` step applies. */
  readonly worstLeg: number
  /** The rates of the slowest and the fastest clock that are permanent. */
  readonly slowest: number
  readonly fastest: number
  /** The rate of the fastest clock at any time. */
  readonly everFastest: number
}

const sizeOf = (selection: Plan.NodeSelection): number => (typeof selection === "number" ? selection : selection.length)

type StepOf<Kind extends Plan.Step["do"]> = Extract<Plan.Step, { readonly do: Kind }>

const stepsOf = <Kind extends Plan.Step["do"]>({ steps }: Plan.Plan, kind: Kind): ReadonlyArray<StepOf<Kind>> =>
  steps.filter((step): step is StepOf<Kind> => step.do === kind)

const endOf = (step: Plan.Step): number =>
  "for" in step && step.for !== undefined ? ms(step.at) + ms(step.for) : Infinity

/** The longest delay of a datagram under these conditions. */
const delayOf = ({ jitter = Duration.zero, latency, reorder = 0, reorderBy }: Plan.NetworkConditions): number =>
  (latency === undefined ? 1 : ms(latency)) +
  ms(jitter) +
  // The default in `Conditions.neutral`.
  (reorder > 0 ? (reorderBy === undefined ? 10 : ms(reorderBy)) : 0)

/** Whether every datagram arrives undamaged. */
const isLossless = ({ bandwidth, corrupt = 0, loss = 0, mtu, queue, reject = 0 }: Plan.NetworkConditions): boolean =>
  loss === 0 && corrupt === 0 && reject === 0 && bandwidth === undefined && mtu === undefined && queue === undefined

/** The sum of the two largest delays: a datagram passes a sending and a receiving host. */
const twoLargest = (delays: ReadonlyArray<number>): number => {
  const [first = 0, second = 0] = delays.toSorted((a, b) => b - a)
  return first + second
}

/** When a fault is over. A node that leaves takes some time. */
const overAt = (facts: Pick<Facts, "plan" | "config">, step: Plan.Step): number => {
  const { config, plan } = facts
  const at = ms(step.at)
  switch (step.do) {
    case "kill":
    case "crash":
    case "restart":
    case "heal":
    case "start":
    case "forge":
      return at
    case "stop":
      return at + ms(config.network.reliableAckTimeout) * (config.network.reliableMaxRetries + 1) + 500
    case "freeze":
      // A node that never thaws is like a dead one.
      return step.for === undefined ? at : endOf(step)
    case "partition":
    case "cut":
      return Math.min(endOf(step), ...stepsOf(plan, "heal").flatMap((heal) => (ms(heal.at) > at ? [ms(heal.at)] : [])))
    case "slow":
    case "skew":
      // A permanent one is part of `leg` or of the rates instead.
      return step.for === undefined ? at : endOf(step)
    case "network":
      return step.for === undefined && isLossless(step) ? at : endOf(step)
    case "block_io":
      return endOf(step)
    case "replay":
      return endOf(step) + ms(step.after)
  }
}

/** The number of members that exist only because damaged datagrams name them. */
const inventedBy = ({ plan }: Pick<Facts, "plan">): number => {
  if (plan.encrypt) return 0
  // The share of damaged datagrams that pass the checksum of the message and have a changed id.
  const perNodeSecond = 8
  const undetected = 0.05
  let invented = 0
  for (const step of stepsOf(plan, "network")) {
    const seconds = (step.for === undefined ? ms(plan.duration) : ms(step.for)) / 1000
    invented += (step.corrupt ?? 0) * Plan.machines(plan) * perNodeSecond * undetected * seconds
  }
  return Math.ceil(2 * invented)
}

const factsOf = (plan: Plan.Plan, config: ClusterConfig.ClusterConfig): Facts => {
  const { network } = plan
  const machines = Plan.machines(plan)
  const restarts = stepsOf(plan, "restart")
  const renewed = restarts
    .filter(({ identity }) => identity === "new")
    .reduce((sum, { nodes }) => sum + sizeOf(nodes), 0)
  const strangers = stepsOf(plan, "forge").length > 0 && !plan.encrypt ? 1 : 0
  const invented = inventedBy({ plan })
  const ended = plan.steps.reduce((sum, step) => {
    const stays = step.do === "freeze" && step.for === undefined
    return step.do === "kill" || step.do === "crash" || step.do === "stop" || stays ? sum + sizeOf(step.nodes) : sum
  }, 0)
  const slows = stepsOf(plan, "slow")
  const changes = stepsOf(plan, "network")
  const lasting = (step: Plan.Step): boolean => endOf(step) === Infinity
  const rates = stepsOf(plan, "skew")
    .filter(lasting)
    .map(({ rate }) => rate)
  const base = delayOf(network)
  // Delays of several places on one path add up.
  const added = changes.map((step) => delayOf(step))
  return {
    plan,
    config,
    machines,
    ids: machines + renewed + strangers + invented,
    gone: Math.min(ended, machines) + renewed + strangers + invented,
    calm: Math.max(ms(plan.joinOver), ...plan.steps.map((step) => overAt({ plan, config }, step))),
    leg:
      base +
      twoLargest(slows.filter(lasting).map(({ by }) => ms(by))) +
      changes.filter(lasting).reduce((sum, step) => sum + delayOf(step), 0),
    worstLeg: base + twoLargest(slows.map(({ by }) => ms(by))) + added.reduce((sum, delay) => sum + delay, 0),
    slowest: Math.min(1, ...rates),
    fastest: Math.max(1, ...rates),
    everFastest: Math.max(1, ...stepsOf(plan, "skew").map(({ rate }) => rate))
  }
}

/** Whether probes are answered in time on the clocks of all nodes: direct ones, and with `relays` indirect ones too. */
const isPrompt = ({ config }: Facts, leg: number, fastest: number, relays = false): boolean => {
  const timeout = ms(config.probes.timeout)
  const rest = ms(config.probes.interval) - timeout
  // A tenth of the time, and the 1 ms that timers may be late, is for queues.
  return 2 * leg * fastest < 0.9 * timeout - 2 && (!relays || 4 * leg * fastest < 0.9 * rest - 2)
}

const suspicion = ({ config }: Facts, n: number): number =>
  suspicionTimeout(
    { timeout: ms(config.probes.suspectTimeout), multiplier: config.probes.suspectMultiplier, jitter: 0 },
    n
  )

/** The shortest suspicion of a node whose host does not refuse. */
const shortestSuspicion = ({ config: { extensions, probes } }: Facts): number =>
  suspicionRange(suspicionRules(probes, extensions), 1, 1).least

const longestSuspicion = (facts: Facts): number => suspicion(facts, facts.ids) + ms(facts.config.probes.suspectJitter)

/**
 * The longest time that a node takes to probe every other once: 2n - 1 probes, because the ring is reshuffled in between.
 * Local health stretches each. Its score is at most 8 at the beginning and falls by one with each probe that succeeds.
 * Probes of the `gone` fail, at most twice each.
 */
const ringPass = ({ config, gone, ids }: Facts): number => {
  const probes = 2 * ids
  const recovery = ((MaxScore + 1) * (MaxScore + 2)) / 2
  const stretched = probes + recovery + 2 * MaxScore * gone
  return ms(config.probes.interval) * Math.min((MaxScore + 1) * probes, stretched)
}

/**
 * The longest time until a change is known everywhere. Gossip takes a second or two, but only anti-entropy is certain. It
 * at least halves the number of nodes that lack the change in each interval.
 */
const spread = ({ config, machines }: Facts): number =>
  ms(config.gossip.antiEntropyInterval) * (Math.ceil(Math.log2(machines + 1)) + 2)

/**
 * The longest time until the parts of a cluster have found each other. In every heal interval, with a jitter of a quarter,
 * each node contacts one of the nodes that it lost. A contact with a live node at least halves the number of parts.
 * Contacts with the `gone` are wasted; each may be a candidate twice, as a dead member and as a bootstrap peer.
 */
const healing = ({ config, gone, machines, plan }: Facts): number => {
  const rounds = Math.ceil(Math.log2(machines + 1))
  const absentPeers = Math.min(gone, plan.peers)
  const wasted = (gone + absentPeers) / (gone + absentPeers + 1)
  // Both sides make contacts.
  const unlucky = wasted === 0 ? 0 : Math.ceil(Math.log(Negligible) / (2 * Math.log(wasted)))
  return 1.25 * ms(config.gossip.healInterval) * (rounds + unlucky) + BackoffLast
}

/**
 * The longest time from the last fault to agreement: open suspicions end; live nodes that were declared dead are
 * contacted, and all nodes learn of it; dead nodes that nobody has noticed are probed, and their suspicions end.
 */
const settling = (facts: Facts): number =>
  (longestSuspicion(facts) +
    DeathCheck +
    healing(facts) +
    TellInterval +
    ringPass(facts) +
    spread(facts) +
    longestSuspicion(facts) +
    Slack) /
  facts.slowest

/** How long a plan must go on after its last fault so that agreement can be checked. */
export const quietTime = (plan: Plan.Plan): number => {
  const facts = read(plan)
  return facts === undefined ? 0 : settling(facts)
}

/** When the last fault of a plan ends; Infinity if one never does. */
export const calmAt = (plan: Plan.Plan): number => read(plan)?.calm ?? Infinity

const read = (plan: Plan.Plan): Facts | undefined => {
  const options = Plan.check(plan)
  if (Result.isFailure(options)) return undefined
  const config = ClusterConfig.make(options.success)
  return Result.isFailure(config) ? undefined : factsOf(plan, config.success)
}

/** Whether every member fits in the tables, and the rate limit lets enough datagrams in. */
const hasRoomForAll = ({ config: { limits, network }, ids }: Facts): boolean =>
  limits.members > 2 * ids && limits.sources > 2 * ids && network.maxInboundRate >= 500

/** Whether the configuration has what the protocol needs to reach agreement. */
const isSoundConfig = (facts: Facts): boolean => {
  const { gossip, limits, probes } = facts.config
  const { ids, plan } = facts
  const healTimeout = ms(gossip.healTimeout)
  return (
    // Only anti-entropy is certain to spread a change.
    ms(gossip.antiEntropyInterval) > 0 &&
    // A node that is no longer contacted is never found.
    (healTimeout === 0 || healTimeout > ms(plan.duration)) &&
    hasRoomForAll(facts) &&
    // A node that forgets the dead while others see them alive would list them again.
    limits.tombstones > ids &&
    limits.unlistedTombstones > ids &&
    TombstoneFactor * ms(probes.deadRetention) > longestSuspicion(facts) + ms(gossip.antiEntropyInterval) + Slack
  )
}

const isPermanentlyGood = (facts: Facts): boolean => {
  const { calm, fastest, leg, plan } = facts
  return calm < Infinity && isLossless(plan.network) && isPrompt(facts, leg, fastest)
}

/**
 * Whether level 0 nodes prevent agreement. They contact no node that they lost. They refute a claim with only the next
 * incarnation, so a forged claim, or one about a former life, that is far ahead wins for a long time.
 */
const canHeal = ({ plan }: Facts): boolean =>
  plan.oldNodes === 0 ||
  (plan.oldNodes < plan.nodes &&
    stepsOf(plan, "forge").every(({ incarnationAhead = 0 }) => incarnationAhead === 0) &&
    stepsOf(plan, "restart").every(({ clockBehind }) => clockBehind === undefined))

const holdsAgreement = (facts: Facts): boolean => isSoundConfig(facts) && isPermanentlyGood(facts) && canHeal(facts)

/** Steps after which no node has to find another one again. */
const loseNobody: ReadonlySet<Plan.Step["do"]> = new Set(["kill", "crash", "stop", "heal", "slow", "skew"])

/**
 * For plans with kills and crashes only, on a good network. Each node detects the end of a node by itself: its ring takes
 * 2n - 1 intervals. With several dead nodes, each failed probe slows down the others by local health.
 */
const detectionOf = (facts: Facts): number | undefined => {
  const { config, plan, slowest } = facts
  if (!isLossless(plan.network) || !isPrompt(facts, facts.leg, facts.fastest)) return undefined
  const ends = plan.steps.flatMap((step) => (step.do === "kill" || step.do === "crash" ? [sizeOf(step.nodes)] : []))
  if (ends.length === 0 || ends.length < plan.steps.length) return undefined
  const dead = ends.reduce((sum, size) => sum + size, 0)
  const stretch = 1 + Math.min(MaxScore, 2 * (dead - 1))
  const probing = 2 * facts.machines * stretch * ms(config.probes.interval)
  return (probing + suspicion(facts, facts.machines) + ms(config.probes.suspectJitter) + 50) / slowest
}

/** Steps that the protocol tolerates without a suspicion, as long as datagrams arrive in time. */
const harmless: ReadonlySet<Plan.Step["do"]> = new Set([
  "slow",
  "skew",
  "network",
  "cut",
  "heal",
  "start",
  "kill",
  "crash",
  "stop",
  "restart"
])

/** The pair of nodes that all cuts are between, if there is only one. */
const cutPair = (plan: Plan.Plan): ReadonlySet<string> | undefined => {
  const ends = new Set<string>()
  for (const { from, to } of stepsOf(plan, "cut")) for (const name of [...from, ...to]) ends.add(name)
  return ends.size === 2 ? ends : undefined
}

/** Whether every pair has a relay in spite of the cuts: one pair of at least four nodes, and no node ends. */
const leavesRelays = (facts: Facts): boolean => {
  const { config, plan } = facts
  if (stepsOf(plan, "cut").length === 0) return true
  const joined = ms(plan.joinOver) + Introduction + ms(config.gossip.antiEntropyInterval)
  return (
    cutPair(plan) !== undefined &&
    plan.nodes >= 4 &&
    config.probes.indirectK > 0 &&
    // A duplicated request takes two places.
    config.limits.relays >= 4 * plan.nodes &&
    // A level 0 node does not relay.
    plan.oldNodes === 0 &&
    stepsOf(plan, "kill").length === 0 &&
    stepsOf(plan, "crash").length === 0 &&
    stepsOf(plan, "start").length === 0 &&
    stepsOf(plan, "cut").every(({ at }) => ms(at) >= joined) &&
    isPrompt(facts, facts.worstLeg, facts.everFastest, true)
  )
}

/** Permanent loss at which one of the many messages with a refutation still arrives. */
const SlightLoss = 0.05

const isSlightlyLossy = (facts: Facts): boolean => {
  const { gossip } = facts.config
  const { loss = 0, ...others } = facts.plan.network
  const shortest = suspicion(facts, 2)
  return (
    loss <= SlightLoss &&
    isLossless(others) &&
    facts.plan.oldNodes === 0 &&
    gossip.retransmitMultiplier >= 4 &&
    gossip.fanout > 2 &&
    shortest >= 3000 &&
    shortest >= 15 * ms(gossip.interval)
  )
}

const isMild = (facts: Facts): boolean => {
  const { plan } = facts
  return (
    hasRoomForAll(facts) &&
    (isLossless(plan.network) || isSlightlyLossy(facts)) &&
    stepsOf(plan, "network").every(isLossless) &&
    isPrompt(facts, facts.worstLeg, facts.everFastest) &&
    leavesRelays(facts) &&
    // A node with a clock that is behind looks like a replay until it is told its entry, which level 0 nodes do not do.
    stepsOf(plan, "restart").every(({ clockBehind }) => clockBehind === undefined && plan.oldNodes === 0)
  )
}

const keepsOrder = ({ jitter, reorder = 0 }: Plan.NetworkConditions): boolean =>
  reorder === 0 && (jitter === undefined || ms(jitter) === 0)

/**
 * Whether no datagram ever overtakes another. An ACK that is overtaken by a later message of its sender, with a higher
 * heartbeat, counts as a replay and clears no probe. So a suspicion may follow although all datagrams arrive in time.
 */
const isInOrder = ({ plan }: Facts): boolean =>
  isPermanentlyInOrder(plan) &&
  stepsOf(plan, "network").every((step) => keepsOrder(step) && step.latency === undefined) &&
  stepsOf(plan, "slow").length === 0

const isPermanentlyInOrder = (plan: Plan.Plan): boolean =>
  keepsOrder(plan.network) && stepsOf(plan, "network").every((step) => step.for !== undefined || keepsOrder(step))

/**
 * Whether freezes are so short that the refutation of a frozen node arrives before a suspicion of it expires. All freezes
 * of a plan count as one, because they may follow each other.
 */
const areShort = (facts: Facts): boolean => {
  const { config, plan } = facts
  const freezes = stepsOf(plan, "freeze")
  if (freezes.length === 0) return true
  const longest = freezes.reduce((sum, step) => sum + endOf(step) - ms(step.at), 0)
  const refuted = Math.max(1600, 8 * ms(config.gossip.interval))
  return (
    plan.oldNodes === 0 &&
    stepsOf(plan, "cut").length === 0 &&
    config.gossip.retransmitMultiplier >= 2 &&
    // A suspicion begins after the timeout of a probe.
    longest + refuted < ms(config.probes.timeout) + shortestSuspicion(facts)
  )
}

/** The expectations of a plan. There are none of a plan that cannot be carried out. */
export const expectationsOf = (plan: Plan.Plan): Expectations => {
  const facts = read(plan)
  if (facts === undefined) {
    return {
      agreement: undefined,
      strict: false,
      needsPeer: false,
      detection: undefined,
      unsuspected: false,
      unremoved: false
    }
  }
  const mild = isMild(facts)
  const kinds = plan.steps.map((step) => step.do)
  return {
    agreement: holdsAgreement(facts) ? facts.calm + settling(facts) : undefined,
    strict: isPermanentlyInOrder(plan),
    needsPeer: kinds.some((kind) => !loseNobody.has(kind)),
    detection: detectionOf(facts),
    unsuspected: mild && isLossless(plan.network) && isInOrder(facts) && kinds.every((kind) => harmless.has(kind)),
    unremoved: mild && kinds.every((kind) => harmless.has(kind) || kind === "freeze") && areShort(facts)
  }
}
