import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Queue, Stream } from "effect"
import * as Quorum from "../../src/coordination/Quorum.ts"
import type { Member } from "../../src/domain/Member.ts"
import type { Snapshot } from "../../src/domain/Snapshot.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import { member } from "./Members.ts"

describe("the state of a quorum", () => {
  it.effect.each<[what: string, change: Partial<Member>]>([
    ["when a member started", { startedAt: DateTime.makeUnsafe(7) }],
    ["what tags a member has", { tags: { zone: "a" } }]
  ])("is published anew when it becomes known %s", ([, change]) =>
    Simulation.run(
      Effect.gen(function* () {
        const { start } = yield* Simulation.Simulation
        const [node] = yield* start(1)
        const before = [member(1), member(2), member(3)]
        const views = yield* Queue.unbounded<Snapshot>()
        const seen = Layer.mock(Membership, { members: Effect.succeed(before), views: () => Stream.fromQueue(views) })
        const options = { strategy: Quorum.keepMajority, stableAfter: "1 second" } as const
        const quorum = yield* node.run(Effect.provide(Quorum.make(options), seen))
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(yield* quorum.state, { _tag: "Active", members: before })

        const after = [member(1), member(2), { ...member(3), ...change }]
        yield* Queue.offer(views, { _tag: "Snapshot", sequence: 0, at: DateTime.makeUnsafe(0), members: after })
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(yield* quorum.state, { _tag: "Active", members: after })
      }).pipe(Effect.scoped)
    )
  )
})
