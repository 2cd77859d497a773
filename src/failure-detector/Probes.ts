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

  get size(): number {
    return this.#inFlight.size
  }

  /** When the next step of any probe is due, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** Starts a probe whose PING is being sent. */
  start(options: ProbeOptions): void {
    const probe = new Probe(options)
    const number = ++this.#lastNumber
    this.#inFlight.set(number, probe)
    this.#deadlines.set(number, probe.deadline)
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
        this.#inFlight.delete(number)
        steps.fail(probe, now)
      }
    }
  }

  /** The target sent an ACK itself. Ends and returns its oldest probe, if there is one. */
  answered(target: number): Probe | undefined {
    for (const [number, probe] of this.#inFlight) {
      if (probe.target === target) return this.#end(number, probe)
    }
    return undefined
  }

  /** A relay passed an ACK of the target on. Ends and returns the oldest probe of the target that asked this relay. */
  answeredThrough(relay: number, target: number): Probe | undefined {
    for (const [number, probe] of this.#inFlight) {
      if (probe.target === target && probe.relays.includes(relay)) return this.#end(number, probe)
    }
    return undefined
  }

  /** Ends the probes of a slot that another node may get, and takes it for no relay any more. */
  forget(slot: number): void {
    for (const [number, probe] of this.#inFlight) {
      if (probe.target === slot) this.#end(number, probe)
      else if (probe.relays.includes(slot)) probe.relays.splice(probe.relays.indexOf(slot), 1)
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
    return probe
  }
}
