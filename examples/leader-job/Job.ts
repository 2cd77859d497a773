// A job that one member of the cluster runs, and no member of a smaller part of a split cluster.
import { Effect, Layer, Schedule } from "effect"
import { Leader, Quorum } from "effect-gossip"

export const layer = <R>(job: Effect.Effect<void, never, R>) =>
  Leader.layerWhileLeading(Effect.repeat(job, Schedule.spaced("1 minute"))).pipe(
    Layer.provide(Leader.layerQuorum()),
    Layer.provide(Quorum.layer({ strategy: Quorum.keepMajority }))
  )
