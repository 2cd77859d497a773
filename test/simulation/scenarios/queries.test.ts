import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Result, Schema, Stream } from "effect"
import * as Queries from "../../../src/queries/Queries.ts"
import * as Query from "../../../src/queries/Query.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import { Seeds } from "./Seeds.ts"

const Double = Query.make("double", { payload: Schema.Int, success: Schema.Int, error: Schema.String })

const Doubling = Queries.handle(Double, (n) => (n < 0 ? Effect.fail("too small") : Effect.succeed(2 * n)))

type Asker = SimNode<never> | SimNode

const ask = (node: Asker, n: number, options?: Queries.AskOptions) =>
  Stream.runCollect(Context.get(node.context, Queries.Queries).ask(Double, n, options)).pipe(
    Effect.map((answers) =>
      [...answers]
        .map(({ answer, member }) => [Number(member.id), Result.getOrElse(answer, (error) => error)] as const)
        .toSorted(([a], [b]) => a - b)
    ),
    Effect.orDie
  )

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>, now: () => number) =>
  Effect.suspend(() => {
    const start = now()
    return Effect.map(effect, (value) => [value, now() - start] as const)
  })

describe("queries", () => {
  it.effect.each(Seeds)("end when all have answered, values and failures, those of the asker too (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.startWith(Doubling, 12)
        yield* simulation.untilConverged("20 seconds")
        const ids = nodes.map(({ id }) => Number(id))
        const [answers, took] = yield* timed(ask(nodes[4], 21, { timeout: "10 seconds" }), simulation.now)
        assert.deepStrictEqual(
          answers,
          ids.map((id) => [id, 42] as const)
        )
        assert.isBelow(took, 4000)
        assert.deepStrictEqual(
          yield* ask(nodes[0], -1),
          ids.map((id) => [id, "too small"] as const)
        )
        // Answers of members outside of the filter do not count.
        const few = { filter: ({ id }: { readonly id: bigint }) => id <= 3n, timeout: "10 seconds" } as const
        const [some, quicker] = yield* timed(ask(nodes[4], 1, few), simulation.now)
        assert.deepStrictEqual(
          some,
          [1, 2, 3].map((id) => [id, 2] as const)
        )
        assert.isBelow(quicker, 4000)
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("end at the timeout when somebody does not answer (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const answering = yield* simulation.startWith(Doubling, 4)
        const [silent] = yield* simulation.start(1)
        yield* simulation.startLevel0(2)
        yield* simulation.untilConverged("20 seconds")
        yield* Effect.sleep("10 seconds")
        const [answers, took] = yield* timed(ask(silent, 2, { timeout: "3 seconds" }), simulation.now)
        assert.deepStrictEqual(
          answers,
          answering.map(({ id }) => [Number(id), 4] as const)
        )
        // Nobody waits for those of level 0, nor for a node without a handler that asks.
        assert.isBelow(took, 3000)
        const [others, longer] = yield* timed(ask(answering[0], 2, { timeout: "3 seconds" }), simulation.now)
        assert.lengthOf(others, 4)
        assert.strictEqual(longer, 3000)
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("are answered once by each, though datagrams are lost and doubled (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        let runs = 0
        let answered = 0
        const counting = Queries.handle(Double, (n) => Effect.sync(() => (runs++, n)))
        const nodes = yield* simulation.startWith(counting, 10)
        yield* simulation.untilConverged("20 seconds")
        yield* Effect.sleep("20 seconds")
        for (let i = 1; i <= 10; i++) {
          const answers = yield* ask(nodes[i - 1]!, i, { timeout: "5 seconds" })
          assert.strictEqual(new Set(answers.map(([id]) => id)).size, answers.length)
          answered += answers.length
        }
        // Of a hundred answers one is expected to be lost twice, and then it is not sent again.
        assert.isAtLeast(answered, 92)
        assert.isAtMost(runs, 100)
        const resent = nodes.map(({ context }) => Context.get(context, Queries.Queries).sizes().resent)
        assert.isAbove(Math.max(...resent), 0)
      }),
      { seed, network: { loss: 0.1, duplicate: 0.1 } }
    )
  )

  it.effect("that every node answers tell its version and how long it runs", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(3)
        yield* simulation.untilConverged("20 seconds")
        yield* Effect.sleep("10 seconds")
        const answers = yield* Stream.runCollect(
          Context.get(nodes[0].context, Queries.Queries).ask(Query.Ping, undefined, { timeout: "5 seconds" })
        )
        assert.lengthOf(answers, 3)
        for (const { answer } of answers) {
          const { uptimeMs, version } = Result.getOrThrow(answer)
          assert.isAtLeast(uptimeMs, 10_000)
          assert.match(version, /^\d+\.\d+\.\d+/)
        }
      })
    )
  )
})
