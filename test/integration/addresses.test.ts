/** What nodes bind, what they tell others, and both families of addresses. */
import { networkInterfaces } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import { AdvertiseError, BindError } from "../../src/transport/Transport.ts"
import { makePeer } from "./HandMadePeer.ts"
import { converged, held, nodeNetwork, reserve, silent, start, until, untilTrue } from "./RealNodes.ts"

const interfaceAddresses = Object.values(networkInterfaces()).flatMap((list) =>
  (list ?? []).map(({ address }) => address)
)

describe("IPv6", () => {
  it.live("nodes meet, and see a crash and a leave", () =>
    Effect.gen(function* () {
      const first = yield* start({ bind: "[::1]:0" })
      const others = yield* Effect.forEach([1, 2, 3], () => start({ bind: "[::1]:0", peers: [first.address] }))
      yield* converged([first, ...others])
      const [crashing, leaving, staying] = others
      if (crashing === undefined || leaving === undefined || staying === undefined) return assert.fail()
      for (const { address } of yield* staying.membership.members) assert.isTrue(NetAddress.isInetAddressV6(address))
      yield* crashing.crash
      yield* leaving.stop
      yield* held([first, staying], leaving.id, "left")
      yield* held([first, staying], crashing.id, "dead")
      yield* converged([first, staying])
    })
  )
})

describe("a member that is made up", () => {
  it.live("is none where it has an address that no datagram can be sent to", () =>
    Effect.gen(function* () {
      const node = yield* start({ ...silent })
      const peer = yield* makePeer()
      const entry = (n: number, host: string) => ({
        nodeId: NodeId.fromWords(0xbad, n),
        heartbeat: 1,
        incarnation: 0,
        status: "Alive" as const,
        address: NetAddress.inetAddressFromIpStringUnsafe(host, 7946)
      })
      const hosts = ["255.255.255.255", "240.0.0.1", "224.0.0.1", "0.0.0.0", "fd00::1", "::1", "127.0.0.9"]
      yield* peer.send(
        { _tag: "Gossip", entries: [peer.entry(), ...hosts.map((host, n) => entry(n, host))] },
        node.address
      )
      const listed = yield* until("the last one is listed", node.membership.members, (members) =>
        members.some(({ id }) => id === NodeId.fromWords(0xbad, hosts.length - 1))
      )
      assert.deepStrictEqual(
        new Set(listed.map(({ id }) => id)),
        new Set([node.id, peer.id, NodeId.fromWords(0xbad, hosts.length - 1)])
      )
    })
  )
})

describe("a socket for both families", () => {
  it.live("knows a neighbour of either family once, by its own address", () =>
    Effect.gen(function* () {
      // Neighbours of one family cannot reach those of the other: nobody probes here, so that nobody minds.
      const both = yield* start({ ...silent, bind: "[::]:0", advertise: "127.0.0.1:0" })
      const four = yield* start({ ...silent, peers: [`127.0.0.1:${both.bound.port}`] })
      const six = yield* start({ ...silent, bind: "[::1]:0", peers: [`[::1]:${both.bound.port}`] })
      const members = yield* until("it knows both", both.membership.members, ({ length }) => length >= 3)
      assert.deepStrictEqual(
        members.map(({ address }) => NetAddress.formatInet(address)).sort(),
        [`127.0.0.1:${both.bound.port}`, four.address, six.address].sort()
      )
      assert.deepStrictEqual(new Set(members.map(({ id }) => id)), new Set([both.id, four.id, six.id]))
      assert.isTrue(members.every(({ status }) => status === "alive"))
    })
  )

  for (const host of ["127.0.0.1", "[::1]"]) {
    it.live(`works with neighbours at ${host}`, () =>
      Effect.gen(function* () {
        const both = yield* start({ bind: "[::]:0", advertise: `${host}:0` })
        const peers = [`${host}:${both.bound.port}`]
        const one = yield* start({ bind: `${host}:0`, peers })
        const nodes = [both, one, yield* start({ bind: `${host}:0`, peers })]
        yield* converged(nodes)
        const probed = () => nodes.every(({ counters }) => counters.datagramsIn > 20)
        yield* untilTrue("everyone was probed many times", probed)
        yield* converged(nodes)
        assert.deepStrictEqual(both.counters.writeErrors, {})
        yield* one.stop
        yield* held([both], one.id, "left")
      })
    )
  }

  it.live("lists a neighbour without an entry of its own in canonical form", () =>
    Effect.gen(function* () {
      const both = yield* start({ ...silent, bind: "[::]:0" })
      const peer = yield* makePeer()
      yield* peer.send({ _tag: "Ping", entries: [] }, `127.0.0.1:${both.bound.port}`)
      yield* peer.next("Ack")
      const [, member] = yield* both.membership.members
      assert.isDefined(member)
      assert.strictEqual(member.id, peer.id)
      assert.strictEqual(NetAddress.formatInet(member.address), peer.address)
    })
  )

  it.live("takes a mapped address in an entry for the IPv4 address that it is", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      const port = Number(peer.address.split(":").at(-1))
      const address = NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe("::ffff:127.0.0.1"), port)
      yield* peer.send({ _tag: "Ping", entries: [{ ...peer.entry(), address }] }, node.address)
      yield* peer.next("Ack")
      const members = yield* node.membership.members
      assert.lengthOf(members, 2)
      assert.deepStrictEqual(
        members.map(({ address }) => NetAddress.formatInet(address)),
        [node.address, peer.address]
      )
    })
  )
})

describe("the wildcard", () => {
  for (const host of ["0.0.0.0", "[::]"]) {
    it.live(`${host} advertises an address of this machine, and says that it chose one`, () =>
      Effect.gen(function* () {
        const { bound, cluster, membership } = yield* start({ bind: `${host}:0` })
        const { advertised } = cluster
        assert.isTrue(NetAddress.isUnspecified(bound.address))
        assert.strictEqual(cluster.advertisedFrom, "interface")
        assert.isFalse(NetAddress.isUnspecified(advertised.address))
        assert.include(interfaceAddresses, NetAddress.formatIp(advertised.address))
        assert.strictEqual(advertised.port, bound.port)
        assert.notStrictEqual(bound.port, 0)
        assert.strictEqual(NetAddress.formatInet((yield* membership.self).address), NetAddress.formatInet(advertised))
      })
    )
  }

  it.live("is replaced by the configured address, and a specific bound address is advertised as it is", () =>
    Effect.gen(function* () {
      const configured = yield* start({ bind: "0.0.0.0:0", advertise: "127.0.0.1" })
      assert.strictEqual(configured.cluster.advertisedFrom, "configured")
      assert.strictEqual(NetAddress.formatInet(configured.cluster.advertised), `127.0.0.1:${configured.bound.port}`)
      const bound = yield* start()
      assert.strictEqual(bound.cluster.advertisedFrom, "bound")
      assert.strictEqual(NetAddress.formatInet(bound.cluster.advertised), bound.address)
    })
  )

  it.live("is refused where no interface has an address to advertise, and the socket is closed", () =>
    Effect.gen(function* () {
      const network = yield* nodeNetwork
      const [address = ""] = yield* reserve(1, "0.0.0.0")
      const error = yield* Effect.flip(start({ bind: address }, { ...network, interfaces: Effect.succeed([]) }))
      assert.instanceOf(error, AdvertiseError)
      assert.include(error.message, address)
      yield* start({ bind: address })
    })
  )
})

describe("an address that cannot be bound", () => {
  const hosts = [["127.0.0.1", "192.0.2.77"] as const, ["[::1]", "[2001:db8::77]"] as const]
  for (const [host, foreign] of hosts) {
    it.live(`fails with AddressInUse where another socket has it, at ${host}`, () =>
      Effect.gen(function* () {
        const first = yield* start({ bind: `${host}:0` })
        const error = yield* Effect.flip(start({ bind: first.address }))
        assert.instanceOf(error, BindError)
        assert.strictEqual(error.kind, "AddressInUse")
        assert.strictEqual(NetAddress.formatInet(error.address), first.address)
        assert.include(error.message, first.address)
        // The one that has it has come to no harm.
        const second = yield* start({ bind: `${host}:0`, peers: [first.address] })
        yield* converged([first, second])
      })
    )

    it.live(`fails with AddressNotAvailable where no interface has it, at ${foreign}`, () =>
      Effect.gen(function* () {
        assert.notInclude(interfaceAddresses, foreign)
        const error = yield* Effect.flip(start({ bind: `${foreign}:0` }))
        assert.instanceOf(error, BindError)
        assert.strictEqual(error.kind, "AddressNotAvailable")
        assert.include(error.message, foreign)
      })
    )
  }
})
