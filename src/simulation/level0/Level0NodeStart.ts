/** Starts one life of a level 0 node on a virtual machine. */
import { Effect, Exit, Scope } from "effect"
import { NetAddress } from "effect/net"
import { BindError } from "../../transport/Transport.ts"
import type { NodeId } from "../../domain/NodeId.ts"
import * as Incarnation from "../../domain/Incarnation.ts"
import * as Machine from "../Machine.ts"
import type { KnownStatus, NodeCondition, NodeControl, RestartOptions, StartFailure } from "../NodeBase.ts"
import * as Level0Node from "./Level0Node.ts"
import type { Level0SimNode } from "./Level0SimNode.ts"

export interface Level0SimNodeOptions extends Machine.MachineOptions {
  readonly id: NodeId
  readonly bind: NetAddress.InetAddress
  readonly peers: ReadonlyArray<NetAddress.InetAddress>
  readonly restart: (options: RestartOptions) => Effect.Effect<Level0SimNode, StartFailure>
}

const kinds = { alive: "Recovered", suspect: "Suspected", dead: "Died" } as const

/** Starts a level 0 node. */
export const start = Effect.fnUntraced(function* (
  environment: Machine.SharedEnvironment,
  options: Level0SimNodeOptions
): Effect.fn.Return<Level0SimNode, BindError> {
  const { restart, bind, host, id, life, number, peers } = options
  const machine = yield* Machine.make(environment, options)
  const { clock, services } = machine
  let condition: NodeCondition = "up"
  const scope = yield* Scope.make()
  const level0 = yield* Level0Node.make({
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
      if (condition !== "leaving") return
      host.exit()
      condition = "left"
    }).pipe(Effect.provideContext(services), Effect.uninterruptible)
  )

  const control: NodeControl = {
    stop,
    kill: () => {
      machine.kill()
      condition = "killed"
    },
    crash: () => {
      machine.crash()
      condition = "crashed"
    },
    freeze: () => {
      condition = "frozen"
      machine.freeze()
    },
    thaw: () => {
      condition = "up"
      machine.thaw()
    },
    closeLayer: Effect.void
  }

  return {
    kind: "level0",
    level0,
    number,
    life,
    name: host.name,
    id,
    address: NetAddress.formatInet(level0.address),
    host,
    clock,
    control,
    startedAt: environment.timeline.millis,
    firstIncarnation: level0.incarnation(),
    get condition() {
      return condition
    },
    get fibers() {
      return machine.fibers()
    },
    statusOf: (id): KnownStatus => level0.members().find((member) => member.id === id)?.status ?? "unknown",
    onViewChange: (learned) =>
      level0.onChange(({ id, incarnation, previous, status }) =>
        learned(id, status, { kind: previous === undefined ? "Joined" : kinds[status], incarnation, cause: "Level0" })
      ),
    liveCounts: level0.counts,
    restart
  }
})
