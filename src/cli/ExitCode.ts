/**
 * The exit code of the program.
 */
import { Cause, Exit, Runtime } from "effect"

/** How the process was asked to end, as far as the exit code depends on it. */
export interface Ending {
  /** The number of the signal that interrupted the program, if one did. */
  readonly signal: number | undefined
  /** Whether the signal kept the program from finishing its work. */
  readonly isUnfinished: boolean
}

/** 0 if the program did what it was asked to, and ending by a signal is what a running node is asked to do. */
export const exitCode = <E, A>(exit: Exit.Exit<E, A>, { isUnfinished, signal }: Ending): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) {
    if (signal === undefined) return 130
    return isUnfinished ? 128 + signal : 0
  }
  return Runtime.getErrorExitCode(Cause.squash(exit.cause))
}
