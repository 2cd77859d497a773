/** The verbs that start nodes. */
import { Duration, Effect, Layer, Predicate, type Types } from "effect"
import { NetAddress } from "effect/net"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as Level0NodeStart from "./level0/Level0NodeStart.ts"
import type { Level0SimNode } from "./level0/Level0SimNode.ts"
import type { SharedEnvironment } from "./Machine.ts"
import type { StartFailure } from "./NodeBase.ts"
import type { NodeRegistry } from "./NodeRegistry.ts"
import * as NodeStart from "./NodeStart.ts"
import type { NodeLayer, SimNode } from "./SimNode.ts"
import type { StartOptions, Verbs } from "./Verbs.ts"

/** The port of every node. */
const Port = 7946

const addressOf = (number: number, family: 4 | 6): string =>
  family === 4 ? `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}` : `fd00::${number.toString(16)}`

const endpointOf = (ip: string): NetAddress.InetAddress => NetAddress.inetAddressFromIpStringUnsafe(ip, Port)

/** The address, with port, of a node that was started without an address family. */
export const addressOfNode = (number: number): string => NetAddress.formatInet(endpointOf(addressOf(number, 4)))

/** `config` is the configuration of every node, beyond bind address, id and peers. */
export const make = (
  environment: SharedEnvironment,
  registry: NodeRegistry,
  config: ClusterConfig.ClusterOptions = {}
): Pick<Verbs, "start" | "startWith" | "startLevel0"> => {
  const { network } = environment
  const { nodes } = registry

  const firstPeer = (): ReadonlyArray<string> => (nodes[0] === undefined ? [] : [nodes[0].address])

  const machine = (number: number, ip: string, clockBehind: Duration.Input) => ({
    number,
    life: registry.nextLife(number),
    host: network.host(`n${number}`, [ip]),
    clockBehind: Duration.toMillis(clockBehind)
  })

  const startOne = <R, E>(
    number: number,
    nodeId: number,
    given: StartOptions,
    layer: NodeLayer<R, E>,
    clockBehind: Duration.Input
  ): Effect.Effect<SimNode<R>, StartFailure | E> =>
    Effect.gen(function* () {
      const ip = addressOf(number, given.family ?? 4)
      const nodeConfig = yield* Effect.fromResult(
        ClusterConfig.make({
          bind: NetAddress.formatInet(endpointOf(ip)),
          nodeId: String(nodeId),
          peers: firstPeer(),
          ...config,
          ...given.config
        })
      )
      const node = yield* NodeStart.start(environment, {
        ...machine(number, ip, clockBehind),
        config: nodeConfig,
        layer,
        restart: ({ clockBehind = 0, config, identity = "same" }) =>
          startOne(
            number,
            identity === "same" ? nodeId : registry.nextId(),
            { ...given, config: { ...given.config, ...config } },
            Layer.orDie(layer),
            clockBehind
          )
      })
      registry.add(node)
      return node
    })

  const startOneLevel0 = (
    number: number,
    nodeId: number,
    peers: ReadonlyArray<string>,
    clockBehind: Duration.Input
  ): Effect.Effect<Level0SimNode, StartFailure> =>
    Effect.gen(function* () {
      const ip = addressOf(number, 4)
      const node = yield* Level0NodeStart.start(environment, {
        ...machine(number, ip, clockBehind),
        id: NodeId.fromWords(0, nodeId),
        bind: endpointOf(ip),
        peers: peers.map((peer) => NetAddress.inetAddressFromStringUnsafe(peer)),
        restart: ({ clockBehind = 0, identity = "same" }) =>
          startOneLevel0(number, identity === "same" ? nodeId : registry.nextId(), peers, clockBehind)
      })
      registry.add(node)
      return node
    })

  const many = <A, E, const N extends number>(
    count: N,
    one: (number: number, nodeId: number) => Effect.Effect<A, E>
  ): Effect.Effect<Types.TupleOf<N, A>, E> =>
    Effect.gen(function* () {
      const started: Array<A> = []
      while (!Predicate.isTupleOf(started, count)) {
        started.push(yield* one(registry.nextNumber, registry.nextId()))
      }
      return started
    })

  const startWith: Verbs["startWith"] = (layer, count, options = {}) =>
    many(count, (number, nodeId) => startOne(number, nodeId, options, layer, 0))

  return {
    start: (count, options) => startWith(Layer.empty, count, options),
    startWith,
    startLevel0: (count) => many(count, (number, nodeId) => startOneLevel0(number, nodeId, firstPeer(), 0))
  }
}
