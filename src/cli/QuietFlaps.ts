/**
 * Members that flap: they are suspected and refute, again and again. One line says so and why, in the place of two lines
 * for each time.
 */
import { NetAddress } from "effect/net"
import type { Change } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { setNewest } from "../domain/OldestKey.ts"
import { memberText } from "./ChangeLine.ts"

/** Suspicions within `Window` from which on a member flaps. */
export const Suspicions = 4
/** In ms. A member that is not suspected for this long does not flap any more. */
export const Window = 60_000
/** The most members that are watched. */
const MaxMembers = 1024

interface Watched {
  readonly suspectedAt: Array<number>
  flaps: boolean
  /** Its death was logged, so its return is too. */
  dead: boolean
}

/** What becomes of the line for a change: it is logged, left out, or another stands in its place. */
export type Verdict = "Log" | "LeaveOut" | { readonly instead: string }

export class QuietFlaps {
  readonly #watched = new Map<NodeId, Watched>()

  /** Takes every change. Times are in ms. */
  judge(change: Change, now: number): Verdict {
    switch (change._tag) {
      case "Suspected": {
        const { id } = change.member
        const watched = this.#watched.get(id) ?? { suspectedAt: [], flaps: false, dead: false }
        setNewest(this.#watched, id, watched, MaxMembers)
        const { suspectedAt } = watched
        if (now - (suspectedAt.at(-1) ?? -Infinity) > Window) watched.flaps = false
        suspectedAt.push(now)
        if (suspectedAt.length > Suspicions) suspectedAt.shift()
        if (watched.flaps) return "LeaveOut"
        if (suspectedAt.length < Suspicions || now - suspectedAt[0]! > Window) return "Log"
        watched.flaps = true
        return {
          instead:
            `flaps   ${memberText(change.member)}: suspected ${Suspicions} times within a minute, and it refutes each ` +
            `time: it is alive, but does not answer in time at ${NetAddress.formatInet(change.member.address)}; check ` +
            "that it advertises the address where it is, that UDP gets through to it, and its load; no more lines " +
            "about this until it rests for a minute"
        }
      }
      case "Recovered": {
        const watched = this.#watched.get(change.member.id)
        if (watched === undefined || !watched.flaps || watched.dead) {
          if (watched !== undefined) watched.dead = false
          return "Log"
        }
        return "LeaveOut"
      }
      case "Died": {
        const watched = this.#watched.get(change.member.id)
        if (watched !== undefined) watched.dead = true
        return "Log"
      }
      case "Left":
      case "Removed":
        this.#watched.delete(change.member.id)
        return "Log"
      default:
        return "Log"
    }
  }
}
