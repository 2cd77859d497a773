/**
 * Looks for proof that the process of a member is gone (docs/PROTOCOL.md, 3.5): its
 * PING is sent once more from a connected socket, which learns of a refusal by the
 * host, as an unconnected socket never does.
 */
import { Duration, Effect, FiberSet, type Scope } from "effect"
import { LocalView } from "../membership/LocalView.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { Evidence } from "./Accusers.ts"

/** The most looks at once. Beyond, a look finds nothing. */
const MaxLooks = 32
/** Within these bounds a look waits twice the expected round trip, in ms. */
const ShortestLook = 50
const LongestLook = 250

/** What the header of an ACK says about its sender. */
export interface AckNumbers {
  readonly incarnation: number
  readonly heartbeat: number
}

/** What a look found: evidence, or an ACK of the member itself. */
export interface Look {
  readonly evidence: number
  readonly answer: AckNumbers | undefined
}

const nothing: Look = { evidence: Evidence.Silent, answer: undefined }

/** What `make` is given. Times in ms. */
export interface PortProofOptions {
  /** Whether anything is looked for. */
  readonly enabled: boolean
  /** The time within which a member's answer is expected. */
  readonly expected: (slot: number) => number
}

/** Looks for proof. */
export interface PortProofs {
  /** How long a look at a member takes at most, in ms; 0 where nothing is looked for. */
  readonly duration: (target: number) => number
  /**
   * Sends the PING of a probe to a member once more. `found` gets the result: at once where nothing is looked for, else
   * within a quarter of a second.
   */
  readonly look: (target: number, sequence: number, found: (look: Look) => void) => void
}

/** Makes what looks for proof, until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  enabled,
  expected
}: PortProofOptions): Effect.fn.Return<PortProofs, never, LocalView | Outbox | Scope.Scope> {
  const { table } = yield* LocalView
  const { packer, probePort, speaksLevel1 } = yield* Outbox
  const looks = yield* FiberSet.make()
  const run = yield* FiberSet.runtime(looks)<never>()
  let running = 0
  const duration = (target: number): number =>
    enabled ? Math.min(LongestLook, Math.max(ShortestLook, 2 * expected(target))) : 0

  const look = (target: number, sequence: number): Effect.Effect<Look> => {
    const sectioned = speaksLevel1(target)
    const [idHi, idLo] = [table.idHi(target), table.idLo(target)]
    const message = sectioned ? packer.probe(target, false, sequence, false) : packer.contact()
    return Effect.map(probePort(target, message, Duration.millis(duration(target))), (reply): Look => {
      switch (reply._tag) {
        case "Silent":
          return nothing
        case "Refused":
          return { evidence: Evidence.Refused, answer: undefined }
        case "Replied": {
          // Without the sequence anybody could have sent it.
          if (sectioned && reply.sequence !== sequence) return nothing
          const same = reply.senderHi === idHi && reply.senderLo === idLo
          return same
            ? { evidence: Evidence.Silent, answer: reply }
            : { evidence: Evidence.Replaced, answer: undefined }
        }
      }
    })
  }

  return {
    duration,
    look: (target, sequence, found) => {
      // A stranger gets no second PING: the address may be that of somebody else.
      if (!enabled || running >= MaxLooks || table.isStranger(target)) return found(nothing)
      running++
      run(look(target, sequence).pipe(Effect.map(found), Effect.ensuring(Effect.sync(() => running--))))
    }
  }
})
