/** How nodes find each other: bootstrap peers in every arrangement that people come up with. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NetAddress } from "effect/net"
import { MaxMessage } from "../../src/wire/Header.ts"
import { converged, type RealNode, reserve, start, until, untilTrue } from "./RealNodes.ts"

const startAll = (count: number, options: (index: number) => Parameters<typeof start>[0]) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) => start(options(index))
  )

const stopAll = (nodes: ReadonlyArray<RealNode>) =>
  Effect.forEach(nodes, ({ stop }) => stop, { concurrency: "unbounded", discard: true })

describe("joining", () => {
  it.live.each([3, 10])("%i nodes of which each knows the next meet", (count) =>
    Effect.gen(function* () {
      const addresses = yield* reserve(count)
      const nodes = yield* startAll(count, (index) => ({
        bind: addresses[index],
        peers: [addresses[(index + 1) % count] ?? ""]
      }))
      yield* converged(nodes)
      for (const { membership } of nodes) {
        const members = yield* membership.members
        assert.deepStrictEqual(
          members.map(({ address }) => NetAddress.formatInet(address)).sort(),
          [...addresses].sort()
        )
        assert.deepStrictEqual(
          members.map(({ self }) => self),
          members.map((_, index) => index === 0)
        )
        assert.deepStrictEqual(yield* membership.counts, { alive: count, suspect: 0, dead: 0, left: 0 })
      }
      yield* stopAll(nodes)
    })
  )

  it.live.each([3, 10])("%i nodes of which all know the first meet", (count) =>
    Effect.gen(function* () {
      const hub = yield* start()
      const nodes = [hub, ...(yield* startAll(count - 1, () => ({ peers: [hub.address] })))]
      yield* converged(nodes)
      yield* stopAll(nodes)
    })
  )

  it.live("nodes that know only an unused address meet when a node starts there", () =>
    Effect.gen(function* () {
      const [address = ""] = yield* reserve(1)
      const early = yield* startAll(2, () => ({ peers: [address] }))
      yield* untilTrue("both tried more than once", () => early.every(({ tap }) => tap.sent() > 1))
      for (const { membership } of early) {
        assert.deepStrictEqual(yield* membership.counts, { alive: 1, suspect: 0, dead: 0, left: 0 })
        assert.lengthOf(yield* membership.members, 1)
      }
      const late = yield* start({ bind: address })
      yield* converged([...early, late])
    })
  )

  it.live("one live peer is enough, and dead peers do not become members", () =>
    Effect.gen(function* () {
      const dead = yield* reserve(3)
      const living = yield* start()
      const node = yield* start({ peers: [...dead, living.address] })
      yield* converged([living, node])
      assert.lengthOf(yield* node.membership.members, 2)
      assert.lengthOf(yield* living.membership.members, 2)
    })
  )

  it.live("its own address among its peers does not make a node a second member", () =>
    Effect.gen(function* () {
      const addresses = yield* reserve(2)
      const nodes = yield* startAll(2, (index) => ({ bind: addresses[index], peers: addresses }))
      yield* converged(nodes)
      const alone = yield* start({ bind: (yield* reserve(1))[0] })
      const behind = yield* start({ bind: "127.0.0.1:0", advertise: "127.0.0.1:0", peers: [alone.address] })
      yield* converged([alone, behind])
      for (const { changes, membership } of [...nodes, alone, behind]) {
        assert.lengthOf(yield* membership.members, 2)
        assert.notInclude(
          changes.map(({ _tag }) => _tag),
          "Conflict"
        )
      }
    })
  )

  it.live("a node that reaches itself under another address does not list itself twice", () =>
    Effect.gen(function* () {
      // As behind a NAT: what it is bound to is not what it tells the others, so only the answer shows who it is.
      const [bind = "", advertise = ""] = yield* reserve(2)
      const other = yield* start()
      const node = yield* start({ bind, advertise, peers: [bind, other.address] })
      yield* until("the others' answer came", node.membership.counts, ({ alive }) => alive === 2)
      assert.lengthOf(yield* node.membership.members, 2)
      assert.strictEqual(NetAddress.formatInet((yield* node.membership.self).address), advertise)
    })
  )

  it.live("60 nodes in one process meet, and no message is longer than a message may be", () =>
    Effect.gen(function* () {
      const options = { gossip: { interval: 200 }, probes: { interval: "1 second", timeout: 500 } } as const
      const hub = yield* start(options)
      const nodes = [hub, ...(yield* startAll(59, () => ({ ...options, peers: [hub.address] })))]
      yield* converged(nodes)
      const largest = Math.max(...nodes.map(({ tap }) => tap.largest()))
      assert.isAtMost(largest, MaxMessage)
      // 58 entries are what one message holds: with 60 members the limit was in sight.
      assert.isAbove(largest, 1200)
      for (const { counters } of nodes) {
        assert.deepStrictEqual(counters.writeErrors, {})
        assert.isTrue(Object.values(counters.dropped).every((count) => count === 0))
      }
      yield* stopAll(nodes)
    })
  )
})
