/** The verbs that end, disturb and deceive nodes. */
import { Deferred, Duration, Effect, Exit, Fiber } from "effect"
import * as Message from "../wire/Message.ts"
import { WrongCondition } from "./SimulationError.ts"
import type { VirtualNetwork } from "./network/VirtualNetwork.ts"
import type { NodeCondition } from "./NodeBase.ts"
import type { NodeRegistry } from "./NodeRegistry.ts"
import type { AnyNode } from "./SimNode.ts"
import type { Verbs } from "./Verbs.ts"

type Fault =
  | "stop"
  | "kill"
  | "crash"
  | "restart"
  | "freeze"
  | "thaw"
  | "blockIo"
  | "unblockIo"
  | "partition"
  | "cut"
  | "reject"
  | "heal"
  | "slow"
  | "skew"
  | "replay"
  | "forge"

/** Conditions of a node that has not ended. */
const running: ReadonlyArray<NodeCondition> = ["up", "frozen", "leaving"]

export const make = (network: VirtualNetwork, registry: NodeRegistry): Pick<Verbs, Fault> => {
  /** For each leaving node, what completes when the node is killed or crashes meanwhile. */
  const interruptedLeaves = new WeakMap<AnyNode, Deferred.Deferred<void>>()

  /** A verb on a node that has to be in one of these conditions. */
  const onNode = (
    verb: string,
    node: AnyNode,
    conditions: ReadonlyArray<NodeCondition>,
    act: () => void
  ): Effect.Effect<void, WrongCondition> =>
    Effect.suspend(() => {
      const { condition } = node
      if (!conditions.includes(condition)) return new WrongCondition({ node: node.name, condition, verb })
      act()
      registry.done(verb, [node])
      return Effect.void
    })

  /** Changes the condition of a node that continues to exist. */
  const change = (node: AnyNode, act: () => void): void => {
    act()
    registry.changed(node)
  }

  const end = (node: AnyNode, act: () => void): void => {
    act()
    const leave = interruptedLeaves.get(node)
    if (leave !== undefined) Deferred.doneUnsafe(leave, Exit.void)
    registry.ended(node)
  }

  const destination = (to: AnyNode | string): string => (typeof to === "string" ? to : to.address)

  return {
    stop: (node) =>
      Effect.suspend(() => {
        const { condition } = node
        if (condition !== "up") return new WrongCondition({ node: node.name, condition, verb: "stop" })
        registry.done("stop", [node])
        return Effect.gen(function* () {
          const interrupted = yield* Deferred.make<void>()
          interruptedLeaves.set(node, interrupted)
          const leaving = yield* Effect.forkDetach(node.control.stop, { startImmediately: true })
          registry.changed(node)
          // The fibers of a killed node never end, so its leave would not either.
          yield* Effect.raceFirst(Fiber.join(leaving), Deferred.await(interrupted))
          if (node.condition === "left") registry.ended(node)
        })
      }),
    kill: (node) => onNode("kill", node, running, () => end(node, node.control.kill)),
    crash: (node) => onNode("crash", node, running, () => end(node, node.control.crash)),
    restart: (node, options = {}) =>
      Effect.suspend(() => {
        const present = registry.nodes[node.number - 1]
        if (present !== undefined && running.includes(present.condition)) end(present, present.control.kill)
        return node.restart(options)
      }),
    freeze: (node) => onNode("freeze", node, ["up"], () => change(node, node.control.freeze)),
    thaw: (node) => onNode("thaw", node, ["frozen"], () => change(node, node.control.thaw)),
    blockIo: (node) => onNode("blockIo", node, ["up"], node.host.hold),
    unblockIo: (node) => onNode("unblockIo", node, ["up"], node.host.release),
    partition: (...groups) =>
      Effect.sync(() => {
        const names = groups.map((group) => group.map(({ name }) => name))
        network.partition(names)
        registry.done("partition", [], names.map((group) => group.join(" ")).join(" | "))
      }),
    cut: (from, to) =>
      Effect.sync(() => {
        network.link(from.name, to.name).cut = true
        registry.done("cut", [from, to])
      }),
    reject: (from, to) =>
      Effect.sync(() => {
        network.link(from.name, to.name).reject = 1
        registry.done("reject", [from, to])
      }),
    heal: Effect.sync(() => {
      network.heal()
      registry.done("heal", [])
    }),
    slow: (node, by) =>
      Effect.sync(() => {
        const ms = Duration.toMillis(by)
        node.host.egress().latency = ms
        node.host.ingress().latency = ms
        registry.done("slow", [node], `${ms} ms`)
      }),
    skew: (node, rate) =>
      Effect.sync(() => {
        node.clock.skew(rate)
        registry.done("skew", [node], String(rate))
      }),
    replay: (payload, { from, to }) =>
      Effect.sync(() => {
        network.inject(payload, from, destination(to))
        registry.done("replay", [], `from ${from} to ${destination(to)}`)
      }),
    forge: (message, { from, to }) =>
      Effect.map(Effect.fromResult(Message.encode(message)), (payload) => {
        network.inject(payload, from, destination(to))
        registry.done("forge", [], `${message._tag} from ${from} to ${destination(to)}`)
      })
  }
}
