/** How arrays grow that are indexed by slot, or hold slots. */

/** How many elements an array is given at least. */
const Least = 16

/** The length of an array that has to hold index `at`: an eighth more, so that little memory is unused in many tables. */
export const grownLength = (at: number): number => at + Math.max(Least, at >> 3)

/** Copies a typed array into the beginning of a longer one, which it returns. */
export const extended = <A extends { set(from: A): void }>(longer: A, from: A): A => {
  longer.set(from)
  return longer
}
