/**
 * Carries out a plan and measures what comes of it.
 *
 * @example
 * ```ts
 * const plan = Plan.make({ nodes: 20, duration: Duration.seconds(60), seed: 7 })
 * const { report } = yield* PlanRunner.run(plan)
 * ```
 */
import { Duration, Effect, type Random } from "effect"
import { NetAddress } from "effect/net"
import type { ClusterOptions } from "../../config/ClusterConfig.ts"
import * as NodeId from "../../domain/NodeId.ts"
import { SelfSlot } from "../../membership/MemberTable.ts"
import type * as Message from "../../wire/Message.ts"
import { type Conditions, neutral } from "../network/Conditions.ts"
import type { InvariantBroken, VirtualTimeStuck } from "../Errors.ts"
import { seeded } from "../Machine.ts"
import { Measure } from "../report/Measure.ts"
import type { NodeBase, StartFailure } from "../NodeBase.ts"
import * as Plan from "./Plan.ts"
import { Recorder } from "../report/Recorder.ts"
import type { SimulationReport } from "../report/Report.ts"
import type { AnyNode } from "../SimNode.ts"
import * as Simulation from "../Simulation.ts"
import { addressOfNode } from "../Starting.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import type { TraceRecord } from "../report/Trace.ts"
import type { Verbs } from "../Verbs.ts"
import type { VirtualNetwork } from "../network/VirtualNetwork.ts"

/** How a plan is carried out. Nothing of it changes the history. */
export interface PlanOptions {
  /** Gets a record for every event, in order. */
  readonly trace?: (record: TraceRecord) => void
  /** Time between samples: a 240th of the whole by default, and at least 10 ms. */
  readonly sampleEvery?: Duration.Input
  /** Called now and then with the ms of virtual time that have passed. */
  readonly onProgress?: (ms: number) => Effect.Effect<void>
  /** Whether nodes are watched for what the protocol rules out; by default they are. */
  readonly invariants?: boolean
  /** Gets hold of the simulation before its first node starts. */
  readonly onSimulation?: (verbs: Verbs) => void
}

/** What came of a plan. */
export interface PlanResult {
  /** Up to the end, or to the event at which an invariant broke. */
  readonly report: SimulationReport
  /** Tells histories apart. */
  readonly hash: string
  readonly broken: InvariantBroken | undefined
}

/** Real time between two calls of `onProgress`. */
const ProgressEvery = Duration.millis(100)
const Samples = 240
const LeastSampleEvery = 10

/** Where a forged datagram comes from: an address for documentation, which no node has. */
const Stranger = "192.0.2.1:7946"

/**
 * Carries out a plan. One plan gives the same result in every process.
 *
 * Fails with `PlanError` when the plan cannot be carried out.
 */
export const run = Effect.fnUntraced(function* (
  plan: Plan.Plan,
  options: PlanOptions = {}
): Effect.fn.Return<PlanResult, Plan.PlanError | StartFailure | VirtualTimeStuck> {
  const config = yield* Effect.fromResult(Plan.check(plan))
  const { invariants = true, onProgress } = options
  let now = () => 0
  let report = (): SimulationReport | undefined => undefined
  /** As it is at the event that broke an invariant, before the nodes end. */
  let last: SimulationReport | undefined

  const scenario = Effect.gen(function* () {
    const verbs = yield* Simulation.Simulation
    now = verbs.now
    const recorder = new Recorder(verbs, options.trace)
    const measure = new Measure(verbs, recorder, samplePeriod(plan, options), plan.nodes)
    options.onSimulation?.(verbs)
    report = () => measure.report
    yield* new PlanExecution(plan, verbs).run
    return measure.report
  }).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        last = report()
      })
    )
  )
  const simulated = Simulation.run(scenario, {
    seed: plan.seed,
    config,
    network: Plan.conditionsOf(plan.network),
    invariants
  }).pipe(
    Effect.map((report): PlanResult => ({ report, hash: report.summary.hash, broken: undefined })),
    Effect.catchTag("InvariantBroken", (broken) =>
      last === undefined ? Effect.die(broken) : Effect.succeed({ report: last, hash: last.summary.hash, broken })
    )
  )
  // On the clock of who runs this: virtual time does not know of it.
  const progress =
    onProgress === undefined
      ? Effect.never
      : Effect.sleep(ProgressEvery).pipe(Effect.andThen(Effect.suspend(() => onProgress(now()))), Effect.forever)
  return yield* Effect.raceFirst(simulated, progress)
})

const samplePeriod = ({ duration }: Plan.Plan, { sampleEvery }: PlanOptions): number =>
  Math.max(
    LeastSampleEvery,
    sampleEvery === undefined
      ? Math.ceil(Duration.toMillis(duration) / Samples)
      : Duration.toMillis(Duration.fromInputUnsafe(sampleEvery))
  )

const nanosOf = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * NanosPerMilli)

// --- what happens when -----------------------------------------------------------

/** At one instant, what passes is undone first, then nodes join, then steps are taken. */
const Rank = { Undo: 0, Join: 1, Step: 2 } as const

interface Action {
  /** In ns of virtual time. */
  readonly at: number
  readonly rank: number
  readonly run: Effect.Effect<void, StartFailure>
}

/** What a step did to somebody that can be undone. */
type Undo = Effect.Effect<void>

class PlanExecution {
  readonly #plan: Plan.Plan
  readonly #verbs: Verbs
  readonly #ways: NetworkChanges
  /** In the order in which they are due. */
  readonly #acts: Array<Action> = []
  /** Rates of clocks by name, the one that counts last. */
  readonly #rates = new Map<string, Array<{ readonly rate: number }>>()
  /** Whose datagrams wait. */
  readonly #blocked = new Set<AnyNode>()
  /** How many steps of one kind and instant have drawn. */
  readonly #draws = new Map<string, number>()

  constructor(plan: Plan.Plan, verbs: Verbs) {
    this.#plan = plan
    this.#verbs = verbs
    this.#ways = new NetworkChanges(verbs.network)
    verbs.observe({
      // The next life of a machine finds clock and network as the former one left them.
      started: (node) => {
        const rate = this.#rates.get(node.name)?.at(-1)
        if (rate !== undefined) node.clock.skew(rate.rate)
        this.#ways.attached(node)
      }
    })
  }

  /** Everything from the beginning to the end. */
  get run(): Effect.Effect<void, StartFailure> {
    const { duration, joinOver, nodes, steps } = this.#plan
    const { timeline } = this.#verbs
    const end = nanosOf(duration)
    for (let number = 1; number <= nodes; number++) {
      const at = nodes === 1 ? 0 : Math.round((nanosOf(joinOver) * (number - 1)) / (nodes - 1))
      this.#add({ at, rank: Rank.Join, run: this.#start(number) })
    }
    for (const step of steps) {
      this.#add({ at: nanosOf(step.at), rank: Rank.Step, run: Effect.suspend(() => this.#take(step)) })
    }
    const acts = this.#acts
    return Effect.gen(function* () {
      while (true) {
        const at = Math.min(acts[0]?.at ?? end, end)
        if (at > timeline.now) yield* Effect.sleep(Duration.nanos(BigInt(at - timeline.now)))
        else if (at >= end) break
        else {
          const act = acts.shift()
          if (act !== undefined) yield* act.run
        }
      }
      // What else is due at this very instant, such as the last sample.
      yield* Effect.sleep(Duration.zero)
    })
  }

  #add(act: Action): void {
    const acts = this.#acts
    let at = acts.length
    while (at > 0 && isAfter(acts[at - 1], act)) at--
    acts.splice(at, 0, act)
  }

  /** Has a step undone when its time is over, if it has one. */
  #pass(duration: Duration.Duration | undefined, undo: Undo): void {
    if (duration === undefined) return
    this.#add({ at: this.#verbs.timeline.now + nanosOf(duration), rank: Rank.Undo, run: undo })
  }

  #start(number: number): Effect.Effect<void, StartFailure> {
    if (Plan.isLevel0(this.#plan, number)) return Effect.asVoid(this.#verbs.startLevel0(1))
    return Effect.asVoid(this.#verbs.start(1, { config: this.#peersOf(number) }))
  }

  /** With one peer for all it is as the simulation has it. */
  #peersOf(number: number): ClusterOptions {
    const { peers } = this.#plan
    if (peers === 1) return {}
    const addresses: Array<string> = []
    for (let peer = 1; peer <= peers; peer++) if (peer !== number) addresses.push(addressOfNode(peer))
    return { peers: addresses }
  }

  // --- who -------------------------------------------------------------------

  #skip(step: Plan.Step, why: string): void {
    this.#verbs.notify("skip", [], `${step.do} ${why}`)
  }

  /** A generator for one step, which other steps and the nodes leave as it is. */
  #dice(step: Plan.Step): Effect.Effect<Random.Random> {
    const key = `${step.do} ${Duration.toMillis(step.at)}`
    const count = this.#draws.get(key) ?? 0
    this.#draws.set(key, count + 1)
    return seeded(`${this.#plan.seed} step ${key} ${count}`)
  }

  /** So many of each group, in order, until there are enough. */
  #draw(
    step: Plan.Step,
    count: number,
    groups: ReadonlyArray<ReadonlyArray<AnyNode>>
  ): Effect.Effect<ReadonlyArray<AnyNode>> {
    return Effect.map(this.#dice(step), (dice) => {
      const drawn: Array<AnyNode> = []
      for (const group of groups) {
        const rest = [...group]
        while (drawn.length < count && rest.length > 0) {
          const [node] = rest.splice(Math.floor(dice.nextDoubleUnsafe() * rest.length), 1)
          if (node !== undefined) drawn.push(node)
        }
      }
      return drawn.sort((a, b) => a.number - b.number)
    })
  }

  /** The nodes that a step is about, without those for which `obstacle` gives a reason. */
  #find(
    step: Plan.Step,
    who: Plan.NodeSelection,
    obstacle: (node: AnyNode) => string | undefined
  ): Effect.Effect<ReadonlyArray<AnyNode>> {
    const { nodes } = this.#verbs
    if (typeof who === "number") {
      const fit = nodes.filter((node) => node.condition === "up" && obstacle(node) === undefined)
      return Effect.map(this.#draw(step, who, lastIsFirst(fit)), (drawn) => this.#enough(step, who, drawn))
    }
    const found: Array<AnyNode> = []
    for (const name of who) {
      const node = nodes[Plan.numberOf(name) - 1]
      const why = node === undefined ? "it has not started yet" : obstacle(node)
      if (why !== undefined) this.#skip(step, `${name}: ${why}`)
      else if (node !== undefined) found.push(node)
    }
    return Effect.succeed(found)
  }

  #enough(step: Plan.Step, wanted: number, drawn: ReadonlyArray<AnyNode>): ReadonlyArray<AnyNode> {
    if (drawn.length < wanted) this.#skip(step, `${wanted - drawn.length} of ${wanted}: there are no more nodes for it`)
    return drawn
  }

  // --- steps -----------------------------------------------------------------

  #take(step: Plan.Step): Effect.Effect<void, StartFailure> {
    switch (step.do) {
      case "kill":
        return this.#forEach(step, step.nodes, ended, (node) => Effect.ignore(this.#verbs.kill(node)))
      case "stop":
        return this.#forEach(step, step.nodes, notUp, (node) =>
          // It says goodbye while the history goes on, and never comes to an end if it is killed meanwhile.
          this.#verbs.stop(node).pipe(Effect.ignore, Effect.forkDetach({ startImmediately: true }), Effect.asVoid)
        )
      case "restart":
        return this.#restart(step)
      case "freeze":
        return this.#forEach(step, step.nodes, notUp, (node) =>
          Effect.map(Effect.ignore(this.#verbs.freeze(node)), () => this.#pass(step.for, this.#thaw(node)))
        )
      case "block_io":
        return this.#forEach(
          step,
          step.nodes,
          (node) => (this.#blocked.has(node) ? "its datagrams wait already" : notUp(node)),
          (node) =>
            Effect.map(Effect.ignore(this.#verbs.blockIo(node)), () => {
              this.#blocked.add(node)
              this.#pass(step.for, this.#unblock(node))
            })
        )
      case "partition":
        return this.#partition(step)
      case "cut":
        return Effect.sync(() => this.#cut(step))
      case "heal":
        return Effect.andThen(
          Effect.sync(() => this.#ways.healed()),
          this.#verbs.heal
        )
      case "slow":
        return this.#forEach(step, step.nodes, ended, (node) => Effect.sync(() => this.#slow(node, step)))
      case "skew":
        return this.#forEach(step, step.nodes, ended, (node) => this.#skew(node, step))
      case "network":
        return this.#changeNetwork(step)
      case "start":
        return this.#startMore(step.count)
      case "replay":
        return this.#replay(step)
      case "forge":
        return this.#forge(step)
    }
  }

  #forEach<E>(
    step: Plan.Step,
    who: Plan.NodeSelection,
    obstacle: (node: AnyNode) => string | undefined,
    act: (node: AnyNode) => Effect.Effect<void, E>
  ): Effect.Effect<void, E> {
    return Effect.flatMap(this.#find(step, who, obstacle), (nodes) => Effect.forEach(nodes, act, { discard: true }))
  }

  #startMore(count: number): Effect.Effect<void, StartFailure> {
    const { nodes, notify } = this.#verbs
    const first = nodes.length + 1
    const numbers = Array.from({ length: count }, (_, i) => first + i)
    return Effect.andThen(
      Effect.forEach(numbers, (number) => this.#start(number), { discard: true }),
      Effect.sync(() =>
        notify(
          "join",
          numbers.map((number) => `n${number}`)
        )
      )
    )
  }

  #restart(step: StepOf<"restart">): Effect.Effect<void, StartFailure> {
    const { nodes } = this.#verbs
    const gone = nodes.filter((node) => ended(node) !== undefined)
    const up = nodes.filter((node) => node.condition === "up")
    const found =
      typeof step.nodes === "number"
        ? Effect.map(this.#draw(step, step.nodes, [gone, ...lastIsFirst(up)]), (drawn) =>
            this.#enough(step, Number(step.nodes), drawn)
          )
        : this.#find(step, step.nodes, () => undefined)
    return Effect.flatMap(found, (drawn) =>
      Effect.forEach(
        drawn,
        (node) =>
          this.#verbs.restart<NodeBase>(node, {
            identity: step.identity ?? "same",
            clockBehind: step.clockBehind ?? Duration.zero
          }),
        { discard: true }
      )
    )
  }

  #thaw(node: AnyNode): Undo {
    return Effect.suspend(() => {
      if (node.condition !== "frozen") return Effect.void
      // What blocked it before it froze blocks it after, unless that ended meanwhile.
      const rest = Effect.suspend(() =>
        node.host.holding && !this.#blocked.has(node) ? this.#verbs.unblockIo(node) : Effect.void
      )
      return Effect.ignore(Effect.andThen(this.#verbs.thaw(node), rest))
    })
  }

  #unblock(node: AnyNode): Undo {
    return Effect.suspend(() => {
      this.#blocked.delete(node)
      return node.condition === "up" ? Effect.ignore(this.#verbs.unblockIo(node)) : Effect.void
    })
  }

  #partition(step: StepOf<"partition">): Effect.Effect<void> {
    const { nodes, notify } = this.#verbs
    const part = step.part === undefined ? 0 : Math.round(step.part * nodes.length)
    const groups: Effect.Effect<ReadonlyArray<ReadonlyArray<string>>> =
      step.groups !== undefined
        ? Effect.succeed(step.groups)
        : Effect.map(this.#draw(step, part, lastIsFirst(nodes)), (drawn) => [drawn.map(({ name }) => name)])
    return Effect.map(groups, (groups) => {
      const undo = this.#ways.partition(groups)
      notify("partition", [], groups.map((group) => group.join(" ")).join(" | "))
      this.#pass(
        step.for,
        Effect.sync(() => {
          if (undo()) notify("heal", [], "the partition")
        })
      )
    })
  }

  #cut(step: StepOf<"cut">): void {
    const { notify } = this.#verbs
    const undo = this.#ways.cut(linksOf(step.from, step.to, step.bothWays))
    const text = wayText(step.from, step.to, step.bothWays)
    notify("cut", [], text)
    this.#pass(
      step.for,
      Effect.sync(() => {
        if (undo()) notify("heal", [], text)
      })
    )
  }

  #slow(node: AnyNode, step: StepOf<"slow">): void {
    const { notify } = this.#verbs
    const undo = this.#ways.change(
      [
        { _tag: "Outbound", name: node.name },
        { _tag: "Inbound", name: node.name }
      ],
      { latency: Duration.toMillis(step.by) }
    )
    notify("slow", [node.name], `${Duration.toMillis(step.by)} ms`)
    this.#pass(
      step.for,
      Effect.sync(() => {
        undo()
        notify("slow", [node.name], "no more")
      })
    )
  }

  #skew(node: AnyNode, step: StepOf<"skew">): Effect.Effect<void> {
    const { name } = node
    const rates = this.#rates.get(name) ?? []
    this.#rates.set(name, rates)
    const rate = { rate: step.rate }
    rates.push(rate)
    this.#pass(
      step.for,
      Effect.suspend(() => {
        rates.splice(rates.indexOf(rate), 1)
        const now = this.#verbs.nodes[node.number - 1]
        return now === undefined || ended(now) !== undefined
          ? Effect.void
          : this.#verbs.skew(now, rates.at(-1)?.rate ?? 1)
      })
    )
    return this.#verbs.skew(node, step.rate)
  }

  #changeNetwork(step: StepOf<"network">): Effect.Effect<void> {
    const { notify } = this.#verbs
    const given = Plan.conditionsOf(step)
    const what = Object.entries(given)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")
    const change = (places: ReadonlyArray<Place>, where: string): void => {
      if (places.length === 0) return
      const undo = this.#ways.change(places, given)
      notify("network", [], `${where}: ${what}`)
      this.#pass(
        step.for,
        Effect.sync(() => {
          undo()
          notify("network", [], `${where}: as before`)
        })
      )
    }
    const { bothWays, from, inbound, outbound, to } = step
    if (from !== undefined && to !== undefined) {
      const places = linksOf(from, to, bothWays).map(([from, to]): Place => ({ _tag: "Link", from, to }))
      return Effect.sync(() => change(places, wayText(from, to, bothWays)))
    }
    if (inbound === undefined && outbound === undefined)
      return Effect.sync(() => change([{ _tag: "All" }], "all links"))
    const at = (who: Plan.NodeSelection | undefined, tag: "Inbound" | "Outbound", word: string) =>
      who === undefined
        ? Effect.void
        : Effect.map(this.#find(step, who, ended), (nodes) => {
            const names = nodes.map(({ name }) => name)
            change(
              names.map((name): Place => ({ _tag: tag, name })),
              `${word} ${names.join(" ")}`
            )
          })
    return Effect.andThen(at(inbound, "Inbound", "to"), at(outbound, "Outbound", "from"))
  }

  #replay(step: StepOf<"replay">): Effect.Effect<void> {
    const { network, notify, timeline } = this.#verbs
    return Effect.map(this.#find(step, step.nodes, notUp), (nodes) => {
      if (nodes.length === 0) return
      const names = new Set(nodes.map(({ name }) => name))
      const after = nanosOf(step.after)
      const unobserve = network.observe({
        sent: ({ destination, from, payload, source }) => {
          if (!names.has(from)) return
          timeline.at(timeline.now + after, () => {
            network.inject(payload, `${source.host}:${source.port}`, `${destination.host}:${destination.port}`)
          })
        }
      })
      notify("replay", [...names], `${Duration.toMillis(step.after)} ms later`)
      this.#pass(step.for, Effect.sync(unobserve))
    })
  }

  #forge(step: StepOf<"forge">): Effect.Effect<void> {
    const about = this.#verbs.nodes[Plan.numberOf(step.about) - 1]
    if (about === undefined) {
      return Effect.sync(() => this.#skip(step, `about ${step.about}: it has not started yet`))
    }
    return Effect.flatMap(this.#find(step, step.nodes, notUp), (nodes) =>
      Effect.forEach(nodes, (to) => Effect.orDie(this.#verbs.forge(claimAbout(about, step), { from: Stranger, to })), {
        discard: true
      })
    )
  }
}

type StepOf<Kind extends Plan.Step["do"]> = Extract<Plan.Step, { readonly do: Kind }>

const isAfter = (a: Action | undefined, b: Action): boolean =>
  a !== undefined && (a.at > b.at || (a.at === b.at && a.rank > b.rank))

/** The first node, through which the others find each other, by itself at the end. */
const lastIsFirst = (nodes: ReadonlyArray<AnyNode>): ReadonlyArray<ReadonlyArray<AnyNode>> => [
  nodes.filter(({ number }) => number !== 1),
  nodes.filter(({ number }) => number === 1)
]

const ended = ({ condition }: AnyNode): string | undefined =>
  condition === "killed" || condition === "crashed" || condition === "left" ? `it is ${condition}` : undefined

const notUp = ({ condition }: AnyNode): string | undefined => (condition === "up" ? undefined : `it is ${condition}`)

const linksOf = (
  from: ReadonlyArray<string>,
  to: ReadonlyArray<string>,
  bothWays = false
): ReadonlyArray<readonly [string, string]> =>
  from.flatMap((a) =>
    to.flatMap((b) => (a === b ? [] : bothWays ? [[a, b] as const, [b, a] as const] : [[a, b] as const]))
  )

const wayText = (from: ReadonlyArray<string>, to: ReadonlyArray<string>, bothWays = false): string =>
  bothWays ? `between ${from.join(" ")} and ${to.join(" ")}` : `from ${from.join(" ")} to ${to.join(" ")}`

const statuses = { alive: "Alive", suspect: "Suspect", dead: "Dead" } as const

const claimAbout = (about: AnyNode, { incarnationAhead = 0, status }: StepOf<"forge">): Message.Message => ({
  _tag: "Gossip",
  senderId: NodeId.fromWords(0xffff_ffff, 0xffff_ffff),
  heartbeat: 1,
  incarnation: 1,
  flags: 0,
  level: 0,
  entries: [
    {
      nodeId: about.id,
      heartbeat: about.kind === "node" ? about.view.table.heartbeat[SelfSlot]! : 0,
      incarnation:
        ((about.kind === "node" ? about.view.incarnation : about.level0.incarnation()) + incarnationAhead) >>> 0,
      status: statuses[status],
      address: NetAddress.inetAddressFromStringUnsafe(about.address)
    }
  ]
})

// --- ways ------------------------------------------------------------------------

/** A part of the network whose conditions can be changed. */
type Place =
  | { readonly _tag: "All" }
  | { readonly _tag: "Link"; readonly from: string; readonly to: string }
  | { readonly _tag: "Inbound" | "Outbound"; readonly name: string }

type Change = Partial<Conditions>

interface Link {
  readonly from: string
  readonly to: string
  readonly changes: Array<Change>
  /** What cuts it at present. */
  readonly cuts: Set<object>
}

interface Ends {
  readonly Inbound: Array<Change>
  readonly Outbound: Array<Change>
}

/**
 * What steps did to the network, each of which can be undone whatever came after it: a place is as it was at the
 * beginning, but for the changes that are not undone, the newest last.
 */
class NetworkChanges {
  readonly #network: VirtualNetwork
  readonly #beginning: Conditions
  readonly #changes: Array<Change> = []
  readonly #links = new Map<string, Link>()
  readonly #ends = new Map<string, Ends>()
  readonly #nodes = new Map<string, AnyNode>()
  #partitions: Array<ReadonlyArray<ReadonlyArray<string>>> = []

  constructor(network: VirtualNetwork) {
    this.#network = network
    this.#beginning = { ...network.defaults }
  }

  /** A node is on the network, as a new machine without a past. */
  attached(node: AnyNode): void {
    this.#nodes.set(node.name, node)
    if (this.#ends.has(node.name)) this.#refreshEnds(node.name)
  }

  change(places: ReadonlyArray<Place>, change: Change): () => void {
    const undos = places.map((place) => {
      const changes = this.#changesOf(place)
      changes.push(change)
      this.#refresh(place)
      return () => {
        changes.splice(changes.indexOf(change), 1)
        this.#refresh(place)
      }
    })
    return () => {
      for (const undo of undos) undo()
    }
  }

  /** Cuts links. What is returned mends those that nothing else cuts, and says whether that was still to be done. */
  cut(links: ReadonlyArray<readonly [from: string, to: string]>): () => boolean {
    const token = {}
    const cut = links.map(([from, to]) => this.#link(from, to))
    for (const link of cut) {
      link.cuts.add(token)
      this.#refreshLink(link)
    }
    return () => {
      let mended = false
      for (const link of cut) {
        mended = link.cuts.delete(token) || mended
        this.#refreshLink(link)
      }
      return mended
    }
  }

  /** Parts the network. What is returned brings back the partition before, if this one has not ended already. */
  partition(groups: ReadonlyArray<ReadonlyArray<string>>): () => boolean {
    const own = [...groups]
    this.#partitions.push(own)
    this.#network.partition(own)
    return () => {
      const there = this.#partitions.includes(own)
      this.#partitions = this.#partitions.filter((other) => other !== own)
      if (there) this.#network.partition(this.#partitions.at(-1) ?? [])
      return there
    }
  }

  /** All partitions and cuts are over. */
  healed(): void {
    this.#partitions = []
    for (const { cuts } of this.#links.values()) cuts.clear()
  }

  #link(from: string, to: string): Link {
    const key = `${from} ${to}`
    let link = this.#links.get(key)
    if (link === undefined) this.#links.set(key, (link = { from, to, changes: [], cuts: new Set() }))
    return link
  }

  #changesOf(place: Place): Array<Change> {
    switch (place._tag) {
      case "All":
        return this.#changes
      case "Link":
        return this.#link(place.from, place.to).changes
      default: {
        let ends = this.#ends.get(place.name)
        if (ends === undefined) this.#ends.set(place.name, (ends = { Inbound: [], Outbound: [] }))
        return ends[place._tag]
      }
    }
  }

  #refresh(place: Place): void {
    switch (place._tag) {
      case "All":
        Object.assign(this.#network.defaults, this.#beginning, ...this.#changes)
        for (const link of this.#links.values()) this.#refreshLink(link)
        return
      case "Link":
        return this.#refreshLink(this.#link(place.from, place.to))
      default:
        return this.#refreshEnds(place.name)
    }
  }

  #refreshLink({ changes, cuts, from, to }: Link): void {
    const cut = { cut: cuts.size > 0 }
    Object.assign(this.#network.link(from, to), this.#beginning, ...this.#changes, ...changes, cut)
  }

  #refreshEnds(name: string): void {
    const host = this.#nodes.get(name)?.host
    const ends = this.#ends.get(name)
    if (host === undefined || ends === undefined) return
    Object.assign(host.ingress(), neutral, ...ends.Inbound)
    Object.assign(host.egress(), neutral, ...ends.Outbound)
  }
}
