import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Exit, Fiber, Layer, Option, Queue, Scope, Stream } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import type { Change } from "../../src/domain/Change.ts"
import type { Member } from "../../src/domain/Member.ts"
import * as Snapshot from "../../src/domain/Snapshot.ts"
import type { Event, ViewsOptions } from "../../src/membership/Membership.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { addressOf, idOf, make, Self } from "./Passive.ts"

const ids = (members: ReadonlyArray<Member>) => members.map(({ id }) => Number(id))
const tag = (event: Event) =>
  event._tag === "Snapshot"
    ? `Snapshot ${ids(event.members).join(" ")}`
    : "member" in event
      ? `${event._tag} ${event.member.id}`
      : event._tag

/** Reads a stream from now on. The array grows as elements come; `ended` completes with the stream. */
const follow = Effect.fnUntraced(function* <A>(stream: Stream.Stream<A>) {
  const elements: Array<A> = []
  const ended = yield* Stream.runForEach(stream, (element) => Effect.sync(() => elements.push(element))).pipe(
    Effect.forkScoped({ startImmediately: true })
  )
  return { elements, ended }
})

/** Lets waiting fibers run, without any time. */
const settle = TestClock.adjust(0)

describe("members", () => {
  it.effect("begin with the node itself, and contain the dead until their retention ends", () =>
    Effect.gen(function* () {
      const node = yield* make({ probes: { deadRetention: "15 seconds" } })
      const { membership } = node
      assert.deepStrictEqual(ids(yield* membership.members), [100, 9])
      node.join(1, 2)
      node.suspect(1)
      node.declareDead(2)
      assert.deepStrictEqual(ids(yield* membership.members), [100, 9, 1, 2])
      assert.deepStrictEqual(ids(yield* membership.alive), [100, 9])
      assert.deepStrictEqual(yield* membership.counts, { alive: 2, suspect: 1, dead: 1, left: 0 })
      assert.strictEqual((yield* membership.self).id, Self)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(ids(yield* membership.members), [100, 9, 1])
    })
  )

  it.effect("are found by id and by address", () =>
    Effect.gen(function* () {
      const node = yield* make()
      const { membership } = node
      node.join(1, 2)
      node.declareDead(2)
      const idFound = (n: number) =>
        Effect.map(
          membership.get(idOf(n)),
          Option.map(({ status }) => status)
        )
      assert.deepStrictEqual(yield* idFound(1), Option.some("alive"))
      assert.deepStrictEqual(yield* idFound(2), Option.some("dead"))
      assert.deepStrictEqual(yield* idFound(100), Option.some("alive"))
      assert.deepStrictEqual(yield* idFound(3), Option.none())
      const addressFound = (address: NetAddress.InetAddress) =>
        Effect.map(
          membership.byAddress(address),
          Option.map(({ id }) => Number(id))
        )
      assert.deepStrictEqual(yield* addressFound(addressOf(1)), Option.some(1))
      assert.deepStrictEqual(
        yield* addressFound(NetAddress.inetAddressFromStringUnsafe("[::ffff:10.0.0.1]:7946")),
        Option.some(1)
      )
      assert.deepStrictEqual(yield* addressFound(addressOf(2)), Option.none())
      assert.deepStrictEqual(yield* addressFound(addressOf(100)), Option.some(100))
    })
  )

  it.effect("have the newest measured round trip", () =>
    Effect.gen(function* () {
      const node = yield* make()
      node.join(1)
      const roundTrip = Effect.map(node.membership.get(idOf(1)), (member) => Option.getOrThrow(member).roundTrip)
      assert.isUndefined(yield* roundTrip)
      node.view.table.setRoundTrip(node.view.slotOf(idOf(1)), 1.25)
      assert.deepStrictEqual(yield* roundTrip, Duration.micros(1250n))
    })
  )
})

describe("waiting", () => {
  it.effect("awaitJoined succeeds when the node has joined, and at once afterwards", () =>
    Effect.gen(function* () {
      const { joinState, membership } = yield* make()
      const waiting = yield* Effect.forkChild(membership.awaitJoined, { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      joinState.markJoined()
      yield* Fiber.join(waiting)
      yield* membership.awaitJoined
    })
  )

  it.effect("awaitSize counts alive and suspect members and the node itself", () =>
    Effect.gen(function* () {
      const node = yield* make()
      const { membership } = node
      yield* membership.awaitSize(2)
      const waiting = yield* Effect.forkChild(membership.awaitSize(4), { startImmediately: true })
      const done = Effect.andThen(
        settle,
        Effect.sync(() => waiting.pollUnsafe() !== undefined)
      )
      node.join(1)
      assert.isFalse(yield* done)
      node.declareDead(1)
      node.join(2)
      assert.isFalse(yield* done)
      node.suspect(2)
      node.join(3)
      assert.isTrue(yield* done)
      assert.strictEqual(node.feed.backlog(), 0)
    })
  )

  it.effect("awaitSize does not succeed when the node ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { membership } = yield* Scope.provide(make(), scope)
      const waiting = yield* Effect.forkChild(membership.awaitSize(3), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
    })
  )
})

describe("changes", () => {
  it.effect("come in order, numbered, each with its cause", () =>
    Effect.gen(function* () {
      const node = yield* make()
      node.join(1)
      const { elements } = yield* follow(node.membership.changes)
      node.claim("Suspect", 1)
      node.claim("Alive", 1, { incarnation: 1 })
      node.claim("Alive", 1, { incarnation: 2, address: addressOf(7) })
      node.declareDead(1)
      yield* settle
      const claimed = { _tag: "Claimed", by: idOf(9) } as const
      assert.deepStrictEqual(
        elements.map((change) => [change.sequence, tag(change), change.cause]),
        [
          [3, "Suspected 1", claimed],
          [4, "Recovered 1", claimed],
          [5, "Updated 1", claimed],
          [6, "Died 1", { _tag: "SuspicionExpired", after: Duration.seconds(4) }]
        ]
      )
      assert.deepInclude(elements[2], { previousAddress: addressOf(1), previousIncarnation: 1 })
    })
  )

  it.effect("end with the node, after those that wait", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const node = yield* Scope.provide(make(), scope)
      const { elements, ended } = yield* follow(node.membership.changes)
      node.join(1)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(ended)
      assert.deepStrictEqual(elements.map(tag), ["Joined 1"])
      yield* Fiber.join((yield* follow(node.membership.changes)).ended)
      yield* Fiber.join((yield* follow(node.membership.events)).ended)
      yield* Fiber.join((yield* follow(node.membership.views())).ended)
    })
  )

  it.effect("that a slow subscriber loses are counted in Missed, and cost nobody else anything", () =>
    Effect.gen(function* () {
      const node = yield* make({ limits: { eventBuffer: 16 } })
      const pull = yield* Stream.toPull(node.membership.changes)
      const first = yield* Effect.forkChild(pull, { startImmediately: true })
      node.join(1)
      assert.deepStrictEqual((yield* Effect.orDie(Fiber.join(first))).map(tag), ["Joined 1"])
      const quick = yield* follow(node.membership.changes)
      for (let n = 10; n < 30; n++) {
        node.join(n)
        yield* settle
      }
      assert.strictEqual(node.feed.backlog(), 16)
      const late: Array<Change> = []
      while (late.length < 17) late.push(...(yield* Effect.orDie(pull)))
      assert.deepInclude(late[0], { _tag: "Missed", count: 4, sequence: 6, cause: { _tag: "SlowSubscriber" } })
      assert.deepStrictEqual(late.slice(1), quick.elements.slice(4))
      assert.deepStrictEqual(quick.elements.map(tag).slice(0, 2), ["Joined 10", "Joined 11"])
      assert.strictEqual(node.feed.backlog(), 0)
    })
  )
})

/** What a program knows that keeps the members by their ids as events come. */
const fold = (known: Map<bigint, string>, event: Event): void => {
  if (event._tag === "Snapshot") {
    known.clear()
    for (const member of event.members) known.set(member.id, describeMember(member))
  } else if (event._tag === "Removed") known.delete(event.member.id)
  else if ("member" in event) known.set(event.member.id, describeMember(event.member))
}

const describeMember = ({ address, incarnation, status }: Member) =>
  `${status} ${incarnation} ${NetAddress.formatInet(address)}`

describe("events", () => {
  it.effect("begin with the present members and go on with the changes after them", () =>
    Effect.gen(function* () {
      const node = yield* make()
      node.join(1)
      const { elements } = yield* follow(node.membership.events)
      node.join(2)
      node.declareDead(1)
      yield* settle
      assert.deepStrictEqual(elements.map(tag), ["Snapshot 100 9 1", "Joined 2", "Died 1"])
      assert.deepStrictEqual(
        elements.map(({ sequence }) => sequence),
        [2, 3, 4]
      )
    })
  )

  it.effect("go on with a new snapshot for a subscriber that missed changes", () =>
    Effect.gen(function* () {
      const node = yield* make({ limits: { eventBuffer: 16 } })
      const pull = yield* Stream.toPull(node.membership.events)
      assert.deepStrictEqual((yield* Effect.orDie(pull)).map(tag), ["Snapshot 100 9"])
      node.join(1)
      assert.deepStrictEqual((yield* Effect.orDie(pull)).map(tag), ["Joined 1"])
      const nodes = Array.from({ length: 20 }, (_, i) => 10 + i)
      node.join(...nodes)
      const late = yield* Effect.orDie(pull)
      assert.deepStrictEqual(late.map(tag), ["Missed", `Snapshot 100 9 1 ${nodes.join(" ")}`])
      assert.deepInclude(late[0], { count: 20, sequence: 22 })
      node.join(40)
      assert.deepStrictEqual((yield* Effect.orDie(pull)).map(tag), ["Joined 40"])
    })
  )

  it.effect("tell a subscriber of any speed all that happens to the members", () =>
    Effect.gen(function* () {
      const node = yield* make({ limits: { eventBuffer: 16 }, probes: { deadRetention: "2 seconds" } })
      const pull = yield* Stream.toPull(node.membership.events)
      const known = new Map<bigint, string>()
      let missed = 0
      let state = 1
      const random = (below: number) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return Math.floor((state / 2 ** 32) * below)
      }
      for (let i = 0; i < 200; i++) {
        // A subscriber that is now quick and now slow.
        for (let steps = random(i % 100 < 50 ? 3 : 60); steps > 0; steps--) {
          const n = 1 + random(8)
          const status = (["Alive", "Alive", "Suspect", "Dead"] as const)[random(4)]!
          node.claim(status, n, { incarnation: i, heartbeat: random(4) })
          if (random(20) === 0) yield* TestClock.adjust("500 millis")
        }
        const end = (yield* Effect.orDie(node.membership.members)).map((m) => [m.id, describeMember(m)] as const)
        node.claim("Alive", 99, { incarnation: i + 1 })
        while (known.get(idOf(99)) !== `alive ${i + 1} 10.0.0.99:7946`) {
          for (const event of yield* Effect.orDie(pull)) {
            if (event._tag === "Missed") missed++
            fold(known, event)
          }
        }
        const others = ([id]: readonly [bigint, string]) => id !== idOf(99)
        assert.deepStrictEqual(new Map([...known].filter(others)), new Map(end.filter(others)))
      }
      assert.isAbove(missed, 0)
    })
  )
})

describe("views", () => {
  const start = Effect.fnUntraced(function* (options?: ViewsOptions) {
    const node = yield* make()
    const { elements } = yield* follow(node.membership.views(options))
    const views = () => elements.map(({ members }) => ids(members).join(" "))
    return { node, elements, views }
  })

  it.effect("begin with the present members", () =>
    Effect.gen(function* () {
      const { elements, views } = yield* start()
      assert.deepStrictEqual(views(), ["100 9"])
      assert.deepStrictEqual(ids(Snapshot.alive(elements[0]!)), [100, 9])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(elements.length, 1)
    })
  )

  it.effect("follow a burst of changes once, when it is over", () =>
    Effect.gen(function* () {
      const { node, views } = yield* start()
      node.join(1)
      yield* TestClock.adjust(99)
      node.join(2)
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(views(), ["100 9"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(views(), ["100 9", "100 9 1 2"])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(views().length, 2)
    })
  )

  it.effect("do not wait longer than atMost for a burst to end", () =>
    Effect.gen(function* () {
      const { node, views } = yield* start({ settle: "10 millis", atMost: "25 millis" })
      for (let n = 11; n <= 19; n++) {
        node.join(n)
        yield* TestClock.adjust(5)
      }
      assert.deepStrictEqual(views(), ["100 9", "100 9 11 12 13 14 15"])
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(views().slice(2), ["100 9 11 12 13 14 15 16 17 18 19"])
    })
  )

  it.effect("contain the removal of a dead member, which is a change", () =>
    Effect.gen(function* () {
      const node = yield* make({ probes: { deadRetention: "15 seconds" } })
      node.join(1)
      node.declareDead(1)
      const { elements } = yield* follow(node.membership.views())
      yield* TestClock.adjust("16 seconds")
      assert.deepStrictEqual(
        elements.map(({ members }) => ids(members)),
        [
          [100, 9, 1],
          [100, 9]
        ]
      )
    })
  )

  it.effect("are skipped by a slow subscriber, which then gets the newest", () =>
    Effect.gen(function* () {
      const node = yield* make()
      const pull = yield* Stream.toPull(node.membership.views({ settle: 10, atMost: 100 }))
      assert.deepStrictEqual(
        (yield* Effect.orDie(pull)).map(({ members }) => ids(members)),
        [[100, 9]]
      )
      for (const n of [1, 2, 3]) {
        node.join(n)
        yield* TestClock.adjust("1 minute")
      }
      const next = yield* Effect.forkChild(pull, { startImmediately: true })
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(
        (yield* Effect.orDie(Fiber.join(next))).map(({ members }) => ids(members)),
        [[100, 9, 1, 2, 3]]
      )
    })
  )
})

describe("a mock", () => {
  const member: Member = {
    id: idOf(1),
    address: addressOf(1),
    status: "alive",
    incarnation: 0,
    heartbeat: 0,
    level: 0,
    since: DateTime.makeUnsafe(0),
    tags: {},
    self: true
  }

  it.effect("needs no more of the service than the test uses", () =>
    Effect.gen(function* () {
      const { alive, members } = yield* Membership
      assert.deepStrictEqual(yield* alive, [member])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(members)))
    }).pipe(Effect.provide(Layer.mock(Membership, { alive: Effect.succeed([member]) })))
  )

  it.effect("can emit changes made by hand", () =>
    Effect.gen(function* () {
      const changes = yield* Queue.unbounded<Change>()
      const layer = Layer.mock(Membership, { changes: Stream.fromQueue(changes) })
      const first = yield* Effect.forkChild(
        Effect.provide(
          Effect.flatMap(Membership, ({ changes }) => Stream.runHead(changes)),
          layer
        )
      )
      yield* Queue.offer(changes, { _tag: "Joined", sequence: 1, at: member.since, member, cause: { _tag: "Heard" } })
      assert.strictEqual(Option.getOrThrow(yield* Fiber.join(first))._tag, "Joined")
    })
  )
})
