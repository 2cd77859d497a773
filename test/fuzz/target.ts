/**
 * A process with one node in it that is fuzzed through real sockets. It gets an `Order` as its argument and writes lines
 * of JSON: numbers of datagrams as it goes on, and the `Report` at the end.
 */
import { createSocket, type Socket } from "node:dgram"
import * as fs from "node:fs"
import * as inspector from "node:inspector/promises"
import { setImmediate as immediately, setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { getHeapStatistics } from "node:v8"
import { Context, Effect, Layer, Logger, Random, Redacted, Result, Schema } from "effect"
import { AntiEntropy } from "../../src/anti-entropy/AntiEntropy.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { FailureDetector } from "../../src/failure-detector/FailureDetector.ts"
import { MaxChecks } from "../../src/failure-detector/DeathChecks.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Gossip } from "../../src/gossip/Gossip.ts"
import { Join } from "../../src/join/Join.ts"
import { MaxCandidates } from "../../src/join/HealList.ts"
import { MaxLevel } from "../../src/wire/Header.ts"
import { Outbox } from "../../src/outbox/Outbox.ts"
import { LocalView } from "../../src/membership/LocalView.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as NodeAead from "../../src/node/NodeAead.ts"
import * as NodeNetwork from "../../src/node/NodeNetwork.ts"
import { NodeClock } from "../../src/time/NodeClock.ts"
import { noble } from "../../src/crypto/Aead.ts"
import { Nonces } from "../../src/crypto/Nonces.ts"
import * as SealedDatagram from "../../src/crypto/SealedDatagram.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { Kind } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import * as WireError from "../../src/wire/WireError.ts"
import { Generator } from "./Generator.ts"
import type { Bound, Order, Report } from "./Report.ts"

const Key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
const ProbeTimeout = 150
/** Small, so that the fuzzer reaches each of them. */
const limits = {
  members: 300,
  tombstones: 20,
  unlistedTombstones: 100,
  assemblies: 8,
  relays: 4,
  sources: 256,
  eventBuffer: 64
} as const

const order = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Struct({
      mode: Schema.Literals(["off", "required"]),
      seed: Schema.Int,
      datagrams: Schema.Int,
      coverage: Schema.Boolean
    })
  )
)(process.argv[2] ?? "") satisfies Order
const sealed = order.mode === "required"

const deaths: Array<string> = []
process.on("unhandledRejection", (reason) => deaths.push(`unhandled rejection: ${String(reason)}`))
process.on("uncaughtException", (error) => deaths.push(`uncaught exception: ${error.stack}`))

const say = (line: object): void => {
  fs.writeSync(1, `${JSON.stringify(line)}\n`)
}

const config = Result.getOrThrow(
  ClusterConfig.make({
    bind: "127.0.0.1:0",
    // Claims that it merges must not make it send datagrams to other machines.
    allow: ["127.0.0.0/8", "::1/128"],
    maxInboundRate: 1_000_000,
    reliableAckTimeout: 20,
    reliableMaxRetries: 0,
    ...(sealed ? { clusterKey: Key } : {}),
    gossip: { interval: 50, heartbeatInterval: 50, antiEntropyInterval: 200, healInterval: 100 },
    probes: { interval: 300, timeout: ProbeTimeout, suspectTimeout: 100, suspectJitter: 50, deadRetention: 400 },
    limits
  })
)

// --- sealing, as a node with the key does it --------------------------------------

const cipher = noble.cipher(Redacted.value(Result.getOrThrow(ClusterKey.fromText(Key))))
const stranger = noble.cipher(new Uint8Array(32).fill(7))
const opener = new SealedDatagram.Opener()
opener.setCiphers([cipher])

// --- sockets of many strangers ------------------------------------------------------

const judge = new Inbound()
let answers = 0
let invalidAnswers = 0

/** Whether a datagram is a message that the node's peers can read. */
const isValid = (datagram: Uint8Array): boolean => {
  const message = sealed ? opener.open(datagram) : datagram
  return message instanceof Uint8Array && judge.decode(message, MaxLevel) === undefined
}

let addresses = 0
/** A socket at a loopback address of its own, because the node limits the rate of each address. */
const openSocket = async (): Promise<Socket> => {
  // Without a look-up, datagrams leave at once.
  const socket = createSocket({ type: "udp4", lookup: (host, _, resolved) => resolved(null, host, 4) })
  addresses++
  const host = `127.${3 + (addresses >> 16)}.${(addresses >> 8) & 0xff}.${addresses & 0xff}`
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.bind(0, host, resolve)
  await promise
  socket.on("message", (datagram) => {
    answers++
    if (!isValid(datagram)) invalidAnswers++
  })
  return socket
}

const MaxPerSource = 90
const Batch = 40

// --- the node -------------------------------------------------------------------------

const program = Effect.gen(function* () {
  const services = yield* Layer.build(
    Layer.provide(Cluster.layer(config), Layer.merge(NodeNetwork.layer, NodeAead.layer))
  ).pipe(Random.withSeed(order.seed))
  const cluster = Context.get(services, Cluster.Cluster)
  const view = Context.get(services, LocalView)
  const transport = Context.get(services, Transport)
  const antiEntropy = Context.get(services, AntiEntropy)
  const detector = Context.get(services, FailureDetector)
  const gossip = Context.get(services, Gossip)
  const join = Context.get(services, Join)
  const outbox = Context.get(services, Outbox)
  const nodeClock = Context.get(services, NodeClock)
  const { table } = view
  const { counters } = transport
  const { port } = cluster.bound
  const generator = new Generator(
    order.seed,
    [NodeId.hi(cluster.id), NodeId.lo(cluster.id)],
    PackedAddress.pack(cluster.advertised).slice(0, PackedAddress.Ipv4Length),
    // A node of level 0 drops these as messages of an unknown kind, which a few of them show.
    MaxLevel > 0 ? 3 : 32
  )
  const { dice } = generator
  // Nonces that follow from a seed are not safe outside of tests.
  const sealer = new SealedDatagram.Sealer(new Nonces((length) => dice.bytes(length)))

  const happened: Record<string, number> = {
    Joined: 0,
    Suspected: 0,
    Recovered: 0,
    Died: 0,
    Left: 0,
    Updated: 0,
    SameId: 0,
    SameAddress: 0,
    deathClaimed: 0,
    forgotten: 0
  }
  const count = (what: string) => (happened[what] = (happened[what] ?? 0) + 1)
  view.observe({
    transition: ({ kind }) => count(kind),
    conflict: ({ kind }) => count(kind),
    deathClaimed: () => count("deathClaimed"),
    forgotten: () => count("forgotten")
  })

  // --- what the node should drop -----------------------------------------------------

  const foreseen: Record<string, number> = {}
  const ofKind: Record<number, number> = {}
  const foresee = (datagram: Uint8Array): void => {
    const message = sealed ? opener.open(datagram) : datagram
    const fault = message instanceof Uint8Array ? judge.decode(message, MaxLevel) : message
    if (fault !== undefined) foreseen[fault._tag] = (foreseen[fault._tag] ?? 0) + 1
    else ofKind[judge.header.kind] = (ofKind[judge.header.kind] ?? 0) + 1
  }

  const seal = (message: Uint8Array): Uint8Array =>
    // The sender's id is part of the seal, and a shorter message has none.
    message.length < SealedDatagram.IdInHeader + 8 ? message : sealer.seal(dice.oneIn(40) ? stranger : cipher, message)

  /** A datagram of noise, sealed or not. */
  const noise = (): Uint8Array => {
    const bytes = generator.noise()
    return sealed && dice.oneIn(2) ? seal(bytes) : bytes
  }

  const mutated = (): Uint8Array => {
    if (!sealed) return generator.mutated()
    // Unsealed; sealed after the mutation; mutated after it was sealed; or with another sender outside of the seal.
    const way = dice.below(16)
    if (way === 0) return generator.mutated()
    if (way < 11) return seal(generator.mutated())
    const datagram = seal(generator.valid())
    if (way < 15) return generator.mutate(datagram)
    return forged(generator.valid())
  }

  /** Sealed with the key, but with another sender outside of the seal than inside. */
  const forged = (message: Uint8Array): Uint8Array => {
    const nonce = dice.bytes(12)
    const other = dice.bytes(8)
    const datagram = new Uint8Array(SealedDatagram.Overhead + message.length)
    datagram.set(nonce)
    datagram.set(other, 12)
    cipher.seal(nonce, message, other, datagram, 20)
    return datagram
  }

  // --- bounds -----------------------------------------------------------------------

  const bounds: Record<string, Bound> = {}
  const bound = (name: string, size: number, most: number) => {
    bounds[name] = { largest: Math.max(size, bounds[name]?.largest ?? 0), bound: most }
  }
  const checkBounds = () => {
    const { members, strangers } = transport.sources()
    const all = limits.members + limits.tombstones + limits.unlistedTombstones
    bound("members", table.listed, limits.members)
    bound("tombstones", table.tombstones.length, limits.tombstones)
    bound("tombstones of nodes never listed", table.unlisted.length, limits.unlistedTombstones)
    bound("ids", table.index.size, 1 + all)
    // A dead member becomes a tombstone before an old tombstone is removed.
    bound("slots", table.top, 2 + all)
    bound("waiting changes", outbox.queue.size, 1 + limits.members)
    bound("suspicions", detector.suspicions(), limits.members)
    bound("death claims being checked", detector.checks.size, limits.members)
    bound("death claims about alive members", detector.checks.aboutAlive, MaxChecks)
    bound("relays", detector.relays.size, limits.relays)
    bound("heal list", join.healList.size, MaxCandidates)
    bound("assemblies", antiEntropy.assemblies.size, limits.assemblies)
    bound("sources, members", members, limits.sources)
    bound("sources, strangers", strangers, limits.sources)
  }

  // --- the run ----------------------------------------------------------------------

  const memory = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await sleep(20)
    }
    return getHeapStatistics().used_heap_size + process.memoryUsage().arrayBuffers
  }

  const received = () => counters.datagramsIn + transport.receiveDropped()

  const feed = async (make: () => Uint8Array, datagrams: number): Promise<void> => {
    let socket = await openSocket()
    let used = 0
    for (let sent = 0; sent < datagrams;) {
      const target = received() + Math.min(Batch, datagrams - sent)
      for (let i = 0; i < Batch && sent < datagrams; i++) {
        if (used === MaxPerSource) {
          socket.close()
          socket = await openSocket()
          used = 0
        }
        const datagram = make()
        foresee(datagram)
        socket.send(datagram, port, "127.0.0.1")
        used++
        sent++
      }
      const patience = performance.now() + 1000
      while (received() < target && performance.now() < patience) await immediately()
      checkBounds()
      if (sent % 4000 < Batch) {
        say({ progress: sent })
        // Give the timers of the node time to run.
        await sleep(5)
      }
    }
    await sleep(20)
    socket.close()
  }

  /** How long the node takes to answer a PING, in milliseconds: the shortest of several, because the machine may be busy. */
  const ping = async (): Promise<number> => {
    const writer = new MessageWriter()
    const own = new Uint8Array([4, 127, 3, 3, 3, 1, 1])
    let best = -1
    for (let i = 0; i < 20 && (best < 0 || best > ProbeTimeout); i++) {
      const socket = await openSocket()
      const { promise, resolve } = Promise.withResolvers<number>()
      const start = performance.now()
      socket.on("message", (datagram) => {
        const message = sealed ? opener.open(datagram) : datagram
        if (!(message instanceof Uint8Array) || judge.decode(message, MaxLevel) !== undefined) return
        if (judge.header.kind === Kind.Ack) resolve(performance.now() - start)
      })
      const { header } = writer
      header.idHi = dice.u32()
      header.idLo = dice.u32()
      header.heartbeat = 1
      header.incarnation = 0
      writer.begin(Kind.Ping, 0)
      writer.entry(header.idHi, header.idLo, 1, 0, 0, own, 0)
      const message = writer.finish()
      socket.send(sealed ? sealer.seal(cipher, message) : message, port, "127.0.0.1")
      const took = await Promise.race([promise, sleep(500, -1)])
      if (took >= 0 && (best < 0 || took < best)) best = took
      socket.close()
    }
    return best
  }

  const profiler = order.coverage ? yield* Effect.promise(startCoverage) : undefined

  yield* Effect.promise(async () => {
    await feed(mutated, 200)
    const sentBefore = 200
    const memoryBefore = await memory()
    const start = performance.now()
    await feed(noise, order.datagrams)
    await feed(mutated, order.datagrams)
    const seconds = (performance.now() - start) / 1000
    const pingMs = await ping()
    await sleep(500)
    checkBounds()
    const uncovered = profiler === undefined ? [] : await uncoveredLines(profiler)
    const memoryAfter = await memory()
    for (const name of nodeClock.failedLoops) deaths.push(name)

    const reached: Record<string, number> = {}
    for (const [name, kind] of Object.entries(Kind)) reached[`message ${name}`] = ofKind[kind] ?? 0
    for (const reason of WireError.reasons) {
      // A sealed datagram that is long enough to be opened contains a whole header.
      if (!(sealed && reason === "Truncated")) reached[`error ${reason}`] = counters.dropped[reason]
    }
    if (sealed) for (const reason of SealedDatagram.reasons) reached[`fault ${reason}`] = counters.dropped[reason]
    for (const [what, times] of Object.entries(happened)) reached[`happened ${what}`] = times
    const merged = ["mergedNew", "mergedUpdated", "mergedStale", "refutations", "conflicts", "replays"] as const
    for (const outcome of [...merged, "refusedMembers"] as const) reached[outcome] = view[outcome]
    reached["death claims dropped"] = detector.checks.dropped
    reached["relays refused"] = detector.relays.refused
    reached["pings sent"] = detector.counters.pings
    reached["chunks inconsistent"] = antiEntropy.assemblies.inconsistent
    reached["snapshots completed"] = antiEntropy.counters.snapshotsCompleted
    reached["told"] = gossip.counters.told

    const report: Report = {
      order,
      sent: 2 * order.datagrams + sentBefore,
      received: counters.datagramsIn,
      seconds,
      reached,
      dropped: counters.dropped,
      foreseen,
      bounds,
      memoryBefore,
      memoryAfter,
      pingMs,
      probeTimeoutMs: ProbeTimeout,
      answers,
      invalidAnswers,
      deaths,
      members: await Effect.runPromise(Context.get(services, Membership).counts),
      uncovered
    }
    say({ report })
  })
})

// --- what was executed ------------------------------------------------------------------

const startCoverage = async (): Promise<inspector.Session> => {
  const session = new inspector.Session()
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
  return session
}

/** The lines at which a block of src/wire or src/transport begins that never ran. */
const uncoveredLines = async (session: inspector.Session): Promise<ReadonlyArray<string>> => {
  const { result } = await session.post("Profiler.takePreciseCoverage")
  const root = fileURLToPath(new URL("../../", import.meta.url))
  const lines = new Set<string>()
  for (const { functions, url } of result) {
    if (!/\/src\/(wire|transport)\//.test(url)) continue
    const path = fileURLToPath(url)
    const text = fs.readFileSync(path, "utf8")
    for (const { ranges } of functions) {
      for (const { count, startOffset } of ranges) {
        if (count === 0) lines.add(`${path.slice(root.length)}:${text.slice(0, startOffset).split("\n").length}`)
      }
    }
  }
  session.disconnect()
  return [...lines].sort()
}

// An error in the log is a defect of the node. Warnings are about the datagrams of the fuzzer.
const logger = Logger.make(({ logLevel, message }) => {
  if (logLevel === "Error" || logLevel === "Fatal") deaths.push(`logged: ${String(message)}`)
})

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(Logger.layer([logger]))))
process.exit(0)
