import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { jitterFraction } from "../../src/failure-detector/SuspicionTiming.ts"
import { SuspicionRaise } from "../../src/domain/Claim.ts"
import {
  Lab,
  type LabNode,
  type Seen,
  type Timed,
  claim,
  countsOf,
  entriesOf,
  membersOf,
  parts,
  sender,
  pass,
  scenario,
  version1,
  virtual
} from "./Lab.ts"

// The defaults, in ms.
const Interval = 1000
const SuspectTimeout = 3000
const Multiplier = 0.5
const Jitter = 1000

/** A death is checked for that long, unless no PING was answered before. Then it is the timeout of a probe. */
const Check = 20
const Timeout = 500

const Latency = 1

/** The clock counts nanoseconds, so a deadline with a fraction of one may be that much off. */
const Grain = 1e-5

/** The rule: with `n` Alive and Suspect members, the observer and the suspect included. */
const suspicionLasts = (observer: bigint, suspect: bigint, n: number) =>
  SuspectTimeout * (1 + Multiplier * Math.log2(n)) + jitterFraction(0, Number(observer), 0, Number(suspect)) * Jitter

const started = Effect.fnUntraced(function* (lab: Lab, count: number, options = {}) {
  const nodes: Array<LabNode> = [yield* lab.start(1, options)]
  for (let i = 2; i <= count; i++) nodes.push(yield* lab.start(i, { peers: [nodes[0]!.address], ...options }))
  yield* pass(Interval - 1)
  for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, count)
  return nodes
})

const names = (nodes: ReadonlyArray<LabNode>) => nodes.map(({ name }) => name)

/** The changes of one kind that a node saw of a member, from a time on. */
const saw = (node: LabNode, tag: Timed["_tag"], subject: bigint, from = 0) =>
  node.changes.flatMap((change) =>
    change._tag === tag && "member" in change && change.member.id === subject && change.ms >= from
      ? [{ ms: change.ms, cause: change.cause, member: change.member }]
      : []
  )

/** What a message says first. */
const firstEntry = ({ message }: Seen) => entriesOf(message)[0]

/** Whether a message is a PING that begins with what its sender holds about the receiver. */
const isTelling = (seen: Seen, id: bigint) => seen.message._tag === "Ping" && firstEntry(seen)!.nodeId === id

describe("a suspicion", () => {
  scenario(
    "ends in death after the timeout for the number of members at its beginning and the jitter of the pair",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const Count = 6
        const nodes = yield* started(lab, Count)
        // All links are cut, so every node finds every failure by itself.
        for (const { name } of nodes) {
          lab.network.separate(
            [name],
            names(nodes).filter((other) => other !== name),
            true
          )
        }
        yield* pass(60_000)
        const jitters = new Set<number>()
        const sizes = new Set<number>()
        for (const observer of nodes) {
          const died = (before: number) =>
            observer.changes.filter(({ _tag, ms }) => _tag === "Died" && ms < before).length
          for (const { id } of nodes.filter((other) => other !== observer)) {
            const [suspected, ...suspectedAgain] = saw(observer, "Suspected", id)
            const [death, ...deathAgain] = saw(observer, "Died", id)
            assert.deepStrictEqual([suspectedAgain, deathAgain], [[], []])
            assert.strictEqual(suspected!.cause._tag, "ProbeFailed")
            // All are Alive or Suspect who did not die before: the suspect is one of them, and so is the observer.
            const n = Count - died(suspected!.ms)
            const lasts = suspicionLasts(observer.id, id, n)
            const took = death!.ms - suspected!.ms
            assert.isAtLeast(took, lasts + Check - Grain)
            assert.isAtMost(took, lasts + Timeout + Grain)
            assert.strictEqual(death!.cause._tag, "SuspicionExpired")
            if (death!.cause._tag !== "SuspicionExpired") continue
            assert.closeTo(Duration.toMillis(death!.cause.after), lasts, Grain)
            jitters.add(Math.round(lasts - SuspectTimeout * (1 + Multiplier * Math.log2(n))))
            sizes.add(n)
          }
        }
        // Another jitter for each pair, and suspicions from clusters of different sizes.
        assert.isAtLeast(jitters.size, Count * (Count - 1) - 2)
        assert.isAtLeast(sizes.size, 3)
      })
  )

  scenario("runs at each member from the time at which the member hears of it, and the first verdict reaches all", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const Count = 5
      const nodes = yield* started(lab, Count)
      const lost = nodes[4]!
      const observers = nodes.slice(0, 4)
      yield* lab.kill(lost)
      yield* pass(12_000)
      const suspicions = observers.map((observer) => {
        const [suspected, ...again] = saw(observer, "Suspected", lost.id)
        assert.deepStrictEqual(again, [])
        return {
          observer,
          cause: suspected!.cause._tag,
          ends: suspected!.ms + suspicionLasts(observer.id, lost.id, Count)
        }
      })
      assert.includeMembers(
        suspicions.map(({ cause }) => cause),
        ["ProbeFailed", "Claimed"]
      )
      const first = suspicions.toSorted((a, b) => a.ends - b.ends)[0]!
      for (const { ends, observer } of suspicions) {
        const [death, ...again] = saw(observer, "Died", lost.id)
        assert.deepStrictEqual(again, [])
        if (observer === first.observer) assert.closeTo(death!.ms, ends + Check, Grain)
        else {
          assert.isAbove(death!.ms, first.ends)
          assert.isAtMost(death!.ms, ends + Check + Grain)
        }
      }
    })
  )

  scenario("that ends is no death, if the member answers the PING that checks it", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 2)
      yield* pass(5000)
      const cut = (isCut: boolean) => lab.network.separate([a!.name], [b!.name], isCut)
      cut(true)
      while (saw(a!, "Suspected", b!.id).length === 0) yield* pass(100)
      const ends = saw(a!, "Suspected", b!.id)[0]!.ms + suspicionLasts(a!.id, b!.id, 2)
      yield* pass(ends - lab.now - 0.5)
      cut(false)
      assert.strictEqual(yield* lab.status(a!, b!), "suspect")
      yield* pass(0.5 + 2 * Latency + 0.5)
      assert.strictEqual(yield* lab.status(a!, b!), "alive")
      yield* pass(30_000)
      assert.deepStrictEqual(saw(a!, "Died", b!.id), [])
    })
  )

  scenario("is a claim whose heartbeat is 2^20 above the highest known one; the death has the same heartbeat", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* started(lab, 2, { gossip: { piggybackMax: 0 } })
      const [a, b] = nodes
      const { table } = parts(a!).view
      yield* pass(2500)
      lab.network.separate([a!.name], [b!.name], true)
      const heard = lab.seen.findLast((seen) => seen.from === b!.name && seen.fate === "carried")!.message.heartbeat
      yield* pass(10_000)
      const [suspected] = saw(a!, "Suspected", b!.id)
      const [death] = saw(a!, "Died", b!.id)
      assert.strictEqual(suspected!.member.heartbeat, heard + SuspicionRaise)
      assert.strictEqual(death!.member.heartbeat, heard + SuspicionRaise)
      assert.strictEqual(table.live, 1)
    })
  )

  scenario("is neither restarted nor cleared by heartbeats and repeated claims", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a] = yield* started(lab, 1, { probes: { indirectK: 0, interval: "1 hour" } })
      const liar = yield* lab.puppet(2)
      const address = "10.0.0.3:7946"
      const say = (...entries: ReadonlyArray<ReturnType<typeof claim>>) =>
        liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Alive", 2, "10.0.0.2:7946"), ...entries] }, a!)
      yield* say(claim("Suspect", 3, address, 4, 10))
      yield* pass(Latency)
      const suspected = lab.now
      assert.strictEqual(yield* lab.status(a!, 3n), "suspect")
      const n = 3
      for (let i = 1; i <= 9; i++) {
        yield* pass(400)
        // Heartbeats as the member may send itself, the suspicion as it was, and as another raised it.
        yield* say(claim("Alive", 3, address, 4, 9 + i))
        yield* say(claim("Suspect", 3, address, 4, 10 + i))
        yield* say(claim("Suspect", 3, address, 4, 10 + SuspicionRaise + i), claim("Alive", 3, address, 4, 100 + i))
        yield* say(claim("Suspect", 3, address, 3, 9_000_000), claim("Alive", 3, address, 3, 9_000_000))
        // Not even by one that wins and is a change, of the address.
        yield* say(claim("Suspect", 3, `10.0.0.${30 + i}:7946`, 4, 20 + SuspicionRaise + i))
      }
      yield* pass(10_000)
      assert.deepStrictEqual(
        a!.changes.filter((change) => "member" in change && change.member.id === 3n).map(({ _tag }) => _tag),
        ["Joined", ...Array.from({ length: 9 }, () => "Updated"), "Died"]
      )
      const [death] = saw(a!, "Died", 3n)
      assert.closeTo(death!.ms, suspected + suspicionLasts(1n, 3n, n) + Timeout, Grain)
    })
  )

  scenario("starts again for a new incarnation, with the present number of members and the same jitter", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a] = yield* started(lab, 1, { probes: { indirectK: 0, suspectMultiplier: 0 } })
      const liar = yield* lab.puppet(2)
      const address = "10.0.0.3:7946"
      const say = (status: "Alive" | "Suspect", incarnation: number) =>
        liar.send({ _tag: "Gossip", ...sender(2), entries: [claim(status, 3, address, incarnation, 10)] }, a!)
      const lasts = SuspectTimeout + jitterFraction(0, 1, 0, 3) * Jitter
      yield* say("Suspect", 4)
      yield* pass(2900)
      yield* say("Suspect", 5)
      yield* pass(2900)
      assert.strictEqual(yield* lab.status(a!, 3n), "suspect")
      // It refutes, is well for a while, and is suspected again.
      yield* say("Alive", 6)
      yield* pass(500)
      assert.strictEqual(yield* lab.status(a!, 3n), "alive")
      // The liar may be suspect itself, since it acknowledges nothing. While its death is checked, no suspicion runs.
      assert.isAtMost(parts(a!).detector.suspicions(), (yield* countsOf(a!)).suspect)
      yield* say("Suspect", 6)
      const began = lab.now + Latency
      yield* pass(Latency)
      // At one incarnation the higher heartbeat decides, and then the more severe status.
      assert.strictEqual(yield* lab.status(a!, 3n), "suspect")
      yield* pass(5000)
      const [death, ...again] = saw(a!, "Died", 3n)
      assert.closeTo(death!.ms, began + lasts + Timeout, Grain)
      assert.deepStrictEqual(again, [])
    })
  )
})

describe("a refutation", () => {
  /** Only PINGs and ACKs, so that every message has its place; n4 probes nobody, so that it suspects nobody. */
  const quiet = { gossip: { interval: "1 hour", antiEntropyInterval: 0, piggybackMax: 0 } } as const

  scenario(
    "is sent with the ACK of the next PING: our own entry first, at incarnation + 1; all members see the recovery",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const nodes: Array<LabNode> = [yield* lab.start(1, quiet)]
        for (let i = 2; i <= 4; i++) {
          // Only the first probes, so it is the accuser. Its next PING to each of the others brings them the refutation.
          const probes = { interval: "1 hour" as const, suspectTimeout: "20 seconds" as const }
          nodes.push(yield* lab.start(i, { peers: ["10.0.0.1:7946"], ...quiet, probes }))
        }
        yield* pass(10_500)
        for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, 4)
        const subject = nodes[3]!
        const observers = nodes.slice(0, 3)
        // Every link to it is cut until somebody suspects it.
        lab.network.separate([subject.name], names(observers), true)
        while (observers.every((observer) => saw(observer, "Suspected", subject.id).length === 0)) {
          yield* pass(Interval / 2)
        }
        lab.network.separate([subject.name], names(observers), false)
        const mended = lab.now
        yield* pass(15_000)

        const first = lab.sent(
          (seen) => seen.to === subject.name && seen.fate === "carried" && isTelling(seen, subject.id),
          mended
        )[0]!
        assert.deepInclude(firstEntry(first)!, { status: "Suspect", incarnation: 0 })
        const accuser = nodes.find(({ name }) => name === first.from)!
        // The ACK comes at once, from a new incarnation, with the heartbeat that it has anyway.
        const [ack] = lab.sent((seen) => seen.from === subject.name && seen.at === first.at + Latency)
        assert.strictEqual(ack!.to, accuser.name)
        assert.deepInclude(ack!.message, { _tag: "Ack", incarnation: 1 })
        assert.isBelow(ack!.message.heartbeat, SuspicionRaise)
        const { address: _, ...own } = firstEntry(ack!)!
        const { heartbeat } = ack!.message
        assert.deepEqual(own, { nodeId: subject.id, status: "Alive", incarnation: 1, heartbeat })
        const [recovered] = saw(accuser, "Recovered", subject.id)
        assert.strictEqual(recovered!.ms, first.at + 2 * Latency)
        assert.deepStrictEqual(recovered!.cause, { _tag: "Heard" })
        for (const observer of observers) {
          const suspected = saw(observer, "Suspected", subject.id)
          const recovered = saw(observer, "Recovered", subject.id)
          assert.strictEqual(suspected.length, recovered.length)
          assert.isAtMost(suspected.length, 1)
          for (const { member } of recovered) assert.strictEqual(member.incarnation, 1)
          assert.deepStrictEqual(saw(observer, "Died", subject.id), [])
          const [self] = yield* Effect.map(membersOf(observer), (members) =>
            members.filter(({ id }) => id === subject.id)
          )
          assert.deepInclude(self!, { status: "alive", incarnation: 1 })
        }
        assert.strictEqual(parts(subject).view.refutations, 1)
      })
  )

  scenario("reaches all members after a short loss of all links to the suspect, and nobody dies", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* started(lab, 6)
      const subject = nodes[5]!
      const observers = nodes.slice(0, 5)
      lab.network.separate([subject.name], names(observers), true)
      yield* pass(4000)
      lab.network.separate([subject.name], names(observers), false)
      const mended = lab.now
      for (const observer of observers) assert.strictEqual(yield* lab.status(observer, subject), "suspect")
      // Before the shortest suspicion could end.
      yield* pass(2000)
      for (const observer of observers) {
        assert.strictEqual(yield* lab.status(observer, subject), "alive")
        const recovered = saw(observer, "Recovered", subject.id)
        assert.strictEqual(recovered.length, 1)
        assert.isAtLeast(recovered[0]!.ms, mended)
        assert.strictEqual(recovered[0]!.member.incarnation, parts(subject).view.incarnation)
      }
      yield* pass(20_000)
      for (const node of nodes) {
        assert.isFalse(node.changes.some(({ _tag }) => _tag === "Died"))
        assert.strictEqual((yield* countsOf(node)).alive, 6)
      }
    })
  )

  it.effect("that arrives through other members during a probe makes the failure of that probe count for nothing", () =>
    Effect.gen(function* () {
      for (const refuted of [true, false]) {
        yield* virtual(
          Effect.gen(function* () {
            const lab = yield* Lab.make()
            // The liar does not acknowledge. That must not lengthen the round in which the other is probed.
            const extensions = { ...version1, localHealth: false }
            const a = yield* lab.start(1, { extensions, probes: { suspectTimeout: "1 hour" } })
            const [liar, number] = [yield* lab.puppet(2), 3n]
            const say = (incarnation: number) =>
              liar.send(
                { _tag: "Gossip", ...sender(2), entries: [claim("Alive", number, "10.0.0.3:7946", incarnation)] },
                a
              )
            yield* say(0)
            const probed = () => lab.sent(({ message, to }) => message._tag === "Ping" && to === "10.0.0.3")
            while (probed().length === 0) yield* pass(1)
            const { at } = probed()[0]!
            yield* pass(700)
            yield* say(refuted ? 1 : 0)
            yield* pass(at + Interval - lab.now)
            assert.deepStrictEqual(
              saw(a, "Suspected", number).map(({ ms }) => ms),
              refuted ? [] : [at + Interval]
            )
          })
        )
      }
    })
  )

  scenario("raises our own health score by one at once", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a] = yield* started(lab, 1)
      const { detector, view } = parts(a!)
      const liar = yield* lab.puppet(2)
      for (let i = 0; i < 10; i++) {
        yield* liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Suspect", 1, a!.address, i, 5)] }, a!)
        yield* pass(2)
        assert.strictEqual(view.incarnation, i + 1)
        assert.strictEqual(detector.health.score, Math.min(8, i + 1))
      }
      // A claim of a former life raises the incarnation, and does not count for our health.
      yield* liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Suspect", 1, a!.address, 9, 5)] }, a!)
      yield* liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Alive", 1, a!.address, 70, 5)] }, a!)
      yield* pass(2)
      assert.deepInclude(view, { incarnation: 71, refutations: 10 })
    })
  )
})

describe("a member that can send but not hear", () => {
  scenario("is suspected once and dies once, and its heartbeats revive it at neither point", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* started(lab, 5)
      const deaf = nodes[4]!
      const others = nodes.slice(0, 4)
      for (const { name } of others) lab.network.link(name, deaf.name).cut = true
      const cut = lab.now
      yield* pass(180_000)
      // It keeps sending.
      const spoke = lab.sent(({ fate, from }) => from === deaf.name && fate === "carried", lab.now - 20_000)
      assert.isAbove(spoke.length, 0)
      for (const other of others) {
        assert.strictEqual(saw(other, "Suspected", deaf.id).length, 1)
        assert.strictEqual(saw(other, "Died", deaf.id).length, 1)
        assert.deepStrictEqual(saw(other, "Recovered", deaf.id), [])
        assert.deepStrictEqual(saw(other, "Joined", deaf.id, cut), [])
        assert.strictEqual((yield* countsOf(other)).alive, 4)
      }
      // It also suspects each of the others once, and none of them dies.
      for (const observer of others) {
        for (const subject of others.filter((other) => other !== observer)) {
          assert.isAtMost(saw(observer, "Suspected", subject.id).length, 1)
          assert.deepStrictEqual(saw(observer, "Died", subject.id), [])
          assert.strictEqual(yield* lab.status(observer, subject), "alive")
        }
      }
    })
  )
})
