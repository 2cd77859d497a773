/** Where the value of a series is read. */
import { type Family, labelValue } from "./Families.ts"

/** Gives the present value of a series, without effects and at next to no cost. */
export type Reading = () => number

/** The readings of one metric: a single one, or one for each value of its label. */
export type Source = Reading | Readonly<Record<string, Reading>>

/** A source for each metric of a table. */
export type Sources<F extends Readonly<Record<string, Family>>> = {
  readonly [K in keyof F]: F[K]["label"] extends string ? Readonly<Record<string, Reading>> : Reading
}

/** Readings of plain counters by name, with the names as values of a label. */
export const readingsOf = (counters: Readonly<Record<string, number>>): Readonly<Record<string, Reading>> =>
  Object.fromEntries(Object.keys(counters).map((name) => [labelValue(name), () => counters[name] ?? 0]))
