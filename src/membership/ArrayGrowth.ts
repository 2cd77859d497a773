/** How arrays grow that are indexed by slot, or hold slots. */

/** How many elements an array is given at least: memory outside the heap costs some microseconds, however little it is. */
const Least = 32

/** The length of an array that has to hold index `at`. The longer it is, the less may be unused. */
export const grownLength = (at: number): number =>
  at + Math.max(Least, at <= 128 ? at : at <= 512 ? at >> 1 : at <= 2048 ? at >> 2 : at >> 3)

/** Copies a typed array into the beginning of a longer one, which it returns. */
export const extended = <A extends { set(from: A): void }>(longer: A, from: A): A => {
  longer.set(from)
  return longer
}
