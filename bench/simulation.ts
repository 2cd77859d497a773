/**
 * Measures the speed of virtual time: wake-ups of bare fibers, and whole nodes.
 *
 * `node bench/simulation.ts` takes seconds. `--nodes N` runs one cluster of that size instead: it joins through one node
 * with 1 % loss, and 1 % of the nodes are killed half way. With `--idle` its nodes know each other from the beginning.
 */
import { parseArgs } from "node:util"
import { Clock, Effect, Scheduler } from "effect"
import * as Simulation from "../src/simulation/Simulation.ts"
import { Timeline } from "../src/simulation/time/Timeline.ts"
import { VirtualClock } from "../src/simulation/time/VirtualClock.ts"

const { values } = parseArgs({
  options: {
    nodes: { type: "string" },
    seconds: { type: "string", default: "60" },
    idle: { type: "boolean", default: false }
  }
})

/** Prints the wake-ups per second of fibers that only sleep. */
const bare = (sleepers: number, wakeUps: number): void => {
  const timeline = new Timeline()
  const clock = new VirtualClock(timeline)
  const loop = Effect.forever(Effect.sleep("10 millis"))
  const fork = Effect.runForkWith(
    Effect.runSync(
      Effect.provideService(
        Effect.provideService(Effect.context<never>(), Clock.Clock, clock),
        Scheduler.Scheduler,
        timeline.tasks
      )
    )
  )
  for (let i = 0; i < sleepers; i++) fork(loop)
  timeline.run(sleepers, () => false)
  const start = performance.now()
  timeline.run(wakeUps, () => false)
  const seconds = (performance.now() - start) / 1000
  console.log(`${sleepers} sleeping fibers: ${rate(wakeUps / seconds)} wake-ups a second`)
}

const rate = (perSecond: number): string => `${Math.round(perSecond / 1000)} 000`.replace(/^0 /, "")

const cluster = (nodes: number, seconds: number, idle: boolean) =>
  Effect.gen(function* () {
    const start = performance.now()
    const verbs = yield* Simulation.Simulation
    const { network, timeline } = verbs
    const report = (what: string): void => {
      const wall = (performance.now() - start) / 1000
      const cpu = process.cpuUsage()
      const memory = Math.round(process.memoryUsage().rss / 1e6)
      console.log(
        `${what.padEnd(34)} ${(verbs.now() / 1000).toFixed(2).padStart(6)} s virtual ${wall.toFixed(2).padStart(7)} s wall` +
          ` ${timeline.events} events, cpu ${((cpu.user + cpu.system) / 1e6).toFixed(1)}, ${network.counters.sent} datagrams, ${memory} MB`
      )
      return undefined
    }
    const started = yield* verbs.start(nodes, idle ? { config: { peers: [] } } : {})
    report(`${nodes} nodes started`)
    if (idle) yield* verbs.introduce(started)
    yield* verbs.untilConverged("2 minutes")
    report(idle ? "introduced" : "converged")
    if (!idle) {
      yield* Effect.sleep(Math.max(0, seconds * 500 - verbs.now()))
      for (const node of started.slice(1, 1 + Math.max(1, Math.round(nodes / 100)))) yield* verbs.kill(node)
    }
    const before = { events: timeline.events, at: performance.now() }
    yield* Effect.sleep(Math.max(0, seconds * 1000 - verbs.now()))
    const perSecond = (timeline.events - before.events) / ((performance.now() - before.at) / 1000)
    if (!idle) yield* verbs.untilConverged("1 minute")
    report(`${rate(perSecond)} events a second`)
  }).pipe((scenario) => Simulation.run(scenario, idle ? {} : { network: { loss: 0.01 } }))

if (values.nodes !== undefined) {
  await Effect.runPromise(cluster(Number(values.nodes), Number(values.seconds), values.idle))
} else {
  bare(1000, 1_000_000)
  bare(50_000, 1_000_000)
  await Effect.runPromise(cluster(100, 60, false))
  await Effect.runPromise(cluster(100, 60, true))
}
