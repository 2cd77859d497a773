/** Carries out the steps of one plan at their times. */
import { Duration, Effect, type Random } from "effect"
import { NetAddress } from "effect/net"
import type { ClusterOptions } from "../../config/ClusterConfig.ts"
import * as NodeId from "../../domain/NodeId.ts"
import { SelfSlot } from "../../membership/MemberTable.ts"
import type * as Message from "../../wire/Message.ts"
import { seeded } from "../Machine.ts"
import type { NodeBase, StartFailure } from "../NodeBase.ts"
import type { AnyNode } from "../SimNode.ts"
import { addressOfNode } from "../Starting.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import type { Verbs } from "../Verbs.ts"
import { NetworkChanges, type Place } from "./NetworkChanges.ts"
import * as Plan from "./Plan.ts"

/** The source of forged datagrams: an address from the range for documentation, which no node has. */
const Stranger = "192.0.2.1:7946"

const nanosOf = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * NanosPerMilli)

/** The order at one instant: steps that end are undone first, then nodes join, then steps begin. */
const Rank = { Undo: 0, Join: 1, Step: 2 } as const

interface Action {
  /** In ns of virtual time. */
  readonly at: number
  readonly rank: number
  readonly run: Effect.Effect<void, StartFailure>
}

/** Undoes what a step did. */
type Undo = Effect.Effect<void>

type StepOf<Kind extends Plan.Step["do"]> = Extract<Plan.Step, { readonly do: Kind }>

export class PlanExecution {
  readonly #plan: Plan.Plan
  readonly #verbs: Verbs
  readonly #networkChanges: NetworkChanges
  /** In the order in which they are due. */
  readonly #actions: Array<Action> = []
  /** Rates of clocks by node name. The last one applies. */
  readonly #rates = new Map<string, Array<{ readonly rate: number }>>()
  /** Nodes whose datagrams wait because of a step. */
  readonly #blocked = new Set<AnyNode>()
  /** The number of draws so far by kind and instant of the step. */
  readonly #draws = new Map<string, number>()

  constructor(plan: Plan.Plan, verbs: Verbs) {
    this.#plan = plan
    this.#verbs = verbs
    this.#networkChanges = new NetworkChanges(verbs.network)
    verbs.observe({
      // A machine keeps the rate of its clock and its network conditions when its node restarts.
      started: (node) => {
        const rate = this.#rates.get(node.name)?.at(-1)
        if (rate !== undefined) node.clock.skew(rate.rate)
        this.#networkChanges.attached(node)
      }
    })
  }

  /** Runs the plan from its beginning to its end. */
  get run(): Effect.Effect<void, StartFailure> {
    const { duration, joinOver, nodes, steps } = this.#plan
    const { timeline } = this.#verbs
    const end = nanosOf(duration)
    for (let number = 1; number <= nodes; number++) {
      const at = nodes === 1 ? 0 : Math.round((nanosOf(joinOver) * (number - 1)) / (nodes - 1))
      this.#add({ at, rank: Rank.Join, run: this.#start(number) })
    }
    for (const step of steps) {
      this.#add({ at: nanosOf(step.at), rank: Rank.Step, run: Effect.suspend(() => this.#begin(step)) })
    }
    const actions = this.#actions
    return Effect.gen(function* () {
      while (true) {
        const at = Math.min(actions[0]?.at ?? end, end)
        if (at > timeline.now) yield* Effect.sleep(Duration.nanos(BigInt(at - timeline.now)))
        else if (at >= end) break
        else {
          const action = actions.shift()
          if (action !== undefined) yield* action.run
        }
      }
      // Other events of this instant, such as the last sample, happen before the end.
      yield* Effect.sleep(Duration.zero)
    })
  }

  #add(action: Action): void {
    const actions = this.#actions
    let at = actions.length
    while (at > 0 && isAfter(actions[at - 1], action)) at--
    actions.splice(at, 0, action)
  }

  /** Schedules the end of a step that has a duration. */
  #undoAfter(duration: Duration.Duration | undefined, undo: Undo): void {
    if (duration === undefined) return
    this.#add({ at: this.#verbs.timeline.now + nanosOf(duration), rank: Rank.Undo, run: undo })
  }

  #start(number: number): Effect.Effect<void, StartFailure> {
    if (Plan.isLevel0(this.#plan, number)) return Effect.asVoid(this.#verbs.startLevel0(1))
    return Effect.asVoid(this.#verbs.start(1, { config: this.#peersOf(number) }))
  }

  /** One bootstrap peer is the default of the simulation. */
  #peersOf(number: number): ClusterOptions {
    const { peers } = this.#plan
    if (peers === 1) return {}
    const addresses: Array<string> = []
    for (let peer = 1; peer <= peers; peer++) if (peer !== number) addresses.push(addressOfNode(peer))
    return { peers: addresses }
  }

  // --- the selection of nodes --------------------------------------------------

  #skip(step: Plan.Step, why: string): void {
    this.#verbs.notify("skip", [], `${step.do} ${why}`)
  }

  /** A generator of one step. What it draws does not depend on other steps or on the nodes. */
  #random(step: Plan.Step): Effect.Effect<Random.Random> {
    const key = `${step.do} ${Duration.toMillis(step.at)}`
    const count = this.#draws.get(key) ?? 0
    this.#draws.set(key, count + 1)
    return seeded(`${this.#plan.seed} step ${key} ${count}`)
  }

  /** Draws `count` nodes, from each group only after all of the groups before it. */
  #draw(
    step: Plan.Step,
    count: number,
    groups: ReadonlyArray<ReadonlyArray<AnyNode>>
  ): Effect.Effect<ReadonlyArray<AnyNode>> {
    return Effect.map(this.#random(step), (random) => {
      const drawn: Array<AnyNode> = []
      for (const group of groups) {
        const rest = [...group]
        while (drawn.length < count && rest.length > 0) {
          const [node] = rest.splice(Math.floor(random.nextDoubleUnsafe() * rest.length), 1)
          if (node !== undefined) drawn.push(node)
        }
      }
      return drawn.sort((a, b) => a.number - b.number)
    })
  }

  /** The nodes that a step selects, without those for which `obstacle` returns a reason. */
  #select(
    step: Plan.Step,
    selection: Plan.NodeSelection,
    obstacle: (node: AnyNode) => string | undefined
  ): Effect.Effect<ReadonlyArray<AnyNode>> {
    const { nodes } = this.#verbs
    if (typeof selection === "number") {
      const fit = nodes.filter((node) => node.condition === "up" && obstacle(node) === undefined)
      return Effect.map(this.#draw(step, selection, firstNodeLast(fit)), (drawn) =>
        this.#reportMissing(step, selection, drawn)
      )
    }
    const found: Array<AnyNode> = []
    for (const name of selection) {
      const node = nodes[Plan.numberOf(name) - 1]
      const why = node === undefined ? "it has not started yet" : obstacle(node)
      if (why !== undefined) this.#skip(step, `${name}: ${why}`)
      else if (node !== undefined) found.push(node)
    }
    return Effect.succeed(found)
  }

  #reportMissing(step: Plan.Step, wanted: number, drawn: ReadonlyArray<AnyNode>): ReadonlyArray<AnyNode> {
    if (drawn.length < wanted) this.#skip(step, `${wanted - drawn.length} of ${wanted}: there are no more nodes for it`)
    return drawn
  }

  // --- steps -----------------------------------------------------------------

  #begin(step: Plan.Step): Effect.Effect<void, StartFailure> {
    switch (step.do) {
      case "kill":
        return this.#forEach(step, step.nodes, ended, (node) => Effect.ignore(this.#verbs.kill(node)))
      case "crash":
        return this.#forEach(step, step.nodes, ended, (node) => Effect.ignore(this.#verbs.crash(node)))
      case "stop":
        return this.#forEach(step, step.nodes, notUp, (node) =>
          // The plan continues while the node leaves.
          this.#verbs.stop(node).pipe(Effect.ignore, Effect.forkDetach({ startImmediately: true }), Effect.asVoid)
        )
      case "restart":
        return this.#restart(step)
      case "freeze":
        return this.#forEach(step, step.nodes, notUp, (node) =>
          Effect.map(Effect.ignore(this.#verbs.freeze(node)), () => this.#undoAfter(step.for, this.#thaw(node)))
        )
      case "block_io":
        return this.#forEach(
          step,
          step.nodes,
          (node) => (this.#blocked.has(node) ? "its datagrams wait already" : notUp(node)),
          (node) =>
            Effect.map(Effect.ignore(this.#verbs.blockIo(node)), () => {
              this.#blocked.add(node)
              this.#undoAfter(step.for, this.#unblock(node))
            })
        )
      case "partition":
        return this.#partition(step)
      case "cut":
        return Effect.sync(() => this.#cut(step))
      case "heal":
        return Effect.andThen(
          Effect.sync(() => this.#networkChanges.heal()),
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
    selection: Plan.NodeSelection,
    obstacle: (node: AnyNode) => string | undefined,
    act: (node: AnyNode) => Effect.Effect<void, E>
  ): Effect.Effect<void, E> {
    return Effect.flatMap(this.#select(step, selection, obstacle), (nodes) =>
      Effect.forEach(nodes, act, { discard: true })
    )
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
    const selected =
      typeof step.nodes === "number"
        ? Effect.map(this.#draw(step, step.nodes, [gone, ...firstNodeLast(up)]), (drawn) =>
            this.#reportMissing(step, Number(step.nodes), drawn)
          )
        : this.#select(step, step.nodes, () => undefined)
    return Effect.flatMap(selected, (nodes) =>
      Effect.forEach(
        nodes,
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
      // A `block_io` step that began before the freeze and ended during it must not last longer.
      const unblock = Effect.suspend(() =>
        node.host.holding && !this.#blocked.has(node) ? this.#verbs.unblockIo(node) : Effect.void
      )
      return Effect.ignore(Effect.andThen(this.#verbs.thaw(node), unblock))
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
        : Effect.map(this.#draw(step, part, firstNodeLast(nodes)), (drawn) => [drawn.map(({ name }) => name)])
    return Effect.map(groups, (groups) => {
      const undo = this.#networkChanges.partition(groups)
      notify("partition", [], groups.map((group) => group.join(" ")).join(" | "))
      this.#undoAfter(
        step.for,
        Effect.sync(() => {
          if (undo()) notify("heal", [], "the partition")
        })
      )
    })
  }

  #cut(step: StepOf<"cut">): void {
    const { notify } = this.#verbs
    const undo = this.#networkChanges.cut(linksOf(step.from, step.to, step.bothWays))
    const text = linksText(step.from, step.to, step.bothWays)
    notify("cut", [], text)
    this.#undoAfter(
      step.for,
      Effect.sync(() => {
        if (undo()) notify("heal", [], text)
      })
    )
  }

  #slow(node: AnyNode, step: StepOf<"slow">): void {
    const { notify } = this.#verbs
    const undo = this.#networkChanges.change(
      [
        { _tag: "Outbound", name: node.name },
        { _tag: "Inbound", name: node.name }
      ],
      { latency: Duration.toMillis(step.by) }
    )
    notify("slow", [node.name], `${Duration.toMillis(step.by)} ms`)
    this.#undoAfter(
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
    this.#undoAfter(
      step.for,
      Effect.suspend(() => {
        rates.splice(rates.indexOf(rate), 1)
        const present = this.#verbs.nodes[node.number - 1]
        return present === undefined || ended(present) !== undefined
          ? Effect.void
          : this.#verbs.skew(present, rates.at(-1)?.rate ?? 1)
      })
    )
    return this.#verbs.skew(node, step.rate)
  }

  #changeNetwork(step: StepOf<"network">): Effect.Effect<void> {
    const { notify } = this.#verbs
    const conditions = Plan.conditionsOf(step)
    const what = Object.entries(conditions)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")
    const change = (places: ReadonlyArray<Place>, where: string): void => {
      if (places.length === 0) return
      const undo = this.#networkChanges.change(places, conditions)
      notify("network", [], `${where}: ${what}`)
      this.#undoAfter(
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
      return Effect.sync(() => change(places, linksText(from, to, bothWays)))
    }
    if (inbound === undefined && outbound === undefined)
      return Effect.sync(() => change([{ _tag: "All" }], "all links"))
    const changeEnds = (selection: Plan.NodeSelection | undefined, tag: "Inbound" | "Outbound", word: string) =>
      selection === undefined
        ? Effect.void
        : Effect.map(this.#select(step, selection, ended), (nodes) => {
            const names = nodes.map(({ name }) => name)
            change(
              names.map((name): Place => ({ _tag: tag, name })),
              `${word} ${names.join(" ")}`
            )
          })
    return Effect.andThen(changeEnds(inbound, "Inbound", "to"), changeEnds(outbound, "Outbound", "from"))
  }

  #replay(step: StepOf<"replay">): Effect.Effect<void> {
    const { network, notify, timeline } = this.#verbs
    return Effect.map(this.#select(step, step.nodes, notUp), (nodes) => {
      if (nodes.length === 0) return
      const names = new Set(nodes.map(({ name }) => name))
      const after = nanosOf(step.after)
      const stopRecording = network.observe({
        sent: ({ destination, from, payload, source }) => {
          if (!names.has(from)) return
          timeline.at(timeline.now + after, () => {
            network.inject(payload, `${source.host}:${source.port}`, `${destination.host}:${destination.port}`)
          })
        }
      })
      notify("replay", [...names], `${Duration.toMillis(step.after)} ms later`)
      this.#undoAfter(step.for, Effect.sync(stopRecording))
    })
  }

  #forge(step: StepOf<"forge">): Effect.Effect<void> {
    const about = this.#verbs.nodes[Plan.numberOf(step.about) - 1]
    if (about === undefined) {
      return Effect.sync(() => this.#skip(step, `about ${step.about}: it has not started yet`))
    }
    return Effect.flatMap(this.#select(step, step.nodes, notUp), (nodes) =>
      Effect.forEach(nodes, (to) => Effect.orDie(this.#verbs.forge(claimAbout(about, step), { from: Stranger, to })), {
        discard: true
      })
    )
  }
}

const isAfter = (a: Action | undefined, b: Action): boolean =>
  a !== undefined && (a.at > b.at || (a.at === b.at && a.rank > b.rank))

/** Two groups: all other nodes, and the first node alone, because the others join through it. */
const firstNodeLast = (nodes: ReadonlyArray<AnyNode>): ReadonlyArray<ReadonlyArray<AnyNode>> => [
  nodes.filter(({ number }) => number !== 1),
  nodes.filter(({ number }) => number === 1)
]

/** Why a step does not apply to a node that has ended. */
const ended = ({ condition }: AnyNode): string | undefined =>
  condition === "killed" || condition === "crashed" || condition === "left" ? `it is ${condition}` : undefined

/** Why a step does not apply to a node that is not up. */
const notUp = ({ condition }: AnyNode): string | undefined => (condition === "up" ? undefined : `it is ${condition}`)

const linksOf = (
  from: ReadonlyArray<string>,
  to: ReadonlyArray<string>,
  bothWays = false
): ReadonlyArray<readonly [string, string]> =>
  from.flatMap((a) =>
    to.flatMap((b) => (a === b ? [] : bothWays ? [[a, b] as const, [b, a] as const] : [[a, b] as const]))
  )

const linksText = (from: ReadonlyArray<string>, to: ReadonlyArray<string>, bothWays = false): string =>
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
      heartbeat: about.kind === "node" ? about.view.table.heartbeat(SelfSlot) : 0,
      incarnation:
        ((about.kind === "node" ? about.view.incarnation : about.level0.incarnation()) + incarnationAhead) >>> 0,
      status: statuses[status],
      address: NetAddress.inetAddressFromStringUnsafe(about.address)
    }
  ]
})
