/**
 * PINGs that one node answers on a loopback socket, in each second of CPU time that its process spends. A bare socket that
 * sends each datagram back is the ceiling: nothing on Node.js can be quicker.
 */
import { type ChildProcess, fork } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { Effect, Result } from "effect"
import { NetAddress } from "effect/net"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import type { KeyRing } from "../../src/crypto/KeyRing.ts"
import * as NodeAead from "../../src/node/NodeAead.ts"
import * as Message from "../../src/wire/Message.ts"
import { idOf } from "./Fixtures.ts"
import { clusterKey, type Responder, type Told } from "./Responders.ts"
import { ringOf } from "./Sealing.ts"

/** PINGs under way at a time. */
const Window = 64

/** The next message of a process. */
export const told = async (child: ChildProcess): Promise<Told> => {
  const [message] = await once(child, "message")
  return message
}

/** CPU time of a process so far, in microseconds. */
export const cpuOf = async (child: ChildProcess): Promise<number> => {
  const answer = told(child)
  child.send("cpu")
  return (await answer).cpu ?? 0
}

/** PINGs of a member at a port of this machine, each with a new heartbeat. */
const pings = (port: number): (() => Uint8Array) => {
  const address = NetAddress.inetAddressFromIpStringUnsafe("127.0.0.1", port)
  const nodeId = idOf(7)
  let heartbeat = 0
  return () => {
    heartbeat++
    return Result.getOrThrow(
      Message.encode({
        _tag: "Ping",
        senderId: nodeId,
        heartbeat,
        incarnation: 0,
        flags: 0,
        level: 1,
        entries: [{ nodeId, heartbeat, incarnation: 0, status: "Alive", address }]
      })
    )
  }
}

/** Answers per second of CPU time, over so many ms. */
const answersPerSecond = async (
  responder: Responder,
  millis: number,
  ring: KeyRing["Service"] | undefined
): Promise<number> => {
  const child = fork(new URL("Responder.ts", import.meta.url), [responder])
  const { port } = await told(child)
  const socket = createSocket("udp4").bind(0, "127.0.0.1")
  await once(socket, "listening")
  const ping = pings(socket.address().port)
  const send = (): void => {
    const message = ping()
    socket.send(ring === undefined ? message : ring.seal(message), port, "127.0.0.1")
  }
  let answers = 0
  socket.on("message", () => {
    answers++
    send()
  })
  for (let i = 0; i < Window; i++) send()
  // The compiler needs some ten thousand PINGs until it has seen all of a node.
  await setTimeout(1.5 * millis)
  const before = { answers, cpu: await cpuOf(child) }
  await setTimeout(millis)
  const after = { answers, cpu: await cpuOf(child) }
  child.kill()
  socket.close()
  return ((after.answers - before.answers) * 1e6) / (after.cpu - before.cpu)
}

/** What one responder reached. */
export interface Live {
  readonly responder: Responder
  /** PINGs answered in a second of CPU time. */
  readonly perSecond: number
}

/** How often each responder is measured. The best counts, since other work on the machine comes and goes. */
const Rounds = 3

/** Measures each responder for so many ms. */
export const measure = (millis: number): Effect.Effect<ReadonlyArray<Live>> =>
  Effect.gen(function* () {
    const keys = [Result.getOrThrow(ClusterKey.fromText(clusterKey))] as const
    const ring = yield* Effect.orDie(ringOf(NodeAead.layer, keys))
    const results: Array<Live> = []
    for (const responder of ["echo", "plaintext", "sealed"] as const) {
      const reached: Array<number> = []
      for (let round = 0; round < Rounds; round++) {
        const keys = responder === "sealed" ? ring : undefined
        reached.push(yield* Effect.promise(() => answersPerSecond(responder, millis, keys)))
      }
      results.push({ responder, perSecond: Math.max(...reached) })
    }
    return results
  })
