/**
 * Handlers of commands in modules of their own, which are loaded when their command runs, so that no command takes the
 * time to load what another one needs.
 */
import { Effect } from "effect"

/** A module with the handler of a command. */
export interface Module<Input, E, R> {
  readonly handle: (input: Input) => Effect.Effect<void, E, R>
}

/** The handler in a module that is loaded when it is called. */
export const make =
  <Input, E, R>(load: () => Promise<Module<Input, E, R>>) =>
  (input: Input): Effect.Effect<void, E, R> =>
    Effect.flatMap(Effect.orDie(Effect.tryPromise(load)), ({ handle }) => handle(input))
