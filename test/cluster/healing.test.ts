import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { isLong } from "../Campaign.ts"
import {
  claim,
  countsOf,
  entriesOf,
  Lab,
  type LabNode,
  parts,
  type Seen,
  sender,
  story,
  pass,
  scenario
} from "./Lab.ts"

const HealInterval = 10_000
/** The longest from one heal PING of a node to its next. */
const LongestHealInterval = 1.25 * HealInterval
/** From the first contact of two halves until all nodes know all others: a few gossip rounds. */
const Spread = 2000

/** A PING that begins with a Dead claim about its receiver. */
const isHealPing = ({ message }: Seen): boolean => message._tag === "Ping" && entriesOf(message)[0]?.status === "Dead"

/** Halves of a cluster, cut from each other for so long that they hold each other dead. */
const split = (size: number, cutFor: number, options: Parameters<Lab["start"]>[1] = {}) =>
  Effect.gen(function* () {
    const lab = yield* Lab.make()
    const nodes: Array<LabNode> = []
    for (let i = 1; i <= size; i++) {
      nodes.push(yield* lab.start(i, { ...options, peers: i === 1 ? [] : ["10.0.0.1:7946"] }))
    }
    yield* pass(10_000)
    for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, size)
    const names = nodes.map(({ name }) => name)
    lab.network.separate(names.slice(0, size / 2), names.slice(size / 2), true)
    yield* pass(cutFor)
    for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, size / 2)
    const healed = lab.now
    lab.network.separate(names.slice(0, size / 2), names.slice(size / 2), false)
    return { lab, nodes, healed }
  })

const assertMerged = (
  lab: Lab,
  nodes: ReadonlyArray<LabNode>,
  healed: number,
  half = nodes.length / 2,
  spread = Spread
) =>
  Effect.gen(function* () {
    for (const node of nodes) {
      assert.deepStrictEqual(yield* countsOf(node), { alive: nodes.length, suspect: 0, dead: 0, left: 0 })
      // Old Dead claims are exchanged too, and nobody dies of them.
      assert.deepStrictEqual(
        story(node, healed).filter(([, what]) => what.startsWith("Died")),
        []
      )
    }
    const first = new Set(nodes.slice(0, half).map(({ name }) => name))
    const contact = lab.sent(({ from, to }) => first.has(from) !== first.has(to), healed)[0]!
    assert.strictEqual(contact.message._tag, "Ping")
    const last = Math.max(...nodes.flatMap((node) => node.changes.map(({ ms }) => ms)))
    assert.isAtMost(contact.at - healed, LongestHealInterval)
    assert.isAtMost(last - contact.at, spread)
  })

describe("healing", () => {
  scenario("two halves of six that were separated for a minute merge after the first heal PING", () =>
    Effect.gen(function* () {
      const { healed, lab, nodes } = yield* split(12, 60_000)
      yield* pass(LongestHealInterval + Spread)
      yield* assertMerged(lab, nodes, healed)
    })
  )

  scenario(
    `two halves that were separated for ${isLong ? "an hour" : "five minutes"}, and whose tombstones of each other have expired, merge too`,
    () =>
      Effect.gen(function* () {
        const { healed, lab, nodes } = yield* split(6, isLong ? 3_600_000 : 300_000, {
          gossip: { interval: 500, heartbeatInterval: 10_000 }
        })
        for (const node of nodes) assert.strictEqual(parts(node).view.table.tombstones.length, 0)
        // Rounds of gossip are 500 ms apart here, instead of 200 ms.
        const spread = 2.5 * Spread
        yield* pass(LongestHealInterval + spread)
        yield* assertMerged(lab, nodes, healed, nodes.length / 2, spread)
      })
  )

  scenario("each node sends one lost member a PING with its last claim every 7.5 to 12.5 s", () =>
    Effect.gen(function* () {
      const { healed, lab, nodes } = yield* split(4, 300_000)
      for (const node of nodes) {
        const half = new Set((nodes.indexOf(node) < 2 ? nodes.slice(2) : nodes.slice(0, 2)).map(({ name }) => name))
        const tries = lab.sent(({ at, from, to }) => from === node.name && half.has(to) && at < healed, 40_000)
        assert.isAtLeast(tries.length, Math.floor((healed - 40_000) / LongestHealInterval))
        tries.forEach(({ at, message, to }, i) => {
          const [first] = entriesOf(message)
          // A peer is a candidate by itself too, and its address gets a PING without a claim.
          if (first!.status === "Dead") assert.strictEqual(`n${first!.nodeId}`, to)
          else assert.deepStrictEqual([to, entriesOf(message).length], ["n1", 1])
          if (i === 0) return
          assert.isAtLeast(at - tries[i - 1]!.at, 0.75 * HealInterval)
          assert.isAtMost(at - tries[i - 1]!.at, LongestHealInterval)
        })
        // Both of the other half come up.
        assert.strictEqual(new Set(tries.map(({ to }) => to)).size, 2)
      }
    })
  )

  scenario("a member that was away for longer than its tombstone lasts is found by the heal list", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const options = { probes: { deadRetention: 2000 } }
      const a = yield* lab.start(1, options)
      const b = yield* lab.start(2, { ...options, peers: [a.address] })
      const c = yield* lab.start(3, { ...options, peers: [a.address] })
      yield* pass(5000)
      lab.network.separate(["n1", "n2"], ["n3"], true)
      yield* pass(60_000)
      for (const node of [a, b]) {
        assert.strictEqual(parts(node).view.slotOf(claim("Dead", 3, c.address).nodeId), -1)
        assert.isTrue(parts(node).join.healList.has(claim("Dead", 3, c.address).nodeId))
      }
      const healed = lab.now
      lab.network.separate(["n1", "n2"], ["n3"], false)
      yield* pass(LongestHealInterval + Spread)
      yield* assertMerged(lab, [a, b, c], healed, 2)
      for (const node of [a, b, c]) assert.strictEqual(parts(node).join.healList.size, 0)
    })
  )

  scenario("a lost member is tried for the time of heal_timeout and no longer", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const options = { gossip: { healTimeout: 60_000 } }
      const a = yield* lab.start(1, options)
      const b = yield* lab.start(2, { ...options, peers: [a.address] })
      yield* pass(5000)
      yield* lab.kill(b)
      yield* pass(200_000)
      const died = a.changes.find(({ _tag }) => _tag === "Died")!.ms
      const tries = lab.sent((seen) => seen.from === "n1" && isHealPing(seen), died)
      assert.isAtLeast(tries.length, Math.floor(60_000 / LongestHealInterval))
      assert.isAtMost(tries.at(-1)!.at, died + 60_000)
      assert.strictEqual(parts(a).join.healList.size, 0)
    })
  )

  scenario("a lost member whose address now belongs to another live member is not tried", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const b = yield* lab.start(2, { peers: [a.address] })
      yield* pass(5000)
      yield* lab.kill(b)
      yield* pass(15_000)
      assert.strictEqual(yield* lab.status(a, b), "dead")
      const host = lab.network.host("n22", ["10.0.0.2"])
      yield* lab.startAt("n22", host, { bind: "10.0.0.2:7946", nodeId: "22", peers: [a.address] })
      yield* pass(100)
      const from = lab.now
      yield* pass(60_000)
      assert.deepStrictEqual(lab.sent(isHealPing, from), [])
      assert.strictEqual(parts(a).join.healList.size, 0)
    })
  )

  scenario("a bootstrap peer that answered once and is gone is contacted again and again", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const b = yield* lab.start(2, { peers: [a.address], gossip: { healTimeout: 0 } })
      yield* pass(5000)
      yield* lab.kill(a)
      yield* pass(60_000)
      assert.strictEqual(yield* lab.status(b, a), "unknown")
      // It comes back under another id, knowing nobody.
      const host = lab.network.host("n11", ["10.0.0.1"])
      const back = yield* lab.startAt("n11", host, { bind: "10.0.0.1:7946", nodeId: "11" })
      yield* pass(LongestHealInterval + 10)
      assert.strictEqual(yield* lab.status(b, back), "alive")
      assert.strictEqual(yield* lab.status(back, b), "alive")
    })
  )

  scenario("when a dead member of level 0 is alive after all, our incarnation rises once, and at most every 5 s", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const options = {
        probes: { interval: 600_000, timeout: 300_000, suspectTimeout: 600_000 },
        gossip: { antiEntropyInterval: 0 },
        // Deaths of suspects are believed at once.
        extensions: { telling: false }
      }
      const a = yield* lab.start(1, options)
      yield* lab.start(2, { ...options, peers: [a.address] })
      const puppet = yield* lab.puppet(99)
      yield* pass(1000)
      const { view } = parts(a)
      const at = "10.0.0.99:7946"
      let incarnation = 0
      const dieAndComeBack = (level: number, wait: number) =>
        Effect.gen(function* () {
          for (const status of ["Suspect", "Dead"] as const) {
            yield* puppet.send(
              { _tag: "Gossip", ...sender(2), entries: [claim(status, 99, at, incarnation, 2 ** 20)] },
              a
            )
            yield* pass(1)
          }
          incarnation++
          yield* puppet.send(
            { _tag: "Gossip", ...sender(99, incarnation), level, entries: [claim("Alive", 99, at, incarnation)] },
            a
          )
          yield* pass(1)
          assert.strictEqual(yield* lab.status(a, 99n), "alive")
          const raised = view.incarnation
          yield* pass(wait)
          return raised
        })
      yield* puppet.send({ _tag: "Gossip", ...sender(99), entries: [claim("Alive", 99, at)] }, a)
      yield* pass(1)
      // Each takes 3 ms, and the member speaks at the end of them.
      assert.strictEqual(yield* dieAndComeBack(0, 100), 1)
      assert.strictEqual(yield* dieAndComeBack(0, 4999 - 103 - 3), 1)
      // That was 4999 ms after the first, and this is 5000 ms after the one that counts.
      assert.strictEqual(yield* dieAndComeBack(0, 10_000), 1)
      assert.strictEqual(yield* dieAndComeBack(0, 5000 - 3), 2)
      assert.strictEqual(yield* dieAndComeBack(0, 10_000), 3)
      // A member of level 1 can tell us itself how it sees us.
      assert.strictEqual(yield* dieAndComeBack(1, 10_000), 3)
      assert.strictEqual(view.refutations, 0)
    })
  )
})
