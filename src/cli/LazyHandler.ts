/**
 * Handlers of commands in modules of their own, which are loaded when a command runs, so that no command takes the time
 * to load what only another one needs.
 */
import { Effect } from "effect"

/** The handler that is loaded when it is called. */
export const make =
  <Input, E, R>(load: () => Promise<(input: Input) => Effect.Effect<void, E, R>>) =>
  (input: Input): Effect.Effect<void, E, R> =>
    Effect.flatMap(Effect.orDie(Effect.tryPromise(load)), (handle) => handle(input))

/** A handler of a command that asks a running node. */
export const client = <Input, E, R>(
  pick: (commands: typeof import("./ClientCommands.ts")) => (input: Input) => Effect.Effect<void, E, R>
): ((input: Input) => Effect.Effect<void, E, R>) => make(() => import("./ClientCommands.ts").then(pick))
