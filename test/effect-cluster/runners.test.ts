/** A runner of `effect/cluster` that is killed, in real processes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { takeOver } from "./Runners.ts"

describe("runners whose health is known by gossip", () => {
  it.live(
    "answer for the entities of one that is killed, once its locks have expired",
    () =>
      Effect.gen(function* () {
        const { entities } = yield* takeOver("gossip", 4)
        assert.isAbove(entities, 0)
      }),
    600_000
  )
})
