/** The seeds of scenarios: few in `npm test`, and others in the long campaign. */
import { isLong } from "../../Campaign.ts"

/** Seeds of cheap scenarios. */
export const Seeds: ReadonlyArray<number> = isLong ? [2, 3, 4, 5] : [1]

/** Seeds of expensive scenarios. */
export const FewSeeds: ReadonlyArray<number> = isLong ? [2, 3] : [1]
