/** A running cluster moves to encryption and back, node by node. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isLong } from "../Campaign.ts"
import {
  bytesOf,
  claim,
  Lab,
  type LabNode,
  keyOf,
  membersOf,
  parts,
  sender,
  story,
  pass,
  scenarioAt,
  virtual
} from "../cluster/Lab.ts"

type Mode = "off" | "accept" | "required"

const secret = { clusterKey: keyOf(1) }
/** 2026-01-01 UTC, in ms since 1970: the incarnation after a restart comes from the wall clock. */
const Today = Date.UTC(2026, 0, 1)

const scenario = scenarioAt(Today)

/** A cluster in which most members have not spoken to a newcomer yet when they probe it. */
const Many = isLong ? 30 : 12
const Size = 4

const readAlong = Effect.gen(function* () {
  const lab = yield* Lab.make()
  lab.rings.push(yield* Lab.ring([keyOf(1)]))
  return lab
})

const addressOf = (number: number) => `10.0.0.${number}:7946`
const allPeers = Array.from({ length: Size }, (_, i) => addressOf(i + 1))

/** Which peers a node is given: all of them, or one that is not itself. */
const peersOf = { all: () => allPeers, one: (number: number) => [addressOf(number === 1 ? 2 : 1)] }

const options = (mode: Mode, peers: ReadonlyArray<string>) =>
  mode === "off" ? { peers } : { ...secret, encryption: mode, peers }

const assertTogether = Effect.fnUntraced(function* (nodes: ReadonlyArray<LabNode>, when: string) {
  for (const node of nodes) {
    const members = yield* membersOf(node)
    assert.sameMembers(
      members.filter(({ status }) => status === "alive").map(({ id }) => id),
      nodes.map(({ id }) => id),
      `${node.name} ${when}`
    )
  }
})

/** Stops or kills a node, and starts it again with the same id at the same address. */
const restart = Effect.fnUntraced(function* (lab: Lab, node: LabNode, mode: Mode, peers: keyof typeof peersOf) {
  const number = Number(node.id)
  yield* lab.stop(node)
  yield* pass(2500)
  return yield* lab.start(number, options(mode, peersOf[peers](number)))
})

/** Members that any node suspected or declared dead since `from`. */
const wronged = (nodes: ReadonlyArray<LabNode>, from: number) =>
  nodes.flatMap((node) =>
    story(node, from)
      .filter(([, what]) => /^(Suspected|Died)/.test(what))
      .map(([at, what]) => `${node.name} at ${at}: ${what}`)
  )

/** Reports of datagrams that cannot be read: a move that goes well has none. */
const reported = (nodes: ReadonlyArray<LabNode>) =>
  nodes.flatMap((node) => story(node).filter(([, what]) => what.startsWith("Unreadable")))

describe("a cluster", () => {
  for (const peers of ["all", "one"] as const) {
    scenario(
      `of ${Size} moves from off to accept to required and back without a suspicion, ` +
        `with ${peers === "all" ? "every node" : "one node"} for a peer`,
      () =>
        Effect.gen(function* () {
          const lab = yield* readAlong
          const nodes: Array<LabNode> = []
          for (let i = 1; i <= Size; i++) nodes.push(yield* lab.start(i, options("off", peersOf[peers](i))))
          yield* pass(5000)
          yield* assertTogether(nodes, "at the start")
          for (const mode of ["accept", "required", "accept", "off"] as const) {
            for (let i = 0; i < Size; i++) {
              const from = lab.now
              nodes[i] = yield* restart(lab, nodes[i]!, mode, peers)
              yield* pass(3000)
              yield* assertTogether(nodes, `3 s after n${i + 1} was restarted to ${mode}`)
              yield* pass(12_000)
              yield* assertTogether(nodes, `15 s after n${i + 1} was restarted to ${mode}`)
              assert.deepStrictEqual(wronged(nodes, from), [], `n${i + 1} to ${mode}`)
              assert.deepStrictEqual(reported(nodes), [], `n${i + 1} to ${mode}`)
            }
            const from = lab.now
            yield* pass(10_000)
            const sent = lab.sent(() => true, from)
            if (mode === "required") assert.isTrue(sent.every(({ sealed }) => sealed))
            if (mode === "off") assert.isTrue(sent.every(({ sealed }) => !sealed))
          }
        })
    )
  }
})

describe("a node that accepts both", () => {
  scenario("seals datagrams to members that seal, and sends in the clear to members that do not", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong
      const a = yield* lab.start(1, options("accept", []))
      const plain = yield* lab.puppet(8)
      const sealed = yield* lab.puppet(9)
      const ring = lab.rings[0]!
      const ping = (id: number, heartbeat: number) => {
        const entries = [claim("Alive", id, addressOf(id), 0, heartbeat)]
        return { _tag: "Ping", ...sender(id, 0, heartbeat), entries } as const
      }
      for (let heartbeat = 1; heartbeat <= 10; heartbeat++) {
        yield* plain.send(ping(8, heartbeat), a)
        yield* sealed.sendBytes(ring.seal(bytesOf(ping(9, heartbeat))), a)
        yield* pass(500)
      }
      const to = (name: string) => lab.sent((seen) => seen.from === "n1" && seen.to === name)
      for (const [name, expected] of [
        ["n8", false],
        ["n9", true]
      ] as const) {
        assert.isAbove(to(name).length, 10)
        assert.isTrue(to(name).every((seen) => seen.sealed === expected))
      }
      // What it has heard last is what counts.
      const from = lab.now
      yield* sealed.send(ping(9, 11), a)
      yield* pass(5)
      assert.deepStrictEqual(
        [...new Set(lab.sent((seen) => seen.from === "n1" && seen.to === "n9", from).map((seen) => seen.sealed))],
        [false]
      )
    })
  )

  scenario("answers each datagram in the form in which it came", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong
      const a = yield* lab.start(1, options("accept", []))
      const stranger = yield* lab.puppet(9)
      const message = { _tag: "Ping", ...sender(9), entries: [] } as const
      yield* stranger.send(message, a)
      yield* pass(10)
      yield* stranger.sendBytes(lab.rings[0]!.seal(bytesOf(message)), a)
      yield* pass(10)
      assert.deepStrictEqual(
        lab.sent(({ from, message }) => from === "n1" && message._tag === "Ack").map(({ sealed }) => sealed),
        [false, true]
      )
    })
  )

  for (const [mine, theirs] of [
    ["accept", "off"],
    ["accept", "accept"],
    ["accept", "required"],
    ["off", "accept"],
    ["required", "accept"]
  ] as const) {
    scenario(`reaches a peer at the first attempt: ${mine} joins ${theirs}`, () =>
      Effect.gen(function* () {
        const lab = yield* readAlong
        const a = yield* lab.start(1, options(theirs, []))
        const b = yield* lab.start(2, options(mine, [a.address]))
        yield* pass(10)
        yield* assertTogether([a, b], "at once")
        yield* pass(30_000)
        yield* assertTogether([a, b], "and for good")
        assert.deepStrictEqual(wronged([a, b], 0), [])
      })
    )
  }

  it.effect("heals with a dead member of either kind", () =>
    Effect.gen(function* () {
      for (const mode of ["off", "required"] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const lab = yield* readAlong
            const a = yield* lab.start(1, options("accept", []))
            const b = yield* lab.start(2, options(mode, [a.address]))
            yield* pass(3000)
            lab.network.separate(["n1"], ["n2"], true)
            yield* pass(30_000)
            lab.network.separate(["n1"], ["n2"], false)
            yield* pass(30_000)
            yield* assertTogether([a, b], mode)
          })
        )
      }
    })
  )

  for (const theirs of ["required", "accept", "off"] as const) {
    scenario(`joins ${Many} that are ${theirs}, most of which have never sent it a message, and suspects nobody`, () =>
      Effect.gen(function* () {
        const lab = yield* readAlong
        const nodes: Array<LabNode> = []
        const seed = nodes.slice(0, 1).map(({ address }) => address)
        for (let i = 1; i <= Many; i++)
          nodes.push(yield* lab.start(i, options(theirs, i === 1 ? seed : [addressOf(1)])))
        yield* pass(60_000)
        const from = lab.now
        nodes.push(yield* lab.start(Many + 1, options("accept", [addressOf(1)])))
        yield* pass(60_000)
        assert.deepStrictEqual(wronged(nodes, from), [])
        yield* assertTogether(nodes, "a minute later")
        // Direct probes of it succeed at once, without relays.
        for (const node of nodes) assert.strictEqual(parts(node).detector.counters.directTimeouts, 0)
        assert.deepStrictEqual(reported(nodes), [])
      })
    )
  }
})

describe("a cluster that requires sealing", () => {
  scenario("reports a former member that comes back in the clear after it was removed", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong
      const a = yield* lab.start(1, options("required", []))
      const b = yield* lab.start(2, options("required", [a.address]))
      yield* pass(3000)
      yield* lab.kill(b)
      const host = lab.network.host("n22", ["10.0.0.2"])
      const from = lab.now
      yield* lab.startAt("n22", host, { bind: b.address, nodeId: "2", peers: [a.address] })
      yield* pass(30_000)
      const happened = story(a, from).map(([, what]) => what.replace(/:.*: /, ": "))
      assert.deepStrictEqual(happened, [
        "Suspected 2: ProbeFailed",
        "Died 2: SuspicionExpired",
        "Unreadable Plaintext 2 at 10.0.0.2:7946",
        "Removed 2: RetentionExpired"
      ])
    })
  )
})
