/** All datagrams of a cluster are sent to it again, by an attacker that recorded them and has no key. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { NetAddress } from "effect/net"
import { isLong } from "../Campaign.ts"
import { keyOf, Lab, type LabNode, membersOf, parts, type Seen, story, pass, scenarioAt } from "../cluster/Lab.ts"

/** 2026-01-01 UTC, in ms since 1970: the incarnation after a restart comes from the wall clock. */
const Today = Date.UTC(2026, 0, 1)

const scenario = scenarioAt(Today)
const Kinds = ["Gossip", "Ping", "PingReq", "Ack", "Leave", "AntiEntropy"] as const
const Elsewhere = "10.66.0.1:666"

const addressOf = (name: string) => `10.0.0.${name.slice(1)}:7946`

/**
 * A small cluster whose datagrams are recorded: n3 was suspected and refuted, n4 left and returned, n5 died.
 * n1 to n4 live, and hold n5 listed as dead, or as a tombstone.
 */
const lively = Effect.fnUntraced(function* (sealed: boolean, buried: boolean) {
  const lab = yield* Lab.make()
  if (sealed) lab.rings.push(yield* Lab.ring([keyOf(1)]))
  const options = {
    ...(sealed ? { clusterKey: keyOf(1) } : {}),
    gossip: { healInterval: "1 hour" },
    probes: { deadRetention: buried ? "15 seconds" : "10 minutes" }
  } as const
  const start = (number: number) => lab.start(number, { ...options, peers: [addressOf("n1"), addressOf("n2")] })
  const nodes: Array<LabNode> = []
  for (let i = 1; i <= 5; i++) nodes.push(yield* start(i))
  yield* pass(12_000)
  const others = ["n1", "n2", "n4", "n5"]
  // Long enough to be suspected, and not to die.
  lab.network.separate(["n3"], others, true)
  yield* pass(4500)
  lab.network.separate(["n3"], others, false)
  yield* pass(5000)
  yield* lab.stop(nodes[3]!)
  yield* pass(4000)
  nodes[3] = yield* start(4)
  yield* pass(5000)
  const [dead] = nodes.splice(4, 1)
  yield* lab.kill(dead!)
  yield* pass(buried ? 45_000 : 20_000)
  return { lab, nodes, dead: dead!, recorded: lab.sent(({ fate }) => fate === "carried"), options }
})

/** What a node holds of everybody: status, incarnation and address. */
const viewOf = (node: LabNode) =>
  Effect.map(membersOf(node), (members) =>
    members
      .map(({ address, id, incarnation, status }) => `${id} ${status} ${incarnation} ${NetAddress.formatInet(address)}`)
      .sort()
  )

const viewsOf = (nodes: ReadonlyArray<LabNode>) => Effect.forEach(nodes, viewOf)

const tell = ({ at, message, to }: Seen) => `${message._tag} to ${to} at ${at}`

describe("the recording of the cluster", () => {
  scenario("contains every kind of message, a suspicion, a refutation, a leave, a return and a death", () =>
    Effect.gen(function* () {
      const { dead, lab, nodes, recorded } = yield* lively(false, false)
      assert.sameMembers([...new Set(recorded.map(({ message }) => message._tag))], [...Kinds])
      const happened = new Set(nodes.slice(0, 2).flatMap((node) => story(node).map(([, what]) => what.split(":")[0]!)))
      for (const what of ["Suspected 3", "Recovered 3", "Left 4", "Recovered 4", "Suspected 5", "Died 5"]) {
        assert.isTrue(happened.has(what), what)
      }
      for (const node of nodes) assert.strictEqual(yield* lab.status(node, dead), "dead")
    })
  )
})

for (const sealed of [false, true]) {
  for (const buried of [false, true]) {
    describe(`a recording that is ${sealed ? "sealed" : "in the clear"}, while the dead member is ${buried ? "a tombstone" : "listed"},`, () => {
      for (const from of ["where it came from", "elsewhere"] as const) {
        scenario(
          `changes no status, incarnation or address when it is sent again from ${from}, one datagram at a time`,
          () =>
            Effect.gen(function* () {
              const { lab, nodes, recorded } = yield* lively(sealed, buried)
              const before = yield* viewsOf(nodes)
              const start = lab.now
              for (const kind of Kinds) {
                const ofKind = recorded.filter(({ message }) => message._tag === kind)
                assert.isAbove(ofKind.length, 0, kind)
                // Of the many that are alike, every third or ninth; and all that are rare.
                const some = ofKind.length > 60 ? ofKind.filter((_, i) => i % (isLong ? 3 : 9) === 0) : ofKind
                for (const [i, seen] of some.entries()) {
                  // To whom it was sent, and to somebody else.
                  for (const node of nodes.filter(({ name }, n) => name === seen.to || n === i % nodes.length)) {
                    yield* lab.forge(seen.payload, from === "elsewhere" ? Elsewhere : addressOf(seen.from), node)
                  }
                  yield* pass(25)
                  assert.deepStrictEqual(yield* viewsOf(nodes), before, tell(seen))
                }
              }
              yield* pass(15_000)
              assert.deepStrictEqual(yield* viewsOf(nodes), before)
              for (const node of nodes) assert.deepStrictEqual(story(node, start), [], node.name)
            })
        )

        scenario(`changes nothing when all of it is sent in a few seconds from ${from}, the last datagram first`, () =>
          Effect.gen(function* () {
            const { lab, nodes, recorded } = yield* lively(sealed, buried)
            const before = yield* viewsOf(nodes)
            const start = lab.now
            for (const [i, seen] of recorded.toReversed().entries()) {
              yield* lab.forge(
                seen.payload,
                from === "elsewhere" ? `10.66.${i % 200}.1:666` : addressOf(seen.from),
                nodes[i % nodes.length]!
              )
              if (i % 10 === 9) yield* pass(50)
            }
            yield* pass(20_000)
            assert.deepStrictEqual(yield* viewsOf(nodes), before)
            for (const node of nodes) {
              assert.deepStrictEqual(story(node, start), [], node.name)
              const { GlobalLimit, SourceLimit } = parts(node).transport.counters.dropped
              assert.deepStrictEqual([GlobalLimit, SourceLimit], [0, 0])
            }
          })
        )
      }
    })
  }

  describe(`a LEAVE that was ${sealed ? "sealed" : "in the clear"}`, () => {
    scenario("has no effect after the member has returned, at any node and from any address", () =>
      Effect.gen(function* () {
        const { lab, nodes, recorded } = yield* lively(sealed, false)
        const leaves = recorded.filter(({ from, message }) => message._tag === "Leave" && from === "n4")
        assert.isAtLeast(leaves.length, 4)
        const start = lab.now
        for (const leave of leaves) {
          for (const node of nodes) {
            for (const source of [addressOf("n4"), Elsewhere]) {
              yield* lab.forge(leave.payload, source, node)
              yield* pass(100)
              assert.strictEqual(yield* lab.status(node, 4n), "alive")
            }
          }
        }
        for (const node of nodes) assert.deepStrictEqual(story(node, start), [])
      })
    )
  })

  describe(`a probe of a member that is dead, ${sealed ? "sealed" : "in the clear"}`, () => {
    /** Two nodes of three; the third was killed, and its ACKs are on record. */
    const bereaved = Effect.gen(function* () {
      const lab = yield* Lab.make()
      if (sealed) lab.rings.push(yield* Lab.ring([keyOf(1)]))
      const options = sealed ? { clusterKey: keyOf(1) } : {}
      const a = yield* lab.start(1, options)
      const b = yield* lab.start(2, { ...options, peers: [a.address] })
      const c = yield* lab.start(3, { ...options, peers: [a.address] })
      yield* pass(12_300)
      // Its last message is an ACK.
      const last = () => lab.sent(({ from }) => from === "n3").at(-1)!
      while (last().message._tag !== "Ack" || last().at < lab.now - 5) yield* pass(1)
      yield* pass(2)
      assert.strictEqual(last().message._tag, "Ack")
      yield* lab.kill(c)
      const acks = lab.sent(({ fate, from, message }) => from === "n3" && fate === "carried" && message._tag === "Ack")
      return { lab, a, b, c, acks, killed: lab.now }
    })

    /** Sends each of `acks` to a node again and again for `ms`, or until the member is suspected. */
    const insist = Effect.fnUntraced(function* (lab: Lab, to: LabNode, acks: ReadonlyArray<Seen>, ms: number) {
      const end = lab.now + ms
      for (let i = 0; lab.now < end && (yield* lab.status(to, 3n)) === "alive"; i++) {
        yield* lab.forge(acks[i % acks.length]!.payload, addressOf("n3"), to)
        yield* pass(25)
      }
    })

    scenario("does not succeed by an ACK that is older than its newest message to us", () =>
      Effect.gen(function* () {
        const { a, acks, killed, lab } = yield* bereaved
        const newest = (seen: ReadonlyArray<Seen>) => Math.max(...seen.map(({ message }) => message.heartbeat))
        const heard = newest(lab.sent(({ from, to }) => from === "n3" && to === "n1"))
        const old = acks.filter(({ message }) => message.heartbeat < heard)
        assert.isAtLeast(old.length, 5)
        yield* insist(lab, a, old, 20_000)
        assert.notStrictEqual(yield* lab.status(a, 3n), "alive")
        // Three members: suspected within two rounds of probes, as it is without any replay.
        assert.isBelow(lab.now - killed, 5000)
        yield* pass(10_000)
        assert.strictEqual(yield* lab.status(a, 3n), "dead")
      })
    )

    // A limit of version 1: an ACK does not tell which PING it answers.
    scenario("does not succeed by its newest ACK, however often that is sent", () =>
      Effect.gen(function* () {
        const { a, acks, b, lab } = yield* bereaved
        // Nobody else accuses it.
        lab.network.separate(["n1"], ["n2"], true)
        yield* lab.kill(b)
        yield* insist(lab, a, acks.slice(-1), 30_000)
        assert.notStrictEqual(yield* lab.status(a, 3n), "alive")
      })
    )

    scenario("that is suspected does not succeed by any ACK: the member is declared dead in time", () =>
      Effect.gen(function* () {
        const { a, acks, lab } = yield* bereaved
        while ((yield* lab.status(a, 3n)) === "alive") yield* pass(50)
        const suspected = lab.now
        while ((yield* lab.status(a, 3n)) === "suspect" && lab.now < suspected + 20_000) {
          yield* lab.forge(acks.at(-1)!.payload, addressOf("n3"), a)
          yield* pass(50)
        }
        assert.strictEqual(yield* lab.status(a, 3n), "dead")
        assert.isBelow(lab.now - suspected, 7000)
      })
    )
  })

  describe(`a node that forgot everything, in a cluster that is ${sealed ? "sealed" : "in the clear"}`, () => {
    scenario("lists a dead member as alive for a while, and no other node does", () =>
      Effect.gen(function* () {
        const { dead, lab, nodes, options, recorded } = yield* lively(sealed, true)
        const [a, b] = nodes
        yield* lab.stop(a!)
        yield* pass(3000)
        const back = yield* lab.start(1, { ...options, peers: [b!.address] })
        yield* pass(2000)
        const start = lab.now
        const alive = recorded.findLast(({ from, message }) => from === "n5" && message._tag === "Ping")!
        yield* lab.forge(alive.payload, addressOf("n5"), back)
        yield* pass(10)
        assert.strictEqual(yield* lab.status(back, dead), "alive")
        yield* pass(30_000)
        const happened = story(back, start).filter(([, what]) => !what.startsWith("Removed"))
        const what = happened.map(([, what]) => what)
        assert.strictEqual(what[0], "Joined 5: Heard")
        assert.match(what.at(-1)!, /^Died 5/)
        const [died] = happened.at(-1)!
        // The others have a tombstone of it and answer its first message with that: three PINGs, which it does not answer.
        assert.isBelow(died, 10_000)
        assert.notInclude(what.slice(1).join(), "Joined")
        for (const node of [b!, nodes[2]!, nodes[3]!]) assert.deepStrictEqual(story(node, start), [], node.name)
      })
    )

    scenario("does not take the former life of a member for the present one", () =>
      Effect.gen(function* () {
        const { lab, nodes, options, recorded } = yield* lively(sealed, true)
        const [a, b] = nodes
        const rest = nodes.slice(1)
        yield* lab.stop(a!)
        yield* pass(3000)
        const back = yield* lab.start(1, { ...options, peers: [b!.address] })
        yield* pass(5000)
        const before = yield* viewOf(back)
        const start = lab.now
        for (const seen of recorded.filter(({ from }) => from !== "n5" && from !== "n1")) {
          yield* lab.forge(seen.payload, addressOf(seen.from), back)
          yield* pass(25)
        }
        yield* pass(40_000)
        const about = story(back, start).filter(([, what]) => !/ 5\b/.test(what))
        assert.deepStrictEqual(about, [])
        const view = (yield* viewOf(back)).filter((line) => !line.startsWith("5 "))
        assert.deepStrictEqual(view, before)
        for (const node of rest) assert.strictEqual(yield* lab.status(node, back), "alive")
      })
    )

    scenario("like all others lists the dead member again once tombstones are gone, until it is detected", () =>
      Effect.gen(function* () {
        const { dead, lab, nodes, recorded } = yield* lively(sealed, true)
        // Ten times the 15 s for which the dead are listed.
        yield* pass(180_000)
        const alive = recorded.findLast(({ from, message }) => from === "n5" && message._tag === "Ping")!
        const start = lab.now
        for (const node of nodes) yield* lab.forge(alive.payload, addressOf("n5"), node)
        yield* pass(10)
        for (const node of nodes) assert.strictEqual(yield* lab.status(node, dead), "alive")
        yield* pass(30_000)
        for (const node of nodes) {
          // The others raise their incarnations, in case the one that is back holds them dead.
          const about = story(node, start).filter(([, what]) => !/^(Updated|Removed)/.test(what))
          assert.deepStrictEqual(
            about.map(([, what]) => what.split(":")[0]),
            ["Joined 5", "Suspected 5", "Died 5"],
            node.name
          )
          // Of five, probed within nine intervals; suspected for 3 s x (1 + 0.5 x log2 5) and up to 1 s of jitter.
          assert.isBelow(about.at(-1)![0], 9000 + 1000 + 3000 * (1 + 0.5 * Math.log2(5)) + 1000)
        }
        // It is remembered again, so the same words do not bring it back a second time.
        for (const node of nodes) yield* lab.forge(alive.payload, addressOf("n5"), node)
        yield* pass(1000)
        for (const node of nodes) assert.notStrictEqual(yield* lab.status(node, dead), "alive")
      })
    )
  })
}
