/**
 * What a plan promises: which rules a cluster must keep that it befalls, and by when. All of it follows from the plan
 * alone, so a plan that was made smaller, or read from a file, is held to what is still true of it.
 *
 * Times are in ms. Bounds are what must hold in every history, or in all but one of a million where a rule of the
 * protocol draws lots; they are not what is usual, which is several times less.
 */
import { Duration, Result } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { MaxScore } from "../../src/failure-detector/LocalHealth.ts"
import { suspicionTimeout } from "../../src/failure-detector/SuspicionTiming.ts"
import { BackoffLast } from "../../src/join/BootstrapPeers.ts"
import * as Plan from "../../src/simulation/plan/Plan.ts"

const ms = Duration.toMillis

/** The rules that a plan is held to besides the invariants. */
export const properties = {
  agreement: "when all faults are over, in a while all nodes that are up are of one mind, and stay so",
  detection: "a node that is killed in a quiet cluster is held dead by all in the time that their own probes take",
  "false-suspicion": "where the protocol promises to bear what happens, nobody suspects a node that is up",
  "false-death": "where the protocol promises to bear what happens, nobody removes a node that is up",
  repeatable: "a plan gives the same history again",
  defect: "a simulation ends, and not by an exception"
} as const

export type PropertyName = keyof typeof properties

/** What a plan is held to. */
export interface Expectations {
  /** From this time on all agree. */
  readonly agreement: number | undefined
  /** Whether that rules out suspicions of nodes that are up, which they refute. */
  readonly strict: boolean
  /** Whether `agreement` needs one of the bootstrap peers to be up then: somebody may know nobody else. */
  readonly needsPeer: boolean
  /** How long after its kill a node is held dead by all, if they agreed before. */
  readonly detection: number | undefined
  /** Whether nobody may be suspected, and nobody removed, who is up. */
  readonly unsuspected: boolean
  readonly unremoved: boolean
}

/** Chance that a bound fails that hangs on lots. */
const Negligible = 1e-6
/** What is on its way, timers that fire a little off their time, and answers that wait for their turn. */
const Slack = 1000
/** A node that is told by itself what others hold of it is told at most so often. */
const TellInterval = 1000
/** Death claims are checked for so long. */
const DeathCheck = 1500
/** Beyond these times of a cluster's first words, newcomers know everybody unless datagrams were lost. */
const Introduction = 5000
/** Tombstones outlive the listing of the dead this many times. */
const TombstoneFactor = 10

/** The parts of a plan that its expectations hang on. */
interface Facts {
  readonly plan: Plan.Plan
  readonly config: ClusterConfig.ClusterConfig
  /** Machines, those that start later included. */
  readonly machines: number
  /** Ids that there ever are, those of strangers included. */
  readonly ids: number
  /** Ids that may be dead or silent in the end. */
  readonly gone: number
  /** When the last fault ends; Infinity if one never does. */
  readonly calm: number
  /** The longest that a datagram takes, as long as only lasting conditions hold. */
  readonly leg: number
  /** The same while every `slow` and `network` step holds. */
  readonly worstLeg: number
  /** Rates of the slowest and the fastest clock that stays so. */
  readonly slowest: number
  readonly fastest: number
  /** Rate of the fastest clock that there ever is. */
  readonly everFastest: number
}

const sizeOf = (who: Plan.NodeSelection): number => (typeof who === "number" ? who : who.length)

type StepOf<Kind extends Plan.Step["do"]> = Extract<Plan.Step, { readonly do: Kind }>

const stepsOf = <Kind extends Plan.Step["do"]>({ steps }: Plan.Plan, kind: Kind): ReadonlyArray<StepOf<Kind>> =>
  steps.filter((step): step is StepOf<Kind> => step.do === kind)

const endOf = (step: Plan.Step): number =>
  "for" in step && step.for !== undefined ? ms(step.at) + ms(step.for) : Infinity

/** How long datagrams can take under given conditions. */
const delayOf = ({ jitter = Duration.zero, latency, reorder = 0, reorderBy }: Plan.NetworkConditions): number =>
  (latency === undefined ? 1 : ms(latency)) +
  ms(jitter) +
  // As `Conditions.neutral` has it.
  (reorder > 0 ? (reorderBy === undefined ? 10 : ms(reorderBy)) : 0)

/** Whether every datagram arrives, whole. */
const isLossless = ({ bandwidth, corrupt = 0, loss = 0, mtu, queue }: Plan.NetworkConditions): boolean =>
  loss === 0 && corrupt === 0 && bandwidth === undefined && mtu === undefined && queue === undefined

/** The largest two of some delays: a datagram passes one host that sends and one that receives. */
const twoLargest = (delays: ReadonlyArray<number>): number => {
  const [first = 0, second = 0] = delays.toSorted((a, b) => b - a)
  return first + second
}

/** When a fault is over for good; a node may take a while to say goodbye. */
const overAt = (facts: Pick<Facts, "plan" | "config">, step: Plan.Step): number => {
  const { config, plan } = facts
  const at = ms(step.at)
  switch (step.do) {
    case "kill":
    case "restart":
    case "heal":
    case "start":
    case "forge":
      return at
    case "stop":
      return at + ms(config.network.reliableAckTimeout) * (config.network.reliableMaxRetries + 1) + 500
    case "freeze":
      // One that never thaws is as good as dead.
      return step.for === undefined ? at : endOf(step)
    case "partition":
    case "cut":
      return Math.min(endOf(step), ...stepsOf(plan, "heal").flatMap((heal) => (ms(heal.at) > at ? [ms(heal.at)] : [])))
    case "slow":
    case "skew":
      // A lasting one counts for `leg` and for the rates instead.
      return step.for === undefined ? at : endOf(step)
    case "network":
      return step.for === undefined && isLossless(step) ? at : endOf(step)
    case "block_io":
      return endOf(step)
    case "replay":
      return endOf(step) + ms(step.after)
  }
}

/** Members that damaged datagrams invent: those that UDP's checksum would have caught are not sent damaged. */
const inventedBy = ({ plan }: Pick<Facts, "plan">): number => {
  if (plan.encrypt) return 0
  // Of the datagrams that are damaged so that the message's own checksum does not see it, one in ten has a new id.
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
    return step.do === "kill" || step.do === "stop" || stays ? sum + sizeOf(step.nodes) : sum
  }, 0)
  const slows = stepsOf(plan, "slow")
  const changes = stepsOf(plan, "network")
  const lasting = (step: Plan.Step): boolean => endOf(step) === Infinity
  const rates = stepsOf(plan, "skew")
    .filter(lasting)
    .map(({ rate }) => rate)
  const base = delayOf(network)
  // Conditions of several places add up, at the ends of one way and on it.
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

/** Whether a probe is answered in time, directly and, if `relays`, through others, on the clocks of all nodes. */
const isPrompt = ({ config }: Facts, leg: number, fastest: number, relays = false): boolean => {
  const timeout = ms(config.probes.timeout)
  const rest = ms(config.probes.interval) - timeout
  // Timers are up to 1 ms off, and a tenth is kept for them and for what is queued.
  return 2 * leg * fastest < 0.9 * timeout - 2 && (!relays || 4 * leg * fastest < 0.9 * rest - 2)
}

const suspicion = ({ config }: Facts, n: number): number =>
  suspicionTimeout(
    { timeout: ms(config.probes.suspectTimeout), multiplier: config.probes.suspectMultiplier, jitter: 0 },
    n
  )

const longestSuspicion = (facts: Facts): number => suspicion(facts, facts.ids) + ms(facts.config.probes.suspectJitter)

/**
 * How long a node takes to probe everybody once, in the worst case: 2n - 1 probes (the ring is reshuffled in between),
 * each stretched by its local health, which may be at its worst (8) when this begins, and falls by one with each probe
 * that succeeds. Probes of the `gone` fail, each twice at most.
 */
const ringPass = ({ config, gone, ids }: Facts): number => {
  const probes = 2 * ids
  const recovery = ((MaxScore + 1) * (MaxScore + 2)) / 2
  const stretched = probes + recovery + 2 * MaxScore * gone
  return ms(config.probes.interval) * Math.min((MaxScore + 1) * probes, stretched)
}

/**
 * How long news takes to be everywhere: gossip brings it in a second or two, but only anti-entropy is certain to. It
 * halves the number of those who do not know in each interval, at least, and who asks the others is told.
 */
const spread = ({ config, machines }: Facts): number =>
  ms(config.gossip.antiEntropyInterval) * (Math.ceil(Math.log2(machines + 1)) + 2)

/**
 * How long until nodes that lost each other have met again. In every heal interval (and a quarter) each node tries one
 * of those that it lost. Tries of the living at least halve the number of parts; those of the gone are wasted, and each
 * of them may stand there twice, as a member that died and as a peer.
 */
const healing = ({ config, gone, machines, plan }: Facts): number => {
  const rounds = Math.ceil(Math.log2(machines + 1))
  const absentPeers = Math.min(gone, plan.peers)
  const wasted = (gone + absentPeers) / (gone + absentPeers + 1)
  // Both sides try.
  const unlucky = wasted === 0 ? 0 : Math.ceil(Math.log(Negligible) / (2 * Math.log(wasted)))
  return 1.25 * ms(config.gossip.healInterval) * (rounds + unlucky) + BackoffLast
}

/**
 * From the end of the last fault to agreement: suspicions that are still open end one way or the other; who was buried
 * alive is found, and all hear of it; who is dead and was not missed yet is probed, and its suspicion ends.
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

/** How long a plan has to be quiet after its last fault so that it can be held to agreement. */
export const quietTime = (plan: Plan.Plan): number => {
  const facts = read(plan)
  return facts === undefined ? 0 : settling(facts)
}

/** When the last fault of a plan is over; Infinity if one never is. */
export const calmAt = (plan: Plan.Plan): number => read(plan)?.calm ?? Infinity

const read = (plan: Plan.Plan): Facts | undefined => {
  const options = Plan.check(plan)
  if (Result.isFailure(options)) return undefined
  const config = ClusterConfig.make(options.success)
  return Result.isFailure(config) ? undefined : factsOf(plan, config.success)
}

/** Whether everybody finds a place, and is listened to: a node that refuses most of what it gets is as good as cut off. */
const hearsAll = ({ config: { limits, network }, ids }: Facts): boolean =>
  limits.members > 2 * ids && limits.sources > 2 * ids && network.maxInboundRate >= 500

/** Whether the configuration leaves the protocol what it needs in order to bring all together again. */
const isSoundConfig = (facts: Facts): boolean => {
  const { gossip, limits, probes } = facts.config
  const { ids, plan } = facts
  const healTimeout = ms(gossip.healTimeout)
  return (
    // Without it nothing is certain to come round.
    ms(gossip.antiEntropyInterval) > 0 &&
    // Who is no longer looked for is lost.
    (healTimeout === 0 || healTimeout > ms(plan.duration)) &&
    hearsAll(facts) &&
    // Who forgets the dead while others still hold them alive takes them in again.
    limits.tombstones > ids &&
    limits.unlistedTombstones > ids &&
    TombstoneFactor * ms(probes.deadRetention) > longestSuspicion(facts) + ms(gossip.antiEntropyInterval) + Slack
  )
}

const isLastinglyWell = (facts: Facts): boolean => {
  const { calm, fastest, leg, plan } = facts
  return calm < Infinity && isLossless(plan.network) && isPrompt(facts, leg, fastest)
}

/**
 * Whether enough of the nodes are new. Old ones look for nobody that they lost, and answer a claim that is ahead of them
 * by one step only, be it forged or of a former life: one that is far ahead wins for a long time.
 */
const canMend = ({ plan }: Facts): boolean =>
  plan.oldNodes === 0 ||
  (plan.oldNodes < plan.nodes &&
    stepsOf(plan, "forge").every(({ incarnationAhead = 0 }) => incarnationAhead === 0) &&
    stepsOf(plan, "restart").every(({ clockBehind }) => clockBehind === undefined))

const holdsAgreement = (facts: Facts): boolean => isSoundConfig(facts) && isLastinglyWell(facts) && canMend(facts)

/** Steps after which nobody has to find anybody anew. */
const loseNobody: ReadonlySet<Plan.Step["do"]> = new Set(["kill", "stop", "heal", "slow", "skew"])

/**
 * Only kills, in a network that is well. Each node finds out by itself: its ring comes round in 2n - 1 intervals and the
 * one that runs; of several that are killed each slows down the search for the others by local health.
 */
const detectionOf = (facts: Facts): number | undefined => {
  const { config, plan, slowest } = facts
  if (!isLossless(plan.network) || !isPrompt(facts, facts.leg, facts.fastest)) return undefined
  if (plan.steps.some((step) => step.do !== "kill")) return undefined
  const killed = plan.steps.reduce((sum, step) => sum + (step.do === "kill" ? sizeOf(step.nodes) : 0), 0)
  if (killed === 0) return undefined
  const stretch = 1 + Math.min(MaxScore, 2 * (killed - 1))
  const probing = 2 * facts.machines * stretch * ms(config.probes.interval)
  return (probing + suspicion(facts, facts.machines) + ms(config.probes.suspectJitter) + 50) / slowest
}

/** Steps that the protocol bears without a suspicion, as long as datagrams arrive in time. */
const harmless: ReadonlySet<Plan.Step["do"]> = new Set([
  "slow",
  "skew",
  "network",
  "cut",
  "heal",
  "start",
  "kill",
  "stop",
  "restart"
])

/** The nodes at the ends of all cuts, if all of them concern one pair. */
const cutPair = (plan: Plan.Plan): ReadonlySet<string> | undefined => {
  const ends = new Set<string>()
  for (const { from, to } of stepsOf(plan, "cut")) for (const name of [...from, ...to]) ends.add(name)
  return ends.size === 2 ? ends : undefined
}

/** Whether what is cut leaves every pair a relay: one pair of at least four nodes that all stay. */
const leavesRelays = (facts: Facts): boolean => {
  const { config, plan } = facts
  if (stepsOf(plan, "cut").length === 0) return true
  const joined = ms(plan.joinOver) + Introduction + ms(config.gossip.antiEntropyInterval)
  return (
    cutPair(plan) !== undefined &&
    plan.nodes >= 4 &&
    config.probes.indirectK > 0 &&
    // A request that comes twice takes two places.
    config.limits.relays >= 4 * plan.nodes &&
    // An old node does not relay.
    plan.oldNodes === 0 &&
    stepsOf(plan, "kill").length === 0 &&
    stepsOf(plan, "start").length === 0 &&
    stepsOf(plan, "cut").every(({ at }) => ms(at) >= joined) &&
    isPrompt(facts, facts.worstLeg, facts.everFastest, true)
  )
}

/** Loss that goes on for ever and that a suspected node's refutation gets through, in one of many messages. */
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
    hearsAll(facts) &&
    (isLossless(plan.network) || isSlightlyLossy(facts)) &&
    stepsOf(plan, "network").every(isLossless) &&
    isPrompt(facts, facts.worstLeg, facts.everFastest) &&
    leavesRelays(facts) &&
    // Who comes back with a clock that is behind looks like a replay of itself until it is told so, which old nodes do not.
    stepsOf(plan, "restart").every(({ clockBehind }) => clockBehind === undefined && plan.oldNodes === 0)
  )
}

const keepsOrder = ({ jitter, reorder = 0 }: Plan.NetworkConditions): boolean =>
  reorder === 0 && (jitter === undefined || ms(jitter) === 0)

/**
 * Whether no datagram overtakes another, from the beginning or once it is calm. An ACK that a later message of its
 * sender overtakes, with a higher heartbeat, is taken for a replay and clears no probe; so a suspicion may follow,
 * though all datagrams come in time.
 */
const isInOrder = ({ plan }: Facts): boolean =>
  isLastinglyInOrder(plan) &&
  stepsOf(plan, "network").every((step) => keepsOrder(step) && step.latency === undefined) &&
  stepsOf(plan, "slow").length === 0

const isLastinglyInOrder = (plan: Plan.Plan): boolean =>
  keepsOrder(plan.network) && stepsOf(plan, "network").every((step) => step.for !== undefined || keepsOrder(step))

/**
 * Whether freezes are so short that everybody who suspects a frozen node hears its refutation before it buries it. All
 * freezes of a plan count as one, since they may come in a row.
 */
const areShort = (facts: Facts): boolean => {
  const { config, plan } = facts
  const freezes = stepsOf(plan, "freeze")
  if (freezes.length === 0) return true
  const longest = freezes.reduce((sum, step) => sum + endOf(step) - ms(step.at), 0)
  const refuted = Math.max(3000, 20 * ms(config.gossip.interval))
  return (
    plan.oldNodes === 0 &&
    stepsOf(plan, "cut").length === 0 &&
    config.gossip.retransmitMultiplier >= 2 &&
    longest + refuted < suspicion(facts, 2)
  )
}

/** What a plan is held to. A plan that cannot be carried out is held to nothing. */
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
    strict: isLastinglyInOrder(plan),
    needsPeer: kinds.some((kind) => !loseNobody.has(kind)),
    detection: detectionOf(facts),
    unsuspected: mild && isLossless(plan.network) && isInOrder(facts) && kinds.every((kind) => harmless.has(kind)),
    unremoved: mild && kinds.every((kind) => harmless.has(kind) || kind === "freeze") && areShort(facts)
  }
}
