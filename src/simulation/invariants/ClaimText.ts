/** Claims in the messages of invariants. */
import { Alive, Dead, Suspect } from "../../domain/Claim.ts"

const statusNames: Readonly<Record<number, string>> = { [Alive]: "alive", [Suspect]: "suspect", [Dead]: "dead" }

export const statusText = (status: number): string => statusNames[status] ?? String(status)

export const claimText = (incarnation: number, status: number): string => `${statusText(status)} ${incarnation}`
