/**
 * A cluster of real nodes in virtual time.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const simulation = yield* Simulation
 *   const [first, ...others] = yield* simulation.start(5)
 *   yield* simulation.untilConverged("10 seconds")
 *   yield* simulation.kill(first)
 *   yield* simulation.untilEveryoneSees(first, "dead", "30 seconds")
 * })
 *
 * Simulation.run(program, { seed: 7 })
 * ```
 */
import {
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Predicate,
  Random,
  Scheduler,
  type Types
} from "effect"
import { NetAddress } from "effect/net"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as Message from "../wire/Message.ts"
import { acquaint } from "./Acquaintance.ts"
import { disagreements } from "./Agreement.ts"
import { type Conditions, neutral } from "./network/Conditions.ts"
import { type InvariantBroken, NotInTime, TimeStandsStill, WrongCondition } from "./Errors.ts"
import { watchInvariants } from "./invariants/Invariants.ts"
import { seeded, type World } from "./Machine.ts"
import { outsideOf } from "./time/Outside.ts"
import type { Known, StartFailure } from "./NodeBase.ts"
import * as OldSimNode from "./level0/OldSimNode.ts"
import { type AnyNode, type NodeLayer, type SimNode, start } from "./SimNode.ts"
import { NanosPerMilli, Timeline } from "./time/Timeline.ts"
import type { Condition, StartOptions, Verbs, Watcher } from "./Verbs.ts"
import { VirtualClock } from "./time/VirtualClock.ts"
import { VirtualNetwork } from "./network/VirtualNetwork.ts"

/** The port of every node. */
const Port = 7946
/** How often a condition is looked at, in ms. */
const LookEvery = 10
/** Wake-ups between two looks at the world outside. */
const EventsAtOnce = 2000

const addressOf = (number: number, family: 4 | 6): string =>
  family === 4 ? `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}` : `fd00::${number.toString(16)}`

const endpointOf = (ip: string): NetAddress.InetAddress => NetAddress.inetAddressFromIpStringUnsafe(ip, Port)

/** Where the others find a node that was started without an address family. */
export const addressOfNode = (number: number): string => NetAddress.formatInet(endpointOf(addressOf(number, 4)))

/** How a simulation is. */
export interface SimulationOptions {
  /** Decides all that is left to chance; 1 by default. */
  readonly seed?: number | string
  /** The configuration of every node, beyond bind address, id and peers. */
  readonly config?: ClusterConfig.ClusterOptions
  /** How datagrams fare where nothing else is said; 1 ms and no loss by default. */
  readonly network?: Partial<Conditions>
  /** Whether what nodes log is shown; not by default. */
  readonly logs?: boolean
  /** Whether nodes are watched for what the protocol rules out; by default they are. */
  readonly invariants?: boolean
}

export class Simulation extends Context.Service<Simulation, Verbs>()("effect-gossip/simulation/Simulation") {}

/**
 * Runs a scenario from the beginning of virtual time to its end, as fast as it goes.
 * All of it happens on the virtual clock, `Effect.sleep` included, and one seed
 * gives one history. At the end the layers that were put on nodes are closed; the
 * nodes are dropped as they are.
 *
 * Fails with `InvariantBroken` when a node does what the protocol rules out, with
 * `TimeStandsStill` when fibers never sleep, and with what the scenario fails with.
 */
export const run = <A, E, R>(
  scenario: Effect.Effect<A, E, R>,
  options: SimulationOptions = {}
): Effect.Effect<A, E | InvariantBroken | TimeStandsStill, Exclude<R, Simulation>> =>
  Effect.gen(function* () {
    const outer = yield* Effect.context<Exclude<R, Simulation>>()
    const timeline = new Timeline()
    const seed = String(options.seed ?? 1)
    const random = yield* seeded(`${seed} scenario`)
    const inner = outer.pipe(
      Context.add(Clock.Clock, new VirtualClock(timeline)),
      Context.add(Scheduler.Scheduler, timeline.tasks),
      Context.add(Random.Random, random)
    )
    const dice = yield* seeded(`${seed} network`)
    let failure: InvariantBroken | undefined
    const fail = (broken: InvariantBroken): void => {
      failure ??= broken
    }
    const program = Effect.gen(function* () {
      const { end, verbs } = yield* make(timeline, () => dice.nextDoubleUnsafe(), fail, options)
      if (options.invariants !== false) watchInvariants(verbs)
      return yield* Effect.onExit(Effect.provideService(scenario, Simulation, verbs), () => end)
    })
    const fiber = Effect.runForkWith(inner)(program)
    // It may end while it waits for the world outside, with nothing left to do.
    fiber.addObserver(() => timeline.onWork())
    const ended = () => fiber.pollUnsafe() !== undefined
    yield* drive(timeline, () => failure !== undefined || ended()).pipe(
      Effect.ensuring(
        Effect.suspend(() => {
          fiber.interruptUnsafe()
          // What the scenario acquired is released in virtual time too.
          return Effect.ignore(drive(timeline, ended))
        })
      )
    )
    if (failure !== undefined) return yield* failure
    return yield* Fiber.join(fiber)
  })

/** Lets time pass until `done`. */
const drive = (timeline: Timeline, done: () => boolean): Effect.Effect<void, TimeStandsStill> =>
  Effect.gen(function* () {
    const work = Latch.makeUnsafe(false)
    timeline.onWork = () => work.openUnsafe()
    while (true) {
      work.closeUnsafe()
      switch (timeline.run(EventsAtOnce, done)) {
        case "done":
          return
        case "stuck":
          return yield* new TimeStandsStill({ at: timeline.millis })
        case "spent":
          yield* Effect.yieldNow
          break
        default:
          yield* work.await
          // Whoever brought the work goes on first: it may still be on the stack.
          yield* Effect.yieldNow
      }
    }
  })

/** Makes the verbs, and what ends the simulation. */
const make = Effect.fnUntraced(function* (
  timeline: Timeline,
  random: () => number,
  fail: (failure: InvariantBroken) => void,
  options: SimulationOptions
) {
  const seed = String(options.seed ?? 1)
  const network = new VirtualNetwork(
    {
      now: () => timeline.millis,
      at: (ms, run) => {
        timeline.at(Math.round(ms * NanosPerMilli), run)
      }
    },
    random,
    { ...neutral, latency: 1, ...options.network }
  )
  const outside = outsideOf(timeline)
  const world: World = { timeline, network, seed, logs: options.logs ?? false, outside }
  const nodes: Array<AnyNode> = []
  /** Every life that anybody had, for the end. */
  const lives: Array<AnyNode> = []
  /** Of those that leave: done when they are killed meanwhile. */
  const goodbyes = new WeakMap<AnyNode, Deferred.Deferred<void>>()
  let lastId = 0
  const nextLife = (number: number): number => (nodes[number - 1]?.life ?? 0) + 1
  const watchers: Array<Watcher> = []

  const tell = (verb: string, names: ReadonlyArray<string>, detail = ""): void => {
    for (const watcher of watchers) watcher.verb?.(verb, names, detail)
  }

  const did = (verb: string, subjects: ReadonlyArray<AnyNode>, detail = ""): void => {
    if (watchers.length === 0) return
    tell(
      verb,
      subjects.map(({ name }) => name),
      detail
    )
  }

  /** A verb on a node that has to be in one of some conditions. */
  const verb = (
    name: string,
    node: AnyNode,
    conditions: ReadonlyArray<AnyNode["condition"]>,
    act: () => void
  ): Effect.Effect<void, WrongCondition> =>
    Effect.suspend(() => {
      const { condition } = node
      if (!conditions.includes(condition)) return new WrongCondition({ node: node.name, condition, verb: name })
      act()
      did(name, [node])
      return Effect.void
    })

  const ended = (node: AnyNode): void => {
    for (const watcher of watchers) watcher.ended?.(node)
  }

  /** A node goes over to another condition, in which it is still there. */
  const change = (node: AnyNode, how: () => void): void => {
    how()
    for (const watcher of watchers) watcher.changed?.(node)
  }

  const firstPeer = (): ReadonlyArray<string> => (nodes[0] === undefined ? [] : [nodes[0].address])

  /** Takes a newborn in. */
  const add = (node: AnyNode): void => {
    nodes[node.number - 1] = node
    lives.push(node)
    for (const watcher of watchers) watcher.started?.(node)
    did(node.life === 1 ? "start" : "restart", [node])
  }

  const startOne = <R, E>(
    number: number,
    nodeId: number,
    given: StartOptions,
    layer: NodeLayer<R, E>,
    clockBehind: Duration.Input
  ): Effect.Effect<SimNode<R>, StartFailure | E> =>
    Effect.gen(function* () {
      const ip = addressOf(number, given.family ?? 4)
      const config = yield* Effect.fromResult(
        ClusterConfig.make({
          bind: NetAddress.formatInet(endpointOf(ip)),
          nodeId: String(nodeId),
          peers: firstPeer(),
          ...options.config,
          ...given.config
        })
      )
      const node = yield* start(world, {
        number,
        life: nextLife(number),
        host: network.host(`n${number}`, [ip]),
        config,
        clockBehind: Duration.toMillis(clockBehind),
        layer,
        again: ({ clockBehind = 0, config, identity = "same" }) =>
          startOne(
            number,
            identity === "same" ? nodeId : ++lastId,
            { ...given, config: { ...given.config, ...config } },
            Layer.orDie(layer),
            clockBehind
          )
      })
      add(node)
      return node
    })

  const startOneOld = (
    number: number,
    nodeId: number,
    peers: ReadonlyArray<string>,
    clockBehind: Duration.Input
  ): Effect.Effect<OldSimNode.OldSimNode, StartFailure> =>
    Effect.gen(function* () {
      const ip = addressOf(number, 4)
      const node = yield* OldSimNode.start(world, {
        number,
        life: nextLife(number),
        host: network.host(`n${number}`, [ip]),
        clockBehind: Duration.toMillis(clockBehind),
        id: NodeId.fromWords(0, nodeId),
        bind: endpointOf(ip),
        peers: peers.map((peer) => NetAddress.inetAddressFromStringUnsafe(peer)),
        again: ({ clockBehind = 0, identity = "same" }) =>
          startOneOld(number, identity === "same" ? nodeId : ++lastId, peers, clockBehind)
      })
      add(node)
      return node
    })

  const startMany = <R, E, const N extends number>(
    layer: NodeLayer<R, E>,
    count: N,
    given: StartOptions = {}
  ): Effect.Effect<Types.TupleOf<N, SimNode<R>>, StartFailure | E> =>
    Effect.gen(function* () {
      const started: Array<SimNode<R>> = []
      while (!Predicate.isTupleOf(started, count)) {
        started.push(yield* startOne(nodes.length + 1, ++lastId, given, layer, 0))
      }
      return started
    })

  const kill = (node: AnyNode): void => {
    node.control.kill()
    const goodbye = goodbyes.get(node)
    if (goodbye !== undefined) Deferred.doneUnsafe(goodbye, Exit.void)
    ended(node)
  }

  /** The address that a datagram without a sender bears or is for. */
  const destination = (to: AnyNode | string): string => (typeof to === "string" ? to : to.address)

  const until = <E, R>(
    awaited: string,
    condition: Condition<E, R>,
    within: Duration.Input,
    instead: () => ReadonlyArray<string>
  ) =>
    Effect.gen(function* () {
      const limit = Duration.fromInputUnsafe(within)
      const deadline = timeline.now + Math.round(Duration.toMillis(limit) * NanosPerMilli)
      const holds = typeof condition === "function" ? Effect.sync(condition) : condition
      while (!(yield* holds)) {
        if (timeline.now >= deadline) {
          return yield* new NotInTime({ awaited, within: limit, at: timeline.millis, instead: [...instead()] })
        }
        yield* Effect.sleep(Math.min(LookEvery, (deadline - timeline.now) / NanosPerMilli))
      }
    })

  const up = (): ReadonlyArray<AnyNode> => nodes.filter((node) => node.condition === "up")

  const verbs: Verbs = {
    seed,
    network,
    timeline,
    nodes,
    now: () => timeline.millis,
    start: (count, given) => startMany(Layer.empty, count, given),
    startWith: startMany,
    startOld: (count) =>
      Effect.gen(function* () {
        const started: Array<OldSimNode.OldSimNode> = []
        while (!Predicate.isTupleOf(started, count)) {
          started.push(yield* startOneOld(nodes.length + 1, ++lastId, firstPeer(), 0))
        }
        return started
      }),
    fail,
    acquaint,
    stop: (node) =>
      Effect.suspend(() => {
        const { condition } = node
        if (condition !== "up") return new WrongCondition({ node: node.name, condition, verb: "stop" })
        did("stop", [node])
        return Effect.gen(function* () {
          const killed = yield* Deferred.make<void>()
          goodbyes.set(node, killed)
          const leaving = yield* Effect.forkDetach(node.control.stop, { startImmediately: true })
          for (const watcher of watchers) watcher.changed?.(node)
          // What a killed node still wanted to do never comes.
          yield* Effect.raceFirst(Fiber.join(leaving), Deferred.await(killed))
          if (node.condition === "left") ended(node)
        })
      }),
    kill: (node) => verb("kill", node, ["up", "frozen", "leaving"], () => kill(node)),
    restart: (node, again = {}) =>
      Effect.suspend(() => {
        const present = nodes[node.number - 1]
        if (present !== undefined && present.condition !== "left" && present.condition !== "killed") kill(present)
        return node.again(again)
      }),
    freeze: (node) => verb("freeze", node, ["up"], () => change(node, node.control.freeze)),
    thaw: (node) => verb("thaw", node, ["frozen"], () => change(node, node.control.thaw)),
    blockIo: (node) => verb("blockIo", node, ["up"], node.host.hold),
    unblockIo: (node) => verb("unblockIo", node, ["up"], node.host.release),
    partition: (...groups) =>
      Effect.sync(() => {
        network.partition(groups.map((group) => group.map(({ name }) => name)))
        did("partition", [], groups.map((group) => group.map(({ name }) => name).join(" ")).join(" | "))
      }),
    cut: (from, to) =>
      Effect.sync(() => {
        network.link(from.name, to.name).cut = true
        did("cut", [from, to])
      }),
    heal: Effect.sync(() => {
      network.heal()
      did("heal", [])
    }),
    slow: (node, by) =>
      Effect.sync(() => {
        const ms = Duration.toMillis(by)
        node.host.egress().latency = ms
        node.host.ingress().latency = ms
        did("slow", [node], `${ms} ms`)
      }),
    skew: (node, rate) =>
      Effect.sync(() => {
        node.clock.skew(rate)
        did("skew", [node], String(rate))
      }),
    replay: (payload, { from, to }) =>
      Effect.sync(() => {
        network.inject(payload, from, destination(to))
        did("replay", [], `from ${from} to ${destination(to)}`)
      }),
    forge: (message, { from, to }) =>
      Effect.map(Effect.fromResult(Message.encode(message)), (payload) => {
        network.inject(payload, from, destination(to))
        did("forge", [], `${message._tag} from ${from} to ${destination(to)}`)
      }),
    until: (awaited, condition, within) => until(awaited, condition, within, () => []),
    untilConverged: (within, among) => {
      const seen = () => disagreements(among ?? up())
      return until("all nodes that are up hold each other alive", () => seen().length === 0, within, seen)
    },
    untilEveryoneSees: (node, status, within) => {
      const wanted: ReadonlyArray<Known> = typeof status === "string" ? [status] : status
      const others = () => up().filter((other) => other !== node && !wanted.includes(other.knows(node.id)))
      return until(
        `everyone sees ${node.name} ${wanted.join(" or ")}`,
        () => others().length === 0,
        within,
        () => others().map((other) => `${other.name} sees it ${other.knows(node.id)}`)
      )
    },
    outside,
    watch: (watcher) => {
      watchers.push(watcher)
    },
    tell
  }

  const end = Effect.gen(function* () {
    watchers.length = 0
    for (const node of lives) {
      node.host.detach()
      // A stopped process would never finish.
      if (node.condition === "frozen") node.control.thaw()
    }
    const running = lives.filter(({ condition }) => condition !== "killed")
    const exits = yield* Effect.forEach(running, ({ condition, control }) =>
      Effect.exit(condition === "leaving" ? control.stop : control.abandon)
    )
    for (const node of lives) node.control.kill()
    yield* Exit.asVoidAll(exits)
  })
  return { verbs, end }
})
