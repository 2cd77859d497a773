import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Packet } from "../../../src/simulation/network/Packet.ts"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Kind } from "../../../src/wire/Header.ts"
import { chronicle, detection, Seeds, Spread } from "./support.ts"

const Size = 6

/** What a message in the clear is, by its second byte. */
const kindOf = ({ payload }: Packet): number => payload[1] ?? 0

/** What a node itself sends from now on, of some kinds. */
const tap = (simulation: Simulation.Simulation["Service"], node: AnyNode, kinds: ReadonlyArray<number>) => {
  const packets: Array<Packet> = []
  simulation.network.observe({
    sent: (packet) => {
      if (!packet.forged && packet.from === node.name && kinds.includes(kindOf(packet))) packets.push(packet)
    }
  })
  return packets
}

/** Says something again, from where it came from, to some nodes. */
const say = (
  simulation: Simulation.Simulation["Service"],
  { payload, source }: Packet,
  receivers: ReadonlyArray<AnyNode> = simulation.nodes
) =>
  Effect.forEach(receivers, (to) => simulation.replay(payload, { from: `${source.host}:${source.port}`, to }), {
    discard: true
  })

describe("a recorded goodbye", () => {
  for (const { all = false, behind = 0, words } of [
    { words: "" },
    { words: " with its clock an hour behind", behind: 3_600_000 },
    { words: " together with all others, so that nobody knows of its former life", all: true }
  ]) {
    it.effect.each(Seeds)(`removes nobody who was started again${words} (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find, wrongs } = chronicle(simulation)
          const [first, leaver, ...others] = yield* simulation.start(Size)
          yield* simulation.untilConverged("10 seconds")
          // Its heart has beaten more often than that of its next life will have.
          yield* Effect.sleep("1 minute")
          const goodbyes = tap(simulation, leaver, [Kind.Leave])
          yield* simulation.stop(leaver)
          assert.strictEqual(new Set(goodbyes.map(({ to }) => to)).size, Size - 1)
          yield* Effect.sleep("5 seconds")
          if (all) for (const node of [first, ...others]) yield* simulation.restart(node)
          yield* simulation.restart(leaver, { clockBehind: behind })
          yield* simulation.untilConverged(Spread)
          const back = simulation.now()
          for (let second = 0; second < 10; second++) {
            for (const goodbye of goodbyes) yield* say(simulation, goodbye)
            yield* Effect.sleep("1 second")
          }
          yield* simulation.untilConverged(0)
          assert.deepStrictEqual(find({ since: back }), [])
          assert.deepStrictEqual(wrongs(), [])
        }),
        { seed }
      )
    )
  }
})

describe("what a dead node said", () => {
  it.effect.each(Seeds)("does not bring it back, however often it is said again (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
        const [, victim] = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        const said = tap(simulation, victim, [Kind.Ping, Kind.Ack, Kind.Gossip])
        yield* Effect.sleep("20 seconds")
        assert.isAbove(said.length, 20)
        yield* simulation.kill(victim)
        const others = simulation.nodes.filter((node) => node !== victim)
        yield* simulation.untilEveryoneSees(victim, "dead", detection(Size))
        const died = simulation.now()
        // Longer than tombstones live (11 x `dead_retention`): what is refused keeps them.
        for (let second = 0; second < 240; second++) {
          for (const packet of said) {
            yield* say(
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

  /** A heart can pause for so long before what it said last counts for nothing. */
  const Stale = 10_000

  it.effect.each(Seeds)("delays its death by 10 s at most, though it answers all probes (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
        const [, victim] = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        const said = tap(simulation, victim, [Kind.Ping, Kind.Ack, Kind.Gossip])
        yield* Effect.sleep("20 seconds")
        // So that an answer is the newest word that anybody can have of it.
        yield* simulation.until(
          "its last word is an answer",
          () => said.slice(-1).every((packet) => kindOf(packet) === Kind.Ack),
          "10 seconds"
        )
        yield* simulation.kill(victim)
        // No more than nodes read before they take it for a flood.
        const answers = said.filter((packet) => kindOf(packet) === Kind.Ack).slice(-3)
        const others = simulation.nodes.filter((node) => node !== victim)
        // In order, and to all, whomever they were for; over and over, so that there is one for every probe.
        const mimic = Effect.gen(function* () {
          for (const answer of answers) yield* say(simulation, answer, others)
          yield* Effect.sleep("100 millis")
        })
        yield* Effect.forkChild(Effect.forever(mimic))
        yield* simulation.untilEveryoneSees(victim, "dead", Stale + detection(Size))
        for (const by of others) assert.strictEqual(find({ of: victim, kind: "Suspected", by }).length, 1)
      }),
      { seed }
    )
  )
})
