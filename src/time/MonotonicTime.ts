/** The monotonic clock as the cores use it: milliseconds as a number, with fractions. */
import type { Clock } from "effect"

/** Milliseconds since an arbitrary origin, by the clock's monotonic reading. */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** A timer of the operating system may end this much early, in ms; whatever is due within this time is due now. */
export const EarlyBy = 1

/**
 * The deadline that follows `deadline` in periodic work, where `now` is when the work of `deadline` was done.
 *
 * Deadlines keep their places: they follow from each other and not from the time at which the work was done, so they do
 * not drift. After a delay of more than a period the next deadline is a period from now, and the periods that were missed
 * are not made up for. All in ms.
 */
export const nextDeadline = (deadline: number, now: number, period: number): number =>
  (now - deadline > period ? now : deadline) + period
