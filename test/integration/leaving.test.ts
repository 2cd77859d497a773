/** How nodes go and come back: crashes, goodbyes and restarts. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Schedule } from "effect"
import { NetAddress } from "effect/net"
import type { Change } from "../../src/domain/Change.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as Incarnation from "../../src/domain/Incarnation.ts"
import { changesAbout, converged, heard, held, type RealNode, seenBy, start, until } from "./RealNodes.ts"

const cluster = (count: number, last: Parameters<typeof start>[0] = {}) =>
  Effect.gen(function* () {
    const hub = yield* start()
    const nodes = [hub]
    for (let i = 1; i < count; i++) {
      nodes.push(yield* start({ ...(i === count - 1 ? last : {}), peers: [hub.address] }))
    }
    yield* converged(nodes)
    const gone = nodes[count - 1]
    assert.isDefined(gone)
    return { gone, rest: nodes.slice(0, -1) }
  })

const tagsOf = (changes: ReadonlyArray<Change>) => changes.map(({ _tag }) => _tag)
const tagsAbout = (node: RealNode, id: NodeId.NodeId) => tagsOf(changesAbout(node, id))

/** A kept id starts at the number of the second, so lives that begin within one second cannot be told apart. */
const aSecondAfter = (incarnation: number) =>
  until("it is a second later", Clock.currentTimeMillis, (now) => Incarnation.starting(now) > incarnation)

/** Waits until all hold a member alive at an address, and only there. */
const aliveAt = (nodes: ReadonlyArray<RealNode>, id: NodeId.NodeId, address: string) =>
  until(
    `all see ${NodeId.format(id)} alive at ${address}`,
    Effect.forEach(nodes, ({ membership }) => membership.members),
    (views) =>
      views.every((members) => {
        const found = members.filter((member) => member.id === id)
        return (
          found.length === 1 &&
          found.every((member) => member.status === "alive" && NetAddress.formatInet(member.address) === address)
        )
      })
  )

const restartOf = (id: NodeId.NodeId) => ({ nodeId: id })
const kept = NodeId.fromWords(0, 4711)

describe("a crash", () => {
  it.live("is a suspicion and then a death at every other node, with causes", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(5)
      yield* gone.crash
      yield* held(rest, gone.id, "dead")
      yield* heard(rest, gone.id, "Died")
      const others = rest.map(({ id }) => id)
      const causes = new Set<string>()
      for (const node of rest) {
        const about = changesAbout(node, gone.id)
        const tags = about.map(({ _tag }) => _tag)
        const died = about.find(({ _tag }) => _tag === "Died")
        const suspected = about.find(({ _tag }) => _tag === "Suspected")
        assert.isDefined(died)
        assert.isDefined(suspected)
        assert.isBelow(tags.indexOf("Suspected"), tags.indexOf("Died"))
        assert.notInclude(tags, "Left")
        assert.strictEqual(died.member.status, "dead")
        assert.strictEqual(suspected.member.status, "suspect")
        for (const { _tag, cause } of about) {
          causes.add(`${_tag} ${cause._tag}`)
          if (cause._tag === "Claimed" || cause._tag === "DeathConfirmed") assert.include(others, cause.by)
          if (cause._tag === "ProbeFailed") for (const relay of cause.relays) assert.include(others, relay)
        }
        assert.deepStrictEqual(yield* node.membership.counts, { alive: 4, suspect: 0, dead: 1, left: 0 })
      }
      // Somebody found out itself; whoever it told says so.
      assert.isTrue(causes.has("Suspected ProbeFailed"), [...causes].join())
      assert.isTrue(causes.has("Died SuspicionExpired"), [...causes].join())
      assert.isFalse(causes.has("Died Heard"))
      yield* converged(rest)
    })
  )

  it.live("of all other nodes leaves one node alone and alive", () =>
    Effect.gen(function* () {
      const { gone: survivor, rest } = yield* cluster(3)
      for (const { crash } of rest) yield* crash
      for (const { id } of rest) yield* held([survivor], id, "dead")
      yield* converged([survivor])
    })
  )
})

describe("leaving", () => {
  // A goodbye that is not acknowledged would take 5 attempts of a minute each: these tests would not end.
  const patient = { reliableAckTimeout: "1 minute", reliableMaxRetries: 4 } as const

  it.live("is a Left at every other node at once, and ends as soon as all have acknowledged it", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(5, patient)
      yield* gone.stop
      // It has ended, so everyone has acknowledged and knows: there is nothing to wait for.
      for (const node of rest) {
        assert.strictEqual((yield* seenBy(node, gone.id))?.status, "left")
        const counts = yield* node.membership.counts
        assert.strictEqual(counts.left, 1)
        yield* heard([node], gone.id, "Left")
        const left = changesAbout(node, gone.id).find(({ _tag }) => _tag === "Left")
        assert.strictEqual(left?.cause._tag, "LeaveReceived")
        assert.strictEqual(left?.member.status, "left")
      }
      yield* converged(rest)
      // Nobody mistakes it for a crash, and nobody brings it back.
      for (const node of rest) {
        const tags = tagsAbout(node, gone.id)
        assert.notInclude(tags, "Died")
        assert.strictEqual(tags.at(-1), "Left")
      }
    })
  )

  it.live("happens once, however often it is called, and the node knows that it has left", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3, patient)
      const first = yield* Effect.forkChild(gone.cluster.leave)
      yield* gone.cluster.leave
      yield* Fiber.join(first)
      yield* held(rest, gone.id, "left")
      assert.strictEqual((yield* gone.membership.self).status, "left")
      assert.deepStrictEqual(yield* gone.membership.counts, { alive: 2, suspect: 0, dead: 0, left: 1 })
      yield* gone.stop
      yield* converged(rest)
    })
  )

  it.live("of all nodes at the same time ends for all", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(5)
      yield* Effect.forEach([gone, ...rest], ({ stop }) => stop, { concurrency: "unbounded", discard: true })
    })
  )

  it.live("ends after its retries when nobody acknowledges it", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3)
      for (const { crash } of rest) yield* crash
      const before = yield* Clock.currentTimeMillis
      yield* gone.stop
      // Four attempts of 200 ms, and no more than half a second of grace; the bound leaves a slow machine room.
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 10_000)
    })
  )
})

describe("a restart with the same id", () => {
  it.live("at the same address, after its death was seen, brings the member back", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3, restartOf(kept))
      yield* gone.crash
      yield* held(rest, kept, "dead")
      const again = yield* start({ nodeId: kept, bind: gone.address, peers: rest.map(({ address }) => address) })
      yield* aliveAt([...rest, again], kept, gone.address)
      yield* converged([...rest, again])
      yield* heard(rest, kept, "Recovered")
      for (const node of rest) assert.include(tagsAbout(node, kept), "Died")
    })
  )

  it.live("at the same address, before anybody noticed, leaves one member throughout", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3, restartOf(kept))
      const before = (yield* gone.membership.self).incarnation
      yield* aSecondAfter(before)
      yield* gone.crash
      const options = { nodeId: kept, bind: gone.address, peers: rest.map(({ address }) => address) }
      // Another test may have the port for a moment.
      const again = yield* Effect.retry(start(options), { times: 200, schedule: Schedule.spaced("50 millis") })
      yield* converged([...rest, again])
      yield* aliveAt([...rest, again], kept, gone.address)
      // Its new life is ahead of the old one, or what it says would count as a replay.
      for (const node of rest) {
        yield* until(
          "the new life is known",
          seenBy(node, kept),
          (member) => member !== undefined && member.incarnation > before
        )
      }
    })
  )

  it.live("at another address moves the member", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3, restartOf(kept))
      yield* gone.crash
      yield* held(rest, kept, "dead")
      const again = yield* start({ nodeId: kept, peers: rest.map(({ address }) => address) })
      assert.notStrictEqual(again.address, gone.address)
      yield* aliveAt([...rest, again], kept, again.address)
      yield* converged([...rest, again])
    })
  )

  it.live("at another address, before anybody noticed, moves the member", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3, restartOf(kept))
      yield* aSecondAfter((yield* gone.membership.self).incarnation)
      yield* gone.crash
      const again = yield* start({ nodeId: kept, peers: rest.map(({ address }) => address) })
      yield* aliveAt([...rest, again], kept, again.address)
      yield* converged([...rest, again])
      // Its former self is no other node with its id.
      for (const { changes } of [...rest, again]) assert.notInclude(tagsOf(changes), "Conflict")
    })
  )

  it.live("after it left brings the member back", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3, restartOf(kept))
      yield* gone.stop
      yield* held(rest, kept, "left")
      const again = yield* start({ nodeId: kept, bind: gone.address, peers: rest.map(({ address }) => address) })
      yield* aliveAt([...rest, again], kept, gone.address)
      yield* converged([...rest, again])
    })
  )
})

describe("a restart with another id", () => {
  it.live("at the same address replaces the former member, without a conflict", () =>
    Effect.gen(function* () {
      const { gone, rest } = yield* cluster(3)
      yield* gone.crash
      const { address } = gone
      const again = yield* start({ bind: address, peers: rest.map(({ address }) => address) })
      yield* held(rest, gone.id, "dead")
      yield* converged([...rest, again])
      yield* aliveAt([...rest, again], again.id, address)
      for (const { changes } of [...rest, again]) assert.notInclude(tagsOf(changes), "Conflict")
    })
  )
})
