/** A node that is not where it says it is, and one whose machine gets another address. */
import { assert, describe } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { NetAddress } from "effect/net"
import type { Host } from "../../src/simulation/network/Host.ts"
import { Lab, membersOf, parts, pass, scenario } from "./Lab.ts"

const level1 = { extensions: {} }

/** Runs an effect and collects the warnings of it. */
const warnings = <A, E, R>(use: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Warn") lines.push(String(message))
    })
    return Effect.provide(use(lines), Logger.layer([logger]))
  })

describe("a node at another address than it advertises", () => {
  scenario("notices that no PING arrives, and says so again at growing intervals", () =>
    warnings((lines) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* lab.start(1, level1)
        const peers = [a.address]
        yield* lab.start(2, { ...level1, peers })
        yield* lab.start(3, { ...level1, peers })
        const wrong = yield* lab.start(4, { ...level1, peers, advertise: "10.0.0.77:7000" })
        const { reachability } = parts(wrong).join
        yield* pass(10_000)
        assert.isFalse(reachability.lost)
        yield* pass(20_000)
        assert.isTrue(reachability.lost)
        const said = () => lines.filter((line) => line.includes("do not reach this node at 10.0.0.77:7000"))
        assert.strictEqual(said().length, 1)
        assert.match(said()[0] ?? "", /no interface of this machine has it/)
        yield* pass(240_000)
        assert.strictEqual(said().length, 3)
        assert.isFalse(parts(a).join.reachability.lost)
      })
    )
  )

  scenario("is not a node that stops now and then, for the others' PINGs reach it", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, level1)
      yield* lab.start(2, { ...level1, peers: [a.address] })
      const slow = yield* lab.start(3, { ...level1, peers: [a.address] })
      yield* pass(2000)
      for (let i = 0; i < 12; i++) {
        slow.node.control.freeze()
        yield* pass(3000)
        slow.node.control.thaw()
        yield* pass(2000)
        assert.isFalse(parts(slow).join.reachability.lost)
      }
      assert.isAbove(parts(slow).view.refutations, 3)
    })
  )
})

/** A host of two addresses whose interfaces the test sets. */
const movable = (lab: Lab, name: string, addresses: ReadonlyArray<string>) => {
  const host = lab.network.host(name, addresses)
  let present: ReadonlyArray<string> = addresses
  const moving: Host = Object.create(host, {
    network: {
      value: {
        ...host.network,
        interfaces: Effect.sync(() => present.map(NetAddress.ipFromStringUnsafe))
      }
    }
  })
  return { host: moving, set: (...texts: ReadonlyArray<string>) => void (present = texts) }
}

describe("a node that is bound to the wildcard address", () => {
  scenario("advertises the new address of its machine within 3 s, at a higher incarnation", () =>
    warnings((lines) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* lab.start(1, level1)
        const { host, set } = movable(lab, "n2", ["10.0.0.2", "10.0.0.12"])
        set("10.0.0.2")
        const b = yield* lab.startAt("n2", host, {
          ...level1,
          bind: "0.0.0.0:7946",
          nodeId: "2",
          peers: [a.address]
        })
        yield* pass(5000)
        const { incarnation } = parts(b).view
        assert.strictEqual(b.address, "10.0.0.2:7946")
        // A second address is no reason to move, and none at all neither.
        set("10.0.0.12", "10.0.0.2")
        yield* pass(5000)
        set("127.0.0.1")
        yield* pass(5000)
        assert.strictEqual(parts(b).view.incarnation, incarnation)
        set("127.0.0.1", "10.0.0.12")
        yield* pass(3000)
        assert.strictEqual(parts(b).view.incarnation, incarnation + 1)
        const member = (yield* membersOf(a)).find(({ id }) => id === b.id)
        assert.deepStrictEqual(
          [member?.status, String(member?.address), member?.incarnation],
          ["alive", "10.0.0.12:7946", incarnation + 1]
        )
        assert.strictEqual(String(parts(b).view.table.inetAddress(0)), "10.0.0.12:7946")
        assert.deepStrictEqual(
          lines.filter((line) => line.includes("no longer has")),
          ["this machine no longer has the address 10.0.0.2:7946; advertising 10.0.0.12:7946 from now on"]
        )
      })
    )
  )
})

describe("a node that advertises a name", () => {
  scenario("advertises what the name stands for, and moves when that changes", () =>
    warnings((lines) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const name = (...addresses: ReadonlyArray<string>) => lab.network.names.set("n2.example", { addresses })
        const a = yield* lab.start(1, level1)
        const host = lab.network.host("n2", ["10.0.0.2", "10.0.0.12", "10.0.0.22"])
        name("10.0.0.12", "10.0.0.22")
        const b = yield* lab.startAt("n2", host, {
          ...level1,
          bind: "0.0.0.0:7946",
          advertise: "n2.example",
          nodeId: "2",
          peers: [a.address]
        })
        const seen = Effect.map(membersOf(a), (members) => {
          const member = members.find(({ id }) => id === b.id)
          return `${member?.status} ${member?.address}`
        })
        yield* pass(2000)
        assert.strictEqual(yield* seen, "alive 10.0.0.12:7946")
        const { incarnation } = parts(b).view
        // The order of the answers says nothing.
        name("10.0.0.22", "10.0.0.12")
        yield* pass(31_000)
        assert.strictEqual(parts(b).view.incarnation, incarnation)
        name("10.0.0.22")
        yield* pass(31_000)
        assert.strictEqual(yield* seen, "alive 10.0.0.22:7946")
        assert.isAbove(parts(b).view.incarnation, incarnation)
        lab.network.names.delete("n2.example")
        yield* pass(95_000)
        assert.strictEqual(yield* seen, "alive 10.0.0.22:7946")
        assert.strictEqual(lines.filter((line) => line.startsWith("cannot look up n2.example")).length, 1)
      })
    )
  )

  scenario("starts with the address that it would have without, while the name has none", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, level1)
      const b = yield* lab.start(2, { ...level1, advertise: "n2.example:7946", peers: [a.address] })
      yield* pass(2000)
      assert.strictEqual(b.address, "10.0.0.2:7946")
      lab.network.names.set("n2.example", { addresses: ["10.0.0.2"] })
      yield* pass(31_000)
      assert.strictEqual(parts(b).view.incarnation, 0)
      assert.strictEqual(yield* lab.status(a, b), "alive")
    })
  )
})
