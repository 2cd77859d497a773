import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type TimelineEntry, type StopReason, Timeline } from "../../../src/simulation/time/Timeline.ts"

const never = () => false

/** A slow reference implementation of a timeline: a list that is sorted before each entry. */
class SortedList {
  now = 0
  events = 0
  #asked = 0
  #list: Array<TimelineEntry> = []

  get pending(): number {
    return this.#list.length
  }

  at(ns: number, fire: () => void, owner?: object): TimelineEntry {
    const due = { at: Math.max(ns, this.now), sequence: this.#asked++, pending: true, owner, fire }
    this.#list.push(due)
    return due
  }

  putBack(due: TimelineEntry): void {
    this.#list.push(due)
  }

  cancel(due: TimelineEntry): boolean {
    const at = this.#list.indexOf(due)
    if (at >= 0) this.#list.splice(at, 1)
    return at >= 0
  }

  drop(owner: object): void {
    this.#list = this.#list.filter((due) => due.owner !== owner)
  }

  remap(owner: object, when: (due: TimelineEntry) => number): void {
    for (const due of this.#list) if (due.owner === owner) due.at = when(due)
  }

  run(events: number): StopReason {
    for (; events > 0; events--) {
      this.#list.sort((a, b) => a.at - b.at || a.sequence - b.sequence)
      const due = this.#list.shift()
      if (due === undefined) return "idle"
      this.now = Math.max(this.now, due.at)
      this.events++
      due.fire()
    }
    return "spent"
  }
}

const owners = [{ name: "a" }, { name: "b" }, undefined] as const

/** A call on a timeline, made directly or by an entry that fires. */
interface Act {
  readonly what: "at" | "cancel" | "drop" | "remap" | "putBack" | "run"
  /** Selects the entry, the owner, the number of events, or the action of an entry. */
  readonly which: number
  /** The distance from now, negative for the past, or the distance of a move. */
  readonly by: number
}

// There are few distinct times, so that many entries share an instant.
const act = fc.record({
  what: fc.constantFrom<Act["what"]>("at", "at", "at", "at", "cancel", "drop", "remap", "putBack", "run"),
  which: fc.nat(1000),
  by: fc.integer({ min: -3, max: 8 })
})

/** Makes all calls, and returns everything that can be observed. */
const history = (
  timeline: Pick<Timeline | SortedList, "now" | "events" | "pending" | "at" | "cancel" | "drop" | "remap" | "putBack">,
  run: (events: number) => StopReason,
  acts: ReadonlyArray<Act>
): ReadonlyArray<unknown> => {
  const seen: Array<unknown> = []
  const dues: Array<TimelineEntry> = []
  const happened: Array<TimelineEntry> = []
  // Bounds the number of entries that entries add.
  let left = 200
  const perform = ({ by, what, which }: Act, top: boolean): void => {
    const owner = owners[which % 2]!
    const due = dues[which % dues.length]
    switch (what) {
      case "at": {
        const name = dues.length
        const made: TimelineEntry = timeline.at(
          timeline.now + by,
          () => {
            happened.push(made)
            seen.push([name, timeline.now, timeline.pending])
            if (left-- > 0) for (let i = 0; i < which % 3; i++) perform(acts[(name + which + i) % acts.length]!, false)
          },
          owners[which % 3]
        )
        dues.push(made)
        break
      }
      case "cancel":
        if (due !== undefined) seen.push(timeline.cancel(due))
        break
      case "drop":
        timeline.drop(owner)
        break
      case "remap":
        // The distances differ, so that the order changes.
        timeline.remap(owner, ({ at, sequence }) => at + (sequence % 2 === 0 ? by : -by))
        break
      case "putBack": {
        const last = happened.pop()
        if (last !== undefined && left > 0) timeline.putBack(last)
        break
      }
      case "run":
        if (top) seen.push(run(which % 4))
    }
    seen.push([timeline.pending, timeline.events, timeline.now])
  }
  for (const act of acts) perform(act, true)
  seen.push(run(10_000), timeline.now, timeline.pending)
  return seen
}

describe("Timeline", () => {
  it("behaves like a sorted list when entries are added, cancelled, dropped, moved and put back, also by entries", () => {
    fc.assert(
      fc.property(fc.array(act, { minLength: 1, maxLength: 80, size: "max" }), (acts) => {
        const timeline = new Timeline()
        const list = new SortedList()
        expect(history(timeline, (events) => timeline.run(events, never), acts)).toEqual(
          history(list, (events) => list.run(events), acts)
        )
      }),
      { numRuns: 300 }
    )
  })

  it("keeps its order and its count when most of very many entries are cancelled", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(500), kept: fc.integer({ min: 0, max: 5 }).map((n) => n === 0) }), {
          minLength: 3000,
          maxLength: 4000,
          size: "max"
        }),
        (entries) => {
          const timeline = new Timeline()
          const order: Array<number> = []
          const dues = entries.map(({ at }, name) => timeline.at(at, () => order.push(name)))
          let pending = entries.length
          entries.forEach(({ kept }, i) => {
            if (kept) return
            expect([timeline.cancel(dues[i]!), timeline.pending]).toEqual([true, --pending])
          })
          expect(timeline.run(Infinity, never)).toBe("idle")
          const kept = entries.keys().filter((i) => entries[i]!.kept)
          expect(order).toEqual([...kept].toSorted((a, b) => entries[a]!.at - entries[b]!.at || a - b))
          expect([timeline.pending, timeline.events]).toEqual([0, order.length])
        }
      ),
      { numRuns: 10 }
    )
  })

  it("releases cancelled entries before their time", async () => {
    const timeline = new Timeline()
    setFlagsFromString("--expose-gc")
    const collect: () => void = runInNewContext("gc")
    const held: Array<WeakRef<object>> = []
    for (let i = 0; i < 5000; i++) {
      const heavy = { i }
      held.push(new WeakRef(heavy))
      timeline.cancel(timeline.at(1e9 + i, () => heavy))
    }
    // The target of a weak reference is kept until the next turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 1))
    collect()
    const kept = held.filter((ref) => ref.deref() !== undefined).length
    expect(kept).toBeLessThan(1100)
    expect(timeline.pending).toBe(0)
  })

  it("never calls back before it has returned, and treats the past as now", () => {
    const timeline = new Timeline()
    const order: Array<string> = []
    timeline.at(5, () => {
      timeline.at(2, () => order.push(`past at ${timeline.now}`))
      timeline.at(Number.NaN, () => order.push(`nonsense at ${timeline.now}`))
      order.push("asked")
    })
    timeline.at(5, () => order.push("asked before"))
    timeline.run(10, never)
    expect(order).toEqual(["asked", "asked before", "past at 5", "nonsense at 5"])
  })

  it("never reaches Infinity", () => {
    const timeline = new Timeline()
    let happened = false
    const due = timeline.at(Infinity, () => (happened = true))
    timeline.at(7, () => {})
    expect(timeline.run(10, never)).toBe("idle")
    expect([timeline.now, happened]).toEqual([7, false])
    expect(timeline.cancel(due)).toBe(true)
    expect(timeline.pending).toBe(0)
  })

  it("counts a cancelled entry once, and does not count one that has fired or was dropped", () => {
    const timeline = new Timeline()
    const owner = {}
    const twice = timeline.at(3, () => {})
    const dropped = timeline.at(3, () => {}, owner)
    const own: TimelineEntry = timeline.at(1, () => expect(timeline.cancel(own)).toBe(false))
    timeline.at(9, () => {})
    expect([timeline.cancel(twice), timeline.cancel(twice)]).toEqual([true, false])
    timeline.drop(owner)
    expect(timeline.cancel(dropped)).toBe(false)
    expect(timeline.pending).toBe(2)
    timeline.run(1, never)
    expect(timeline.pending).toBe(1)
    timeline.run(1, never)
    expect([timeline.pending, timeline.events, timeline.now]).toEqual([0, 2, 9])
  })

  it("runs all fibers that an entry wakes before the next entry", () => {
    const timeline = new Timeline()
    const order: Array<string> = []
    const task = (name: string, next?: () => void) =>
      timeline.tasks.scheduleTask(() => {
        order.push(`${name} at ${timeline.now}`)
        next?.()
      }, 0)
    task("before all")
    timeline.at(1, () => task("task", () => task("its task")))
    timeline.at(1, () => order.push("second entry"))
    timeline.at(2, () => order.push("later"))
    expect(timeline.run(3, never)).toBe("spent")
    expect(order).toEqual(["before all at 0", "task at 1", "its task at 1", "second entry", "later"])
  })

  it("returns why it stops", () => {
    const timeline = new Timeline()
    let done = false
    expect(timeline.run(0, never)).toBe("spent")
    expect(timeline.run(1, never)).toBe("idle")
    timeline.at(1, () => {})
    timeline.at(2, () => timeline.tasks.scheduleTask(() => (done = true), 0))
    timeline.at(3, () => timeline.suspend())
    timeline.at(4, () => {})
    expect([timeline.run(1, never), timeline.now]).toEqual(["spent", 1])
    // "done" wins over "spent".
    expect([timeline.run(1, () => done), timeline.now]).toEqual(["done", 2])
    expect([timeline.run(5, () => done), timeline.now]).toEqual(["done", 2])
    expect([timeline.run(5, never), timeline.now]).toEqual(["suspended", 3])
    // "done" wins over "suspended".
    expect(timeline.run(5, () => done)).toBe("done")
    let ran = false
    timeline.tasks.scheduleTask(() => (ran = true), 0)
    expect([timeline.run(5, never), timeline.now, ran]).toEqual(["suspended", 3, true])
    timeline.suspend()
    timeline.resume()
    expect(timeline.run(5, never)).toBe("suspended")
    timeline.resume()
    expect([timeline.run(5, never), timeline.now, timeline.millis]).toEqual(["idle", 4, 4e-6])
    expect(timeline.events).toBe(4)
  })

  it("is stuck when tasks or entries without end keep an instant from ending", () => {
    const again: ReadonlyArray<(timeline: Timeline, run: () => void) => void> = [
      (timeline, run) => timeline.tasks.scheduleTask(run, 0),
      (timeline, run) => timeline.at(timeline.now, run),
      (timeline, run) => timeline.at(timeline.now, () => timeline.tasks.scheduleTask(run, 0))
    ]
    for (const once of again) {
      const timeline = new Timeline(1000)
      let runs = 0
      let endless = true
      const run = (): void => {
        runs++
        if (endless) once(timeline, run)
      }
      timeline.at(5, run)
      timeline.at(6, () => {})
      let pause: StopReason
      // Also when it is called again.
      do pause = timeline.run(7, never)
      while (pause === "spent")
      expect([pause, timeline.now]).toEqual(["stuck", 5])
      expect(runs).toBeGreaterThan(400)
      expect(runs).toBeLessThan(1100)
      const sofar = runs
      expect(timeline.run(1000, never)).toBe("stuck")
      expect(runs).toBe(sofar)
      endless = false
    }
  })

  it("counts the steps of each instant separately", () => {
    const timeline = new Timeline(1000)
    for (let instant = 0; instant < 20; instant++) {
      for (let entry = 0; entry < 300; entry++) {
        timeline.at(instant, () => {
          timeline.tasks.scheduleTask(() => timeline.tasks.scheduleTask(() => {}, 0), 0)
        })
      }
    }
    expect(timeline.run(Infinity, never)).toBe("idle")
    expect(timeline.events).toBe(6000)
  })

  it("reports work whenever it comes while nothing runs, and only then", () => {
    const timeline = new Timeline()
    const told: Array<string> = []
    let doing = ""
    timeline.onWork = () => told.push(`${doing} ${timeline.pending} ${timeline.tasks.isEmpty}`)
    const during = (what: string, act: () => void): ReadonlyArray<string> => {
      doing = what
      told.length = 0
      act()
      return [...told]
    }
    const nothing = () => {}
    // The callback finds the work.
    expect(during("entry", () => timeline.at(1, nothing))).toEqual(["entry 1 true"])
    expect(during("task", () => timeline.tasks.scheduleTask(nothing, 0))).toEqual(["task 1 false"])
    const busy = () => {
      timeline.at(1, () => timeline.at(2, nothing))
      timeline.tasks.scheduleTask(nothing, 0)
      timeline.suspend()
      timeline.resume()
    }
    timeline.at(1, () => {
      busy()
      timeline.tasks.scheduleTask(busy, 0)
    })
    expect(during("run", () => timeline.run(100, never))).toEqual([])
    const due: TimelineEntry = timeline.at(9, nothing)
    expect(during("cancel", () => timeline.cancel(due))).toEqual([])
    // While time is suspended, entries are no work, but tasks and the end of the suspension are.
    timeline.suspend()
    timeline.suspend()
    expect(during("entry outside", () => timeline.at(1, nothing))).toEqual([])
    expect(during("task outside", () => timeline.tasks.scheduleTask(nothing, 0))).toEqual(["task outside 1 false"])
    expect(during("end of one", () => timeline.resume())).toEqual([])
    expect(during("end", () => timeline.resume())).toEqual(["end 1 false"])
  })

  it("works on after an entry that throws", () => {
    const timeline = new Timeline()
    timeline.at(1, () => {
      throw new Error("on purpose")
    })
    expect(() => timeline.run(10, never)).toThrow("on purpose")
    let told = 0
    timeline.onWork = () => told++
    timeline.at(2, () => {})
    expect(told).toBe(1)
    expect([timeline.run(10, never), timeline.now]).toEqual(["idle", 2])
  })
})
