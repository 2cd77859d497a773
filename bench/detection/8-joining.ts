/**
 * Members that join at once through one peer: the time until all agree, datagrams,
 * false suspicions, and how many cluster sizes a subscriber of `Membership.views`
 * sees on the way.
 *
 *     node bench/detection/8-joining.ts --seeds 3 --sizes 1,100,1000,2000
 */
import { Context, Effect, Stream } from "effect"
import { Membership } from "../../src/membership/Membership.ts"
import { linesOf } from "./Modes.ts"
import * as Plot from "./Plot.ts"
import { options, run, watchFalseVerdicts } from "./Runs.ts"
import { median, seconds, short, table } from "./Statistics.ts"

const { modes, seeds, sizes } = options({ seeds: 3, sizes: "1,100,1000" })
const rows: Array<ReadonlyArray<string>> = []
const lines = linesOf(modes)
for (const joining of sizes) {
  for (const { mode, points } of lines) {
    const found = []
    for (const seed of seeds) {
      found.push(
        await run({ mode, nodes: 1, seed, joining: true }, ({ nodes: [first], verbs }) =>
          Effect.gen(function* () {
            yield* Effect.sleep(1000)
            const sizesSeen = new Set<number>()
            if (first !== undefined) {
              yield* Context.get(first.context, Membership)
                .views()
                .pipe(
                  Stream.runForEach(({ members }) => Effect.sync(() => sizesSeen.add(members.length))),
                  Effect.forkScoped({ startImmediately: true })
                )
            }
            const start = verbs.now()
            const before = verbs.network.counters.sent
            const joiners = yield* verbs.start(joining, { config: mode.config })
            const verdicts = watchFalseVerdicts([...joiners, ...(first === undefined ? [] : [first])], () => true)
            yield* verbs.untilConverged("5 minutes")
            return {
              took: verbs.now() - start,
              datagrams: verbs.network.counters.sent - before,
              suspicions: verdicts.suspicions,
              sizes: sizesSeen.size
            }
          }).pipe(Effect.scoped)
        )
      )
    }
    points.push([joining, median(found.map(({ took }) => took))])
    rows.push([
      String(joining),
      mode.name,
      seconds(median(found.map(({ took }) => took))),
      String(median(found.map(({ datagrams }) => datagrams))),
      short(median(found.map(({ suspicions }) => suspicions))),
      String(median(found.map(({ sizes }) => sizes)))
    ])
  }
}
console.log(table(["joining", "rules", "one view (s)", "datagrams", "false suspicions", "sizes seen"], rows))
Plot.write("8-joining", {
  title: "Time until all agree",
  x: "members that join",
  y: "ms",
  logX: true,
  logY: true,
  lines
})
