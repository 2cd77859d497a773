/** One life of an older node in a simulation. */
import { Effect, Exit, Scope } from "effect"
import { NetAddress } from "effect/net"
import { BindError } from "../../transport/Transport.ts"
import type { NodeId } from "../../domain/NodeId.ts"
import * as Incarnation from "../../domain/Incarnation.ts"
import * as Machine from "../Machine.ts"
import type { Condition, Control, Known, NodeBase, RestartOptions, StartFailure } from "../NodeBase.ts"
import * as OldNode from "./OldNode.ts"

/** A node that speaks version 1 only, as the older implementation does. */
export interface OldSimNode extends NodeBase {
  readonly kind: "old"
  readonly old: OldNode.OldNode
  readonly again: (options: RestartOptions) => Effect.Effect<OldSimNode, StartFailure>
}

/** Which machine an older node starts on, and how. */
export interface OldBirth extends Machine.MachineOptions {
  readonly id: NodeId
  readonly bind: NetAddress.InetAddress
  readonly peers: ReadonlyArray<NetAddress.InetAddress>
  readonly again: (options: RestartOptions) => Effect.Effect<OldSimNode, StartFailure>
}

const kinds = { alive: "Recovered", suspect: "Suspected", dead: "Died" } as const

/** Starts an older node. */
export const start = Effect.fnUntraced(function* (
  world: Machine.World,
  options: OldBirth
): Effect.fn.Return<OldSimNode, BindError> {
  const { again, bind, host, id, life, number, peers } = options
  const machine = yield* Machine.make(world, options)
  const { clock, services } = machine
  let condition: Condition = "up"
  const scope = yield* Scope.make()
  const old = yield* OldNode.make({
    id,
    bind,
    peers,
    incarnation: Incarnation.starting(clock.currentTimeMillisUnsafe())
  }).pipe(
    Scope.provide(scope),
    Effect.provideContext(services),
    Effect.mapError((cause) => new BindError({ address: bind, kind: "Unknown", cause }))
  )

  const stop = yield* Effect.cached(
    Effect.gen(function* () {
      condition = "leaving"
      yield* Scope.close(scope, Exit.void)
      host.detach()
      if (condition === "leaving") condition = "left"
    }).pipe(Effect.provideContext(services), Effect.uninterruptible)
  )

  const control: Control = {
    stop,
    kill: () => {
      machine.fail()
      condition = "killed"
    },
    freeze: () => {
      condition = "frozen"
      machine.freeze()
    },
    thaw: () => {
      condition = "up"
      machine.thaw()
    },
    abandon: Effect.void
  }

  return {
    kind: "old",
    old,
    number,
    life,
    name: host.name,
    id,
    address: NetAddress.formatInet(old.address),
    host,
    clock,
    control,
    startedAt: world.timeline.millis,
    get condition() {
      return condition
    },
    get fibers() {
      return machine.fibers()
    },
    knows: (id): Known => old.members().find((member) => member.id === id)?.status ?? "unknown",
    onLearned: (learned) =>
      old.onChange(({ id, incarnation, previous, status }) =>
        learned(id, status, { kind: previous === undefined ? "Joined" : kinds[status], incarnation, cause: "Old" })
      ),
    live: old.counts,
    again
  }
})
