import { assert, describe } from "@effect/vitest"
import { Context, Effect, Fiber } from "effect"
import { Cluster } from "../../src/cluster/Cluster.ts"
import { claim, countsOf, Lab, type LabNode, parts, sender, pass, scenario } from "./Lab.ts"

const everyNode = Effect.gen(function* () {
  const lab = yield* Lab.make()
  const a = yield* lab.start(1)
  yield* lab.start(2, { peers: [a.address] })
  const watched = yield* lab.start(3, { peers: [a.address, "10.0.0.77:7946"] })
  yield* pass(5100)
  assert.strictEqual((yield* countsOf(watched)).alive, 3)
  return { lab, a, watched }
})

/** No fiber of the node is left, so none can begin to sleep again. */
const assertEnded = ({ node }: LabNode) => assert.deepStrictEqual([node.clock.sleeping, node.fibers], [0, 0])

describe("closing", () => {
  scenario("leaves no sleeping fiber, no tick and no datagram", () =>
    Effect.gen(function* () {
      const { lab, watched } = yield* everyNode
      assert.isAbove(watched.node.clock.sleeping, 0)
      const heartbeat = () => parts(watched).view.table.heartbeat(0)
      const stopping = yield* lab.stop(watched)
      yield* pass(2)
      yield* Fiber.join(stopping)
      const closed = { at: lab.now, heartbeat: heartbeat() }
      assertEnded(watched)
      yield* pass("20 minutes")
      assert.strictEqual(heartbeat(), closed.heartbeat)
      assertEnded(watched)
      assert.deepStrictEqual(
        lab.sent(({ at, from }) => from === "n3" && at >= closed.at),
        []
      )
      // Another node can use its port.
      const host = lab.network.host("n3", ["10.0.0.3"])
      yield* lab.startAt("n3", host, { bind: "10.0.0.3:7946", nodeId: "33" })
    })
  )

  scenario("ends suspicions, death checks, relayed probes, and a LEAVE that nobody acknowledges", () =>
    Effect.gen(function* () {
      const { a, lab, watched } = yield* everyNode
      const teller = yield* lab.puppet(99)
      const tell = (status: "Alive" | "Suspect" | "Dead", id: number) =>
        teller.send({ _tag: "Gossip", ...sender(a.id), entries: [claim(status, id, `10.1.0.${id}:1`, 0, 1)] }, watched)
      for (const id of [50, 51, 52]) yield* tell("Alive", id)
      yield* tell("Suspect", 50)
      yield* pass(1)
      yield* tell("Dead", 51)
      const target = claim("Alive", 52, "10.1.0.52:1")
      yield* teller.send(
        { _tag: "PingReq", ...sender(a.id, 0, 1000), targetId: target.nodeId, targetAddress: target.address },
        watched
      )
      yield* pass(1)
      const { detector } = parts(watched)
      assert.deepStrictEqual([detector.suspicions(), detector.checks.size, detector.relays.size], [1, 1, 1])
      const stopping = yield* lab.stop(watched)
      yield* pass(2000)
      yield* Fiber.join(stopping)
      assertEnded(watched)
      yield* pass("2 minutes")
      assertEnded(watched)
    })
  )

  scenario("after `leave` sends no second LEAVE", () =>
    Effect.gen(function* () {
      const { lab, watched } = yield* everyNode
      const from = lab.now
      const { leave } = Context.get(watched.context, Cluster)
      const leaving = yield* Effect.forkChild(Effect.all([leave, leave], { concurrency: 2 }), {
        startImmediately: true
      })
      yield* pass(2)
      yield* Fiber.join(leaving)
      const left = lab.now
      const stopping = yield* lab.stop(watched)
      yield* Fiber.join(stopping)
      assert.strictEqual(lab.now, left)
      assertEnded(watched)
      assert.strictEqual(lab.sent(({ message }) => message._tag === "Leave", from).length, 2)
    })
  )
})
