/** What differs between `npm test` and the long campaign, `npm run test:long`. */
import { inject } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    /** Whether the long campaign runs. */
    readonly long: boolean
  }
}

/** Whether this is the long campaign. */
export const isLong = inject("long")

/** All items in the long campaign; in `npm test` every nth of them, from `first` on. */
export const everyNth = <A>(items: ReadonlyArray<A>, n: number, first = 0): ReadonlyArray<A> =>
  isLong ? items : items.filter((_, i) => i % n === first % n)
