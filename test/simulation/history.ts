/**
 * A history of twenty nodes with everything that could differ between runs, and its hash. As a program it prints the hash:
 * `node history.ts <seed> [unrelated]`.
 */
import { fileURLToPath } from "node:url"
import { Effect, Random } from "effect"
import * as Simulation from "../../src/simulation/Simulation.ts"
import { TraceHash } from "../../src/simulation/report/Trace.ts"

/** Another simulation, so that state that is shared between simulations would differ. */
export const unrelated = Simulation.run(
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    yield* simulation.start(3)
    yield* simulation.untilConverged("10 seconds")
  }),
  { seed: "unrelated" }
)

/** The hash of all datagrams and view changes. `pause` runs now and then, in real time. */
export const history = (seed: number, pause: Effect.Effect<void> = Effect.void) =>
  Simulation.run(
    Effect.gen(function* () {
      const simulation = yield* Simulation.Simulation
      const { network, timeline } = simulation
      const hash = new TraceHash()
      network.observe({
        sent: ({ from, payload, to }) => {
          hash.number(timeline.now)
          hash.text(from)
          hash.text(to)
          hash.bytes(payload)
        },
        dropped: ({ number }, reason) => {
          hash.number(number)
          hash.text(reason)
        },
        delivered: ({ number }) => {
          hash.number(timeline.now)
          hash.number(number)
        }
      })
      simulation.observe({
        started: (node) =>
          node.onViewChange((id, known, { cause, incarnation }) => {
            hash.number(timeline.now)
            hash.text(`${node.name} ${id} ${known} ${incarnation} ${cause}`)
          })
      })

      const nodes = yield* simulation.start(20)
      yield* simulation.untilConverged("30 seconds")
      yield* simulation.inRealTime(pause)
      yield* simulation.skew(nodes[3], 1.03)
      yield* simulation.slow(nodes[4], "30 millis")
      yield* simulation.kill(nodes[5])
      yield* simulation.untilEveryoneSees(nodes[5], ["dead", "unknown"], "60 seconds")
      yield* simulation.inRealTime(pause)
      yield* simulation.partition(nodes.slice(0, 7), nodes.slice(7))
      yield* Effect.sleep(Math.floor((yield* Random.next) * 10_000))
      yield* simulation.inRealTime(pause)
      yield* simulation.heal
      yield* simulation.restart(nodes[5])
      yield* Effect.forkChild(simulation.stop(nodes[6]))
      yield* Effect.sleep("8 seconds")
      hash.number(timeline.events)
      hash.number(timeline.now)
      return hash.digest
    }),
    { seed, network: { loss: 0.03, jitter: 5, duplicate: 0.01 } }
  )

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [seed, first] = process.argv.slice(2)
  if (first === "unrelated") await Effect.runPromise(unrelated)
  console.log(await Effect.runPromise(history(Number(seed))))
}
