/**
 * The process that a command runs in, as far as commands need it. `src/node/main.ts` provides the real one.
 */
import { Context, type Effect, type Option, type Queue, type Scope } from "effect"
import type { LineWriter } from "./LineWriter.ts"

/**
 * The process that a command runs in. It ends a command by interrupting it, so that every scope closes; a second
 * signal ends the process at once.
 */
export class Host extends Context.Service<
  Host,
  {
    /** The environment variables. */
    readonly env: Readonly<Record<string, string | undefined>>
    /** The signal that asked the command to end, `SIGTERM` or `SIGINT`, if one did. */
    readonly signal: Effect.Effect<Option.Option<string>>
    /** From now on SIGHUP does not end the process but arrives here; several that wait are one. */
    readonly hangups: Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope>
    /** From now on a signal that ends the command sets the exit code, because the command's work is not done. */
    readonly unfinished: Effect.Effect<void>
    /**
     * From now on standard output is a log: lines that it does not take are dropped and counted. Otherwise an output
     * that fails ends the command.
     */
    readonly openLog: Effect.Effect<LineWriter>
    /** The command has started: what it needed for that is kept for the next start, even if this process is killed. */
    readonly started: Effect.Effect<void>
  }
>()("effect-gossip/cli/Host") {}
