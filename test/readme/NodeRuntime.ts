/** Stands for `NodeRuntime` of `@effect/platform-node` in a program of the README: it keeps the program, and does not run it. */
import type { Effect } from "effect"
import type { Dns } from "effect/net"
import type { Network } from "../../src/transport/Network.ts"

export const programs: Array<Effect.Effect<void, unknown, Dns.Dns | Network>> = []

export const NodeRuntime = {
  runMain: (program: Effect.Effect<void, unknown, Dns.Dns | Network>): void => {
    programs.push(program)
  }
}
