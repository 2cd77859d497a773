/** The monotonic clock as cores use it: milliseconds as a number, with fractions. */
import type { Clock } from "effect"

/** Milliseconds since an arbitrary origin, by the clock's monotonic reading. */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** A real timer may end this much early, in ms; what is due within it is due now. */
export const EarlyBy = 1
