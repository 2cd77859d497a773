import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { bytesOf, claim, entriesOf, Lab, type LabNode, parts, type Seen, sender, story, pass, scenario } from "./Lab.ts"

/** Probes so rare that none disturbs what is tested. */
const rareProbes = { probes: { interval: 60_000, timeout: 30_000 }, gossip: { antiEntropyInterval: 0 } } as const

const carriesDeathOf =
  (node: LabNode) =>
  ({ message }: Seen): boolean =>
    entriesOf(message).some((entry) => entry.nodeId === node.id && entry.status === "Dead")

const deaths = (node: LabNode) => story(node).filter(([, what]) => what.startsWith("Died"))

/** Three nodes that know each other, and what the second is made to say about the third to the first. */
const three = (options: ClusterConfig.ClusterOptions) =>
  Effect.gen(function* () {
    const lab = yield* Lab.make()
    const a = yield* lab.start(1, options)
    const b = yield* lab.start(2, { ...options, peers: [a.address] })
    const c = yield* lab.start(3, { ...options, peers: [a.address] })
    const teller = yield* lab.puppet(99)
    yield* pass(1000)
    const tell = (...statuses: ReadonlyArray<"Suspect" | "Dead">) =>
      teller.send(
        {
          _tag: "Gossip",
          ...sender(2),
          entries: statuses.map((status) => claim(status, c.id, c.address, 0, 2 ** 20))
        },
        a
      )
    return { lab, a, b, c, tell, from: lab.now }
  })

describe("a Dead claim", () => {
  scenario("about a live member is refuted after one PING, is never passed on, and causes no change", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const nodes = [a]
      for (let i = 2; i <= 5; i++) nodes.push(yield* lab.start(i, { peers: [a.address] }))
      const liar = yield* lab.puppet(99)
      yield* pass(10_000)
      const victim = nodes[4]!
      const told = nodes.slice(0, 4)
      const from = lab.now
      for (const node of told) {
        yield* liar.send(
          { _tag: "Gossip", ...sender(node === a ? 2 : 1), entries: [claim("Dead", victim.id, victim.address)] },
          node
        )
      }
      yield* pass(30_000)
      const carriers = lab.sent(carriesDeathOf(victim), from).filter(({ from }) => from !== "n99")
      // Each node that was told sends the victim one PING at once; the answer comes 2 ms later.
      assert.deepStrictEqual(
        carriers.map(({ at, from, message, to }) => [at, from, to, message._tag]).toSorted(),
        told.map(({ name }) => [from + 1, name, victim.name, "Ping"])
      )
      for (const { message } of carriers) {
        assert.deepStrictEqual([entriesOf(message)[0]!.nodeId, entriesOf(message)[0]!.status], [victim.id, "Dead"])
      }
      for (const node of nodes) {
        assert.deepStrictEqual(deaths(node), [])
        assert.isFalse(node.changes.some((change) => change._tag === "Suspected" || change._tag === "Conflict"))
      }
      for (const node of told) {
        assert.deepStrictEqual(story(node, from), [[3, "Updated 5: Heard"]])
      }
    })
  )

  scenario("about a member that is gone is checked by PINGs at 0, 500 and 1000 ms and accepted at 1500 ms", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, rareProbes)
      const b = yield* lab.start(2, { ...rareProbes, peers: [a.address] })
      const c = yield* lab.start(3, { ...rareProbes, peers: [a.address] })
      const teller = yield* lab.puppet(99)
      yield* pass(1000)
      const from = lab.now
      yield* lab.kill(c)
      yield* teller.send({ _tag: "Gossip", ...sender(2), entries: [claim("Dead", c.id, c.address)] }, a)
      yield* pass(1500)
      assert.strictEqual(yield* lab.status(a, c), "alive")
      yield* pass(1)
      assert.strictEqual(yield* lab.status(a, c), "dead")
      const pings = lab.sent((seen) => seen.from === "n1" && seen.to === "n3" && carriesDeathOf(c)(seen), from)
      assert.deepStrictEqual(
        pings.map(({ at, message }) => [message._tag, at - from]),
        [
          ["Ping", 1],
          ["Ping", 501],
          ["Ping", 1001]
        ]
      )
      assert.deepStrictEqual(story(a, from), [[1501, `Died 3: DeathConfirmed by ${b.id} after 3`]])
      assert.strictEqual(parts(a).detector.checks.size, 0)
    })
  )

  scenario("with a forged address is checked at the known address of the member, so it has no effect", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, rareProbes)
      const b = yield* lab.start(2, { ...rareProbes, peers: [a.address] })
      const c = yield* lab.start(3, { ...rareProbes, peers: [a.address] })
      const liar = yield* lab.puppet(99)
      yield* pass(1000)
      const from = lab.now
      for (const incarnation of [0, 5]) {
        yield* liar.send(
          { _tag: "Gossip", ...sender(2), entries: [claim("Dead", c.id, "10.0.0.99:7946", incarnation)] },
          a
        )
        yield* pass(5000)
      }
      assert.strictEqual(yield* lab.status(a, c), "alive")
      for (const node of [a, b, c]) {
        assert.deepStrictEqual(
          node.changes.filter((change) => change.ms > from && change._tag !== "Updated"),
          []
        )
      }
      // Nothing is sent to the forged address either.
      assert.deepStrictEqual(liar.received, [])
    })
  )

  scenario("about a suspect is believed if one PING finds no answer in the time that one takes", () =>
    Effect.gen(function* () {
      const options = { ...rareProbes, probes: { ...rareProbes.probes, timeout: 500 } }
      const { a, b, c, from, lab, tell } = yield* three(options)
      yield* lab.kill(c)
      yield* tell("Suspect")
      yield* pass(10)
      yield* tell("Dead")
      yield* pass(10)
      // The suspect is told that it is said to be dead.
      assert.deepStrictEqual(
        lab.sent((seen) => carriesDeathOf(c)(seen) && seen.to === "n3", from).map(({ at }) => at - from),
        [11]
      )
      yield* pass(1000)
      // No round trip was measured, so the PING waits as long as a probe.
      assert.deepStrictEqual(story(a, from), [
        [1, `Suspected 3: Claimed by ${b.id}`],
        [11 + 500, `Died 3: DeathConfirmed by ${b.id} after 1`]
      ])
    })
  )

  scenario("about a suspect that lives is refuted", () =>
    Effect.gen(function* () {
      const { a, b, from, tell } = yield* three(rareProbes)
      yield* tell("Suspect", "Dead")
      yield* pass(2000)
      assert.deepStrictEqual(
        story(a, from).map(([, what]) => what),
        [`Suspected 3: Claimed by ${b.id}`, "Recovered 3: Heard"]
      )
      assert.strictEqual(parts(a).detector.checks.size, 0)
    })
  )

  scenario("about a suspect is believed at once where suspects are not told", () =>
    Effect.gen(function* () {
      const { a, b, from, tell } = yield* three({ ...rareProbes, extensions: { telling: false } })
      yield* tell("Suspect", "Dead")
      yield* pass(1)
      assert.deepStrictEqual(story(a, from).slice(0, 2), [
        [1, `Suspected 3: Claimed by ${b.id}`],
        [1, `Died 3: Claimed by ${b.id}`]
      ])
    })
  )

  scenario("is checked together with at most 15 others; further claims are dropped and counted", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, rareProbes)
      yield* lab.start(2, { ...rareProbes, peers: [a.address] })
      const teller = yield* lab.puppet(99)
      yield* pass(1000)
      const told = Array.from({ length: 20 }, (_, i) => [100 + i, `10.0.1.${i}:7946`] as const)
      for (const status of ["Alive", "Dead"] as const) {
        yield* teller.send(
          { _tag: "Gossip", ...sender(2), entries: told.map(([id, address]) => claim(status, id, address)) },
          a
        )
        yield* pass(1)
      }
      const { checks } = parts(a).detector
      assert.deepStrictEqual([checks.size, checks.dropped], [16, 4])
      yield* pass(1499)
      assert.strictEqual(deaths(a).length, 0)
      yield* pass(1)
      assert.deepStrictEqual(
        deaths(a).map(([, what]) => what),
        told.slice(0, 16).map(([id]) => `Died ${id}: DeathConfirmed by 2 after 3`)
      )
      assert.strictEqual(yield* lab.status(a, 119n), "alive")
    })
  )

  scenario("about a member that left is accepted at once by nodes that got the LEAVE, and reaches the others", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, rareProbes)
      const b = yield* lab.start(2, { ...rareProbes, peers: [a.address] })
      const c = yield* lab.start(3, { ...rareProbes, peers: [a.address] })
      yield* pass(1000)
      // B does not hear the LEAVE of C, and learns of it from A.
      lab.network.link("n3", "n2").cut = true
      const from = lab.now
      yield* lab.stop(c)
      yield* pass(5000)
      assert.strictEqual(yield* lab.status(a, c), "left")
      assert.strictEqual(yield* lab.status(b, c), "dead")
      // A's round of changes brings the claim; three unanswered PINGs later it is believed.
      assert.deepStrictEqual(story(b, from), [[201 + 1500, `Died 3: DeathConfirmed by ${a.id} after 3`]])
    })
  )
})

describe("an invented node at the address of a member", () => {
  for (const forged of ["forges ACKs from there", "answers from elsewhere"] as const) {
    scenario(`that ${forged} does not replace the member`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* lab.start(1, { extensions: {} })
        const b = yield* lab.start(2, { extensions: {}, peers: [a.address] })
        yield* lab.start(3, { extensions: {}, peers: [a.address] })
        const liar = yield* lab.puppet(70)
        yield* pass(3000)
        const from = lab.now
        for (let heartbeat = 1; heartbeat <= 80; heartbeat++) {
          const entries = [claim("Alive", 70, b.address, 0, heartbeat)]
          yield* liar.send({ _tag: "Gossip", ...sender(70, 0, heartbeat), entries }, a)
          const ack = { _tag: "Ack", ...sender(70, 0, heartbeat), entries } as const
          if (forged === "forges ACKs from there") yield* lab.forge(bytesOf(ack), b.address, a)
          else yield* liar.send(ack, a)
          yield* pass(50)
        }
        assert.isTrue(story(a, from).some(([, what]) => what.startsWith("Joined 70")))
        assert.deepStrictEqual(
          story(a, from).filter(([, what]) => what.startsWith("Died 2") || what.startsWith("Suspected 2")),
          []
        )
      })
    )
  }
})
