import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { claim, Lab, type LabNode, membersOf, parts, sender, story, pass, scenario, scenarioAt } from "./Lab.ts"

/** 2026-01-01 UTC, in ms since 1970. */
const Today = Date.UTC(2026, 0, 1)
const secondsSince2020 = (ms: number) => Math.floor((ms - Date.UTC(2020, 0, 1)) / 1000)

type Held = "alive" | "suspect" | "dead" | "unknown"

/** The third of three nodes was killed, and the others have come to hold it as `held`; `unknown` is a tombstone. */
const bereaved = (held: Held) =>
  Effect.gen(function* () {
    const lab = yield* Lab.make()
    const a = yield* lab.start(1)
    const b = yield* lab.start(2, { peers: [a.address] })
    const c = yield* lab.start(3, { peers: [a.address] })
    yield* pass(5500)
    yield* lab.kill(c)
    for (const node of [a, b]) while ((yield* lab.status(node, c)) !== held) yield* pass(50)
    // Its old self is off the network for good, and a new machine has the address.
    yield* pass(1)
    return { lab, a, b, c, from: lab.now }
  })

const restart = (lab: Lab, where: "the same address" | "a new address", clockBehind = 0) => {
  const address = where === "the same address" ? "10.0.0.3" : "10.0.0.33"
  return lab.startAt(
    "n33",
    lab.network.host("n33", [address]),
    { bind: `${address}:7946`, nodeId: "3", peers: ["10.0.0.1:7946"] },
    { clockBehind }
  )
}

const assertIn = (lab: Lab, others: ReadonlyArray<LabNode>, back: LabNode) =>
  Effect.gen(function* () {
    for (const other of others) {
      const member = (yield* membersOf(other)).find(({ id }) => id === back.id)
      assert.deepStrictEqual([member?.status, String(member?.address)], ["alive", back.address])
    }
    for (const other of others) assert.strictEqual(yield* lab.status(back, other), "alive")
  })

describe("a restart with the same id", () => {
  scenarioAt(Today + 1999)("begins at the seconds since 2020, and a random id at 0", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const given = yield* lab.start(1)
      assert.strictEqual(parts(given).view.incarnation, secondsSince2020(Today) + 1)
      const host = lab.network.host("n2", ["10.0.0.2"])
      const drawn = yield* lab.startAt("n2", host, { bind: "10.0.0.2:7946" })
      assert.strictEqual(parts(drawn).view.incarnation, 0)
    })
  )

  for (const held of ["alive", "suspect", "dead", "unknown"] as const) {
    for (const where of ["the same address", "a new address"] as const) {
      const name = held === "unknown" ? "a tombstone" : held
      scenarioAt(Today)(`at ${where}, held ${name}: the first message shows a new life`, () =>
        Effect.gen(function* () {
          const { a, b, from, lab } = yield* bereaved(held)
          const back = yield* restart(lab, where)
          yield* pass(1)
          assert.strictEqual(yield* lab.status(a, back), "alive")
          const what = { alive: "Updated", suspect: "Recovered", dead: "Recovered", unknown: "Joined" }[held]
          assert.deepStrictEqual(story(a, from), [[1, `${what} 3: Heard`]])
          // The other hears of it from the first, by a round of changes or in the newcomer's own words.
          yield* pass(250)
          yield* assertIn(lab, [a, b], back)
          yield* pass(20_000)
          yield* assertIn(lab, [a, b], back)
          for (const node of [a, b])
            assert.strictEqual(story(node, from).filter(([, it]) => /Died|Conflict/.test(it)).length, 0)
        })
      )

      scenarioAt(Today)(`at ${where}, held ${name}, with a clock that is a year behind: it is told, and refutes`, () =>
        Effect.gen(function* () {
          const { a, b, c, lab } = yield* bereaved(held)
          const former = parts(c).view.incarnation
          const back = yield* restart(lab, where, 365 * 86_400_000)
          assert.isBelow(parts(back).view.incarnation, former)
          yield* pass(3000)
          yield* assertIn(lab, [a, b], back)
          assert.isAbove(parts(back).view.incarnation, former)
        })
      )
    }
  }

  scenarioAt(Today)("in the same second in which its former life began: it is told too", () =>
    Effect.gen(function* () {
      const { a, b, c, lab } = yield* bereaved("dead")
      const back = yield* restart(lab, "the same address", lab.now)
      assert.strictEqual(parts(back).view.incarnation, secondsSince2020(Today))
      assert.isAtMost(parts(back).view.incarnation, parts(c).view.incarnation)
      yield* pass(3000)
      yield* assertIn(lab, [a, b], back)
    })
  )
})

describe("conflicts", () => {
  scenario("two nodes with one id report each other once, and refute each other at most once per probe interval", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      yield* lab.start(2, { peers: [a.address] })
      const one = yield* lab.start(3, { peers: [a.address] })
      yield* pass(5300)
      const host = lab.network.host("n33", ["10.0.0.33"])
      const other = yield* lab.startAt("n33", host, { bind: "10.0.0.33:7946", nodeId: "3", peers: [a.address] })
      yield* pass(60_000)
      const conflicts = (node: LabNode) =>
        story(node)
          .map(([, what]) => what)
          .filter((what) => what.startsWith("Conflict"))
      assert.deepStrictEqual(conflicts(one), ["Conflict SameId 3 at 10.0.0.33:7946"])
      assert.deepStrictEqual(conflicts(other), ["Conflict SameId 3 at 10.0.0.3:7946"])
      // To the others its address goes back and forth.
      assert.match(conflicts(a).join(), /^Conflict SameId 3 at 10\.0\.0\.33?:7946$/)
      for (const node of [one, other]) {
        const said = lab.sent(({ from }) => from === node.name)
        const rises = said.filter(({ message }, i) => i > 0 && message.incarnation !== said[i - 1]!.message.incarnation)
        assert.isAtLeast(rises.length, 2)
        for (let i = 1; i < rises.length; i++) {
          // They speak at the next tick after they rose, so two risings that are seen may be a tick closer.
          assert.isAtLeast(rises[i]!.at - rises[i - 1]!.at, 1000 - 200)
        }
        assert.isAtMost(rises.length, 61)
      }
    })
  )

  scenario("a member with another id at our address is our former life, unless it sends messages", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const quiet = { probes: { interval: 600_000, timeout: 300_000 }, gossip: { antiEntropyInterval: 0 } }
      const a = yield* lab.start(1, quiet)
      yield* lab.start(2, { ...quiet, peers: [a.address] })
      const puppet = yield* lab.puppet(99)
      yield* pass(1000)
      const from = lab.now
      const tell = (heartbeat: number) =>
        puppet.send({ _tag: "Gossip", ...sender(2), entries: [claim("Alive", 50, a.address, 0, heartbeat)] }, a)
      yield* tell(1)
      yield* pass(100)
      yield* tell(2)
      yield* pass(100)
      assert.deepStrictEqual(story(a, from), [[1, "Joined 50: Claimed by 2"]])
      for (const heartbeat of [3, 4]) {
        yield* puppet.send(
          { _tag: "Gossip", ...sender(50, 0, heartbeat), entries: [claim("Alive", 50, a.address, 0, heartbeat)] },
          a
        )
        yield* pass(100)
      }
      assert.deepStrictEqual(story(a, from).slice(1), [[201, `Conflict SameAddress 50 at ${a.address}`]])
    })
  )

  scenario("old gossip about a former life does not affect the present one", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const quiet = { probes: { interval: 600_000, timeout: 300_000 }, gossip: { antiEntropyInterval: 0 } }
      const a = yield* lab.start(1, quiet)
      yield* lab.start(2, { ...quiet, peers: [a.address] })
      const puppet = yield* lab.puppet(99)
      yield* pass(1000)
      const from = lab.now
      for (let heartbeat = 0; heartbeat < 12; heartbeat++) {
        yield* puppet.send({ _tag: "Gossip", ...sender(2), entries: [claim("Alive", 50, a.address, 0, heartbeat)] }, a)
        yield* pass(1000)
      }
      // Later than 10 s after it was first named.
      assert.deepStrictEqual(story(a, from).slice(1), [[11_001, `Conflict SameAddress 50 at ${a.address}`]])
    })
  )

  scenario("a claim about our id elsewhere is refuted at most once per probe interval", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      yield* lab.start(2, { peers: [a.address] })
      const puppet = yield* lab.puppet(99)
      yield* pass(1100)
      const { view } = parts(a)
      const incarnations: Array<number> = []
      for (const wait of [1, 998, 1, 1]) {
        const about = claim("Alive", 1, "10.0.0.77:7946", view.incarnation + 10)
        yield* puppet.send({ _tag: "Gossip", ...sender(2), entries: [about] }, a)
        yield* pass(wait)
        incarnations.push(view.incarnation)
      }
      yield* pass(1)
      // Said at 0, 1, 999 and 1000 ms: the first and the last are a probe interval apart.
      assert.deepStrictEqual([...incarnations, view.incarnation], [11, 11, 11, 22, 22])
      assert.deepStrictEqual(a.changes.filter(({ _tag }) => _tag === "Conflict").length, 1)
    })
  )
})
