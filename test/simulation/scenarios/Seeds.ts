/** What differs between `npm test` and the campaign `npm run test:long`: the seeds and the sizes of scenarios. */
import { inject } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    /** Whether the long campaigns run. */
    readonly long: boolean
  }
}

/** Whether this is the campaign. */
export const isLong = inject("long")

/** Seeds of cheap scenarios. */
export const Seeds: ReadonlyArray<number> = isLong ? [2, 3, 4, 5] : [1]

/** Seeds of expensive scenarios. */
export const FewSeeds: ReadonlyArray<number> = isLong ? [2, 3] : [1]

/** The timeout of tests that need several seconds of a processor, for a busy machine, in ms. */
export const LongTimeout = 120_000
