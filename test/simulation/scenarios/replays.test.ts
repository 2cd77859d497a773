import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Packet } from "../../../src/simulation/network/Packet.ts"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Kind, SectionedKind } from "../../../src/wire/Header.ts"
import { Seeds } from "./Seeds.ts"
import { Spread, detection } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const Size = 6

/** The kind of a message in the clear. */
const kindOf = ({ payload }: Packet): number => (payload[1] ?? 0) & ~SectionedKind

/** Records what a node sends from now on, of some kinds. */
const recordSent = (simulation: Simulation.Simulation["Service"], node: AnyNode, kinds: ReadonlyArray<number>) => {
  const packets: Array<Packet> = []
  simulation.network.observe({
    sent: (packet) => {
      if (!packet.forged && packet.from === node.name && kinds.includes(kindOf(packet))) packets.push(packet)
    }
  })
  return packets
}

/** Sends a recorded packet again to some nodes, with its source address. */
const resend = (
  simulation: Simulation.Simulation["Service"],
  { payload, source }: Packet,
  receivers: ReadonlyArray<AnyNode> = simulation.nodes
) =>
  Effect.forEach(receivers, (to) => simulation.replay(payload, { from: `${source.host}:${source.port}`, to }), {
    discard: true
  })

describe("a recorded LEAVE", () => {
  for (const { all = false, behind = 0, words } of [
    { words: "" },
    { words: " with its clock an hour behind", behind: 3_600_000 },
    { words: " together with all others, so that no node knows its former life", all: true }
  ]) {
    it.effect.each(Seeds)(`does not remove a node that was restarted${words} (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find, falseDeaths } = recordViews(simulation)
          const [first, leaver, ...others] = yield* simulation.start(Size)
          yield* simulation.untilConverged("10 seconds")
          // Its heartbeat is then higher than in its next life.
          yield* Effect.sleep("1 minute")
          const leaves = recordSent(simulation, leaver, [Kind.Leave])
          yield* simulation.stop(leaver)
          assert.strictEqual(new Set(leaves.map(({ to }) => to)).size, Size - 1)
          yield* Effect.sleep("5 seconds")
          if (all) for (const node of [first, ...others]) yield* simulation.restart(node)
          yield* simulation.restart(leaver, { clockBehind: behind })
          yield* simulation.untilConverged(Spread)
          const back = simulation.now()
          for (let second = 0; second < 10; second++) {
            for (const leave of leaves) yield* resend(simulation, leave)
            yield* Effect.sleep("1 second")
          }
          yield* simulation.untilConverged(0)
          assert.deepStrictEqual(find({ since: back }), [])
          assert.deepStrictEqual(falseDeaths(), [])
        }),
        { seed }
      )
    )
  }
})

describe("recorded messages of a dead node", () => {
  it.effect.each(Seeds)("do not bring it back, however often they are replayed (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
        const [, victim] = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        const sent = recordSent(simulation, victim, [Kind.Ping, Kind.Ack, Kind.Gossip])
        yield* Effect.sleep("20 seconds")
        assert.isAbove(sent.length, 20)
        yield* simulation.kill(victim)
        const others = simulation.nodes.filter((node) => node !== victim)
        yield* simulation.untilEveryoneSees(victim, "dead", detection(Size))
        const died = simulation.now()
        // Longer than the lifetime of tombstones (11 x `dead_retention`): each refused claim renews them.
        for (let second = 0; second < 240; second++) {
          for (const packet of sent) {
            yield* resend(
              simulation,
              packet,
              others.filter(({ name }) => name === packet.to)
            )
          }
          yield* Effect.sleep("1 second")
        }
        assert.deepStrictEqual(find({ of: victim, since: died }), [])
        yield* simulation.untilConverged(0)
      }),
      { seed }
    )
  )

  /** How long after its last message a replayed ACK can still clear a probe. */
  const Stale = 10_000

  it.effect.each(Seeds)("delay its death by at most 10 s, although they answer all probes (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
        const [, victim] = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        const sent = recordSent(simulation, victim, [Kind.Ping, Kind.Ack, Kind.Gossip])
        yield* Effect.sleep("20 seconds")
        // An ACK must be the newest message that any node has of it.
        yield* simulation.until(
          "its last message is an ACK",
          () => sent.slice(-1).every((packet) => kindOf(packet) === Kind.Ack),
          "10 seconds"
        )
        yield* simulation.kill(victim)
        // No more than the rate limit lets in.
        const answers = sent.filter((packet) => kindOf(packet) === Kind.Ack).slice(-3)
        const others = simulation.nodes.filter((node) => node !== victim)
        // In order, to all nodes, and repeatedly, so that there is one for every probe.
        const replay = Effect.gen(function* () {
          for (const answer of answers) yield* resend(simulation, answer, others)
          yield* Effect.sleep("100 millis")
        })
        yield* Effect.forkChild(Effect.forever(replay))
        yield* simulation.untilEveryoneSees(victim, "dead", Stale + detection(Size))
        for (const by of others) assert.strictEqual(find({ of: victim, kind: "Suspected", by }).length, 1)
      }),
      { seed }
    )
  )
})
