/**
 * "Did you mean ...?" for names that are not known.
 */

/** A spelling of a known name, and the name to suggest for it. */
export type Alias = readonly [spelling: string, suggest: string]

// Case, separators and the unit at the end are what people leave out or add; none of it counts as a mistake.
const normalize = (name: string): string =>
  name
    .toLowerCase()
    .replace(/_ms$/, "")
    .replace(/[^a-z0-9.]/g, "")

/** The number of letters to insert, delete or replace to make one text of the other (Levenshtein). */
export const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/**
 * The suggestion of the spelling nearest to `name`, or `undefined` when none is near: at most one letter in three may
 * differ, and no known name is near a longer one than 64. Of spellings equally near the first counts.
 */
export const nearest = (name: string, aliases: ReadonlyArray<Alias>): string | undefined => {
  if (name.length > 64) return undefined
  const wanted = normalize(name)
  let best: string | undefined
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const [spelling, suggest] of aliases) {
    const far = distance(wanted, normalize(spelling))
    if (far < least) {
      least = far
      best = suggest
    }
  }
  return best
}

/** The end of a sentence about an unknown name: the nearest known one, or `otherwise`. */
export const suggestion = (name: string, aliases: ReadonlyArray<Alias>, otherwise = ""): string => {
  const found = nearest(name, aliases)
  return found === undefined ? otherwise : `; did you mean ${found}?`
}
