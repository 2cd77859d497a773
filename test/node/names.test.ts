/** Peers by name on this machine: its own resolver, and a name server on the loopback. Nothing is asked of any other. */
import { createSocket } from "node:dgram"
import type { AddressInfo } from "node:net"
import * as NodeDns from "@effect/platform-node/NodeDns"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schedule } from "effect"
import { Dns, Host, NetAddress } from "effect/net"
import { Cluster } from "../../src/cluster/Cluster.ts"
import * as Peer from "../../src/domain/Peer.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as NodeCluster from "../../src/node/NodeCluster.ts"
import * as NodeNetwork from "../../src/node/NodeNetwork.ts"
import * as PeerLookup from "../../src/transport/PeerLookup.ts"

const localhost = new Peer.Name({ host: Host.domainNameFromStringUnsafe("localhost"), port: 7946 })
const service = new Peer.Service({ name: Host.domainNameFromStringUnsafe("_gossip._udp.example") })

interface Srv {
  readonly priority: number
  readonly port: number
  readonly target: string
}

const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0])
  ])

const u16 = (...values: ReadonlyArray<number>): Buffer =>
  Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]))

const SrvType = 33

/** 127.0.0.1, which `a.example` has. */
const loopback = Buffer.from([127, 0, 0, 1])

const record = (type: number, data: Buffer): Buffer =>
  // The name is that of the question; of the internet, for no time at all.
  Buffer.concat([u16(0xc00c, type, 1, 0, 0, data.length), data])

/** The answer of a name server with these services for any name, and one address for `a.example`. */
const answer = (query: Buffer, services: ReadonlyArray<Srv>): Buffer => {
  let end = 12
  while (query[end] !== 0) end += query[end]! + 1
  const question = query.subarray(12, end + 5)
  const type = query.readUInt16BE(end + 1)
  const records =
    type === SrvType
      ? services.map(({ port, priority, target }) =>
          record(SrvType, Buffer.concat([u16(priority, 1, port), wireName(target)]))
        )
      : type === 1 && query.subarray(12, end + 1).equals(wireName("a.example"))
        ? [record(1, loopback)]
        : []
  return Buffer.concat([
    query.subarray(0, 2),
    // With nothing, that there is no such name.
    u16(records.length === 0 ? 0x8583 : 0x8580, 1, records.length, 0, 0),
    question,
    ...records
  ])
}

/** A name server on the loopback, which says nothing when it has no answer. Gives its address. */
const nameServer = (records: ReadonlyArray<Srv> | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly address: string; readonly close: () => void }>((resume) => {
      const socket = createSocket("udp4")
      socket.on("message", (query, { address, port }) => {
        if (records !== undefined) socket.send(answer(query, records), port, address)
      })
      socket.bind(0, "127.0.0.1", () => {
        const { port }: AddressInfo = socket.address()
        resume(Effect.succeed({ address: `127.0.0.1:${port}`, close: () => socket.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ address }) => address))

const lookUp = (records: ReadonlyArray<Srv> | undefined, peer: Peer.Named = service) =>
  Effect.gen(function* () {
    const server = yield* nameServer(records)
    const dns = yield* NodeDns.make({ nameServers: [server], timeout: "200 millis", tries: 1 })
    return (yield* PeerLookup.make(dns)(peer)).map(NetAddress.formatInet)
  })

const ofLoopback = (port: number) => [`127.0.0.1:${port}`, `[::1]:${port}`]

describe("peers by name on Node.js", () => {
  it.live("localhost is what the system says it is", () =>
    Effect.gen(function* () {
      const dns = Context.get(yield* Layer.build(NodeNetwork.layer), Dns.Dns)
      const found = (yield* PeerLookup.make(dns)(localhost)).map(NetAddress.formatInet)
      assert.isAtLeast(found.length, 1)
      for (const address of found) assert.include(ofLoopback(7946), address)
    })
  )

  it.live("a service has its hosts' addresses at its records' ports, by priority", () =>
    Effect.gen(function* () {
      const found = yield* lookUp([
        { priority: 20, port: 7002, target: "localhost" },
        { priority: 30, port: 7003, target: "a.example" },
        { priority: 10, port: 7001, target: "a.example" }
      ])
      assert.strictEqual(found[0], "127.0.0.1:7001")
      // DNS has none for this one, but the system does.
      const [first, ...others] = found.slice(1, -1)
      for (const address of [first, ...others]) assert.include(ofLoopback(7002), address)
      assert.strictEqual(found.at(-1), "127.0.0.1:7003")
    })
  )

  it.live("what goes wrong is said in a sentence", () =>
    Effect.gen(function* () {
      const failures = [
        [
          [],
          /^cannot look up the peer dns\+srv:\/\/_gossip\._udp\.example: there is no such name, or it has no addresses$/
        ],
        [[{ priority: 0, port: 0, target: "localhost" }], /its records say that there is no service$/],
        [undefined, /the name server does not answer$/]
      ] as const
      for (const [records, message] of failures) {
        const error = yield* Effect.flip(lookUp(records))
        assert.strictEqual(error._tag, "PeerLookupError")
        assert.match(error.message, message)
      }
    })
  )

  it.live("two nodes meet through localhost", () =>
    Effect.gen(function* () {
      const first = yield* Layer.build(NodeCluster.layer({ bind: "127.0.0.1:0" }))
      const { port } = Context.get(first, Cluster).bound
      const second = yield* Layer.build(NodeCluster.layer({ bind: "127.0.0.1:0", peers: [`localhost:${port}`] }))
      for (const node of [first, second]) {
        yield* Context.get(node, Membership).members.pipe(
          Effect.repeat({ until: (members) => members.length === 2, schedule: Schedule.spaced("10 millis") }),
          Effect.timeoutOption("20 seconds"),
          Effect.map((members) => assert.isTrue(Option.isSome(members)))
        )
      }
    })
  )
})
