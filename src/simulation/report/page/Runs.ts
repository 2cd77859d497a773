/** Run-length encodings of values that rarely change between samples. The page's script decodes them: see `Script.ts`. */

const runs = <A>(values: Iterable<A>): ReadonlyArray<readonly [value: A, count: number]> => {
  const found: Array<[A, number]> = []
  for (const value of values) {
    const last = found.at(-1)
    if (last !== undefined && last[0] === value) last[1]++
    else found.push([value, 1])
  }
  return found
}

/** Each letter with the length of its run, if that is above 1: `aaaasd` is `a4sd`. */
export const letters = (text: string): string =>
  runs(text)
    .map(([letter, count]) => (count === 1 ? letter : letter + count))
    .join("")

/** Differences of whole numbers, from 0 on, with the lengths of their runs: 5, 5, 5, 4 is `+5x3-1`. */
export const steps = (values: ReadonlyArray<number>): string => {
  let before = 0
  return runs(values)
    .map(([value, count]) => {
      const step = value - before
      before = value
      return (step < 0 ? "" : "+") + step + (count === 1 ? "" : `x${count}`)
    })
    .join("")
}
