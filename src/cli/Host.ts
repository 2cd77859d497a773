/**
 * The process that a command runs in, as far as commands need it. `src/node/main.ts` provides the real one.
 */
import type { Effect, Option, Queue, Scope } from "effect"
import { Context } from "effect"

/**
 * The process that a command runs in. It ends a command by interrupting it, so that every scope closes; a second
 * signal ends the process at once.
 */
export class Host extends Context.Service<
  Host,
  {
    /** The environment variables. */
    readonly env: Readonly<Record<string, string | undefined>>
    /** The signal that asked the command to end, `SIGTERM` or `SIGINT`, if one has. */
    readonly signal: Effect.Effect<Option.Option<string>>
    /** From now on, SIGHUP does not end the process but arrives here; several that wait are one. */
    readonly hangups: Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope>
    /** From now on the exit code tells of a signal that ends the command: its work is then unfinished, not over. */
    readonly unfinished: Effect.Effect<void>
  }
>()("effect-gossip/cli/Host") {}
