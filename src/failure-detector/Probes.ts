/** The probes in flight. Several can be, each with deadlines of its own. */
import { DeadlineQueue } from "../time/DeadlineQueue.ts"
import { Probe, type ProbeOptions } from "./Probe.ts"

/** What is done for a probe whose ACK has not come. */
export interface ProbeSteps {
  /** The direct ACK is late: relays are to be asked and noted in `probe.relays`. The probe goes on. */
  readonly askRelays: (probe: Probe, now: number) => void
  /** No ACK came in time. The probe has ended. */
  readonly fail: (probe: Probe, now: number) => void
}

export class Probes {
  /** By a number of their own, oldest first. */
  readonly #inFlight = new Map<number, Probe>()
  readonly #deadlines = new DeadlineQueue()
  #lastNumber = 0
  #witnesses = 0

  get size(): number {
    return this.#inFlight.size
  }

  /** How many of them give second opinions. */
  get witnesses(): number {
    return this.#witnesses
  }

  /** When the next step of any probe is due, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** Starts a probe whose PING is being sent. */
  start(options: ProbeOptions): Probe {
    const probe = new Probe(options)
    const number = ++this.#lastNumber
    this.#inFlight.set(number, probe)
    this.#deadlines.set(number, probe.deadline)
    if (probe.witness) this.#witnesses++
    return probe
  }

  /** Does every step that is due. */
  due(now: number, steps: ProbeSteps): void {
    for (let number = this.#deadlines.popDue(now); number >= 0; number = this.#deadlines.popDue(now)) {
      const probe = this.#inFlight.get(number)!
      if (probe.step === "AskRelays") {
        probe.waitForRelays()
        this.#deadlines.set(number, probe.deadline)
        steps.askRelays(probe, now)
      } else {
        this.#end(number, probe)
        steps.fail(probe, now)
      }
    }
  }

  /** The target sent an ACK without a sequence. Ends and returns its oldest probe whose PING had none, if there is one. */
  answered(target: number): Probe | undefined {
    for (const [number, probe] of this.#inFlight) {
      if (probe.target === target && !probe.sequenced) return this.#end(number, probe)
    }
    return undefined
  }

  /** The target sent an ACK with the sequence of a probe of it. Ends and returns that probe, if there is one. */
  answeredBySequence(target: number, sequence: number): Probe | undefined {
    for (const [number, probe] of this.#inFlight) {
      if (probe.sequence === sequence && probe.target === target) return this.#end(number, probe)
    }
    return undefined
  }

  /**
   * A relay passed an ACK of the target on. Ends and returns the probe of the target that asked this relay: that with the
   * sequence, or the oldest if the ACK had none.
   */
  answeredThrough(relay: number, target: number, sequence?: number): Probe | undefined {
    for (const [number, probe] of this.#inFlight) {
      if (probe.target !== target || !probe.relays.includes(relay)) continue
      if (sequence === undefined || probe.sequence === sequence) return this.#end(number, probe)
    }
    return undefined
  }

  /** The probe with a sequence, if it is in flight. */
  withSequence(sequence: number): Probe | undefined {
    for (const probe of this.#inFlight.values()) if (probe.sequence === sequence) return probe
    return undefined
  }

  /** Whether a probe of an incarnation of a member is in flight. */
  has(target: number, incarnation: number): boolean {
    for (const probe of this.#inFlight.values()) {
      if (probe.target === target && probe.incarnation === incarnation) return true
    }
    return false
  }

  /**
   * Moves the end of every probe that has nothing to wait for to the earliest time at which it may fail, which is now if its
   * target was proved to be gone.
   */
  hasten(now: number): void {
    for (const [number, probe] of this.#inFlight) {
      if (!probe.isHopeless) continue
      const deadline = probe.isProved ? now : Math.min(probe.failsAt, Math.max(now, probe.mayFailAt))
      if (deadline < probe.deadline) {
        probe.deadline = deadline
        this.#deadlines.set(number, deadline)
      }
    }
  }

  /** Ends the probes of a slot that another node may get, and takes it for no relay any more. */
  forget(slot: number): void {
    for (const [number, probe] of this.#inFlight) {
      if (probe.target === slot) this.#end(number, probe)
      else probe.forgetRelay(slot)
    }
  }

  /** Ends all probes without a result. Returns how many. */
  void(): number {
    const count = this.#inFlight.size
    for (const [number, probe] of this.#inFlight) this.#end(number, probe)
    return count
  }

  #end(number: number, probe: Probe): Probe {
    this.#inFlight.delete(number)
    this.#deadlines.delete(number)
    if (probe.witness) this.#witnesses--
    return probe
  }
}
