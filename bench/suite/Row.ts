/** One row of the benchmark, and how it is measured. */
import { existsSync, openSync, readSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { do_not_optimize, measure as sample } from "mitata"

/** What is measured, and what it is compared with. Times in ns. */
export interface Row {
  readonly name: string
  /** The median time of the older, native implementation. The yardstick scales it to this machine. */
  readonly rust?: number
  /** The time that is aimed at, on the machine of `rust`. */
  readonly asked?: number
  /** How many operations one call does; 1 by default. */
  readonly operations?: number
  readonly call: () => unknown
}

/** A measured row, per operation. */
export interface Result {
  readonly name: string
  /**
   * In ns, the first quartile of the samples. Slower ones are mostly those during which other work ran on the second thread of
   * the same core.
   */
  readonly time: number
  /** In bytes; `undefined` if no sample went by without a collection of garbage. */
  readonly bytes: number | undefined
  readonly rust: number | undefined
  readonly asked: number | undefined
}

/** How much is done for a row. */
export interface Effort {
  /** The least time that is measured, in ns. */
  readonly time: number
  readonly samples: number
  /** How long a sample takes at least, in ns. */
  readonly sample: number
}

export const full: Effort = { time: 400e6, samples: 12, sample: 2e6 }
/** Enough to see that a row works. */
export const short: Effort = { time: 0, samples: 2, sample: 0 }

setFlagsFromString("--expose-gc")
/** Collects garbage. */
export const collect: () => void = runInNewContext("gc")

/** Reads how long this thread has waited for a processor, in ns. 0 where the system does not tell. */
const waitReader = (): (() => number) => {
  // Of Linux: the thread that opens it.
  const path = "/proc/thread-self/schedstat"
  if (!existsSync(path)) return () => 0
  const file = openSync(path, "r")
  const text = Buffer.alloc(64)
  return () => Number(text.toString("latin1", 0, readSync(file, text, { position: 0 })).split(" ")[1])
}

const wall = (): number => performance.now() * 1e6

/**
 * The time in ns, without that in which this thread waited for a processor, so that other processes on the machine change
 * little. The CPU time that Node.js gives of a thread advances in steps of up to 4 ms.
 */
const runningTime = (): (() => number) => {
  const waited = waitReader()
  return () => {
    while (true) {
      const before = waited()
      const now = wall()
      // Otherwise it has waited between the two readings.
      if (waited() === before) return now - before
    }
  }
}

/** How long a row runs before it is measured, in ms, so that the compiler has seen all of it. */
const WarmUp = 200

/** The calls of a sample that takes long enough, in ns. */
const callsFor = (row: Row, nanos: number, now: () => number): number => {
  for (let calls = 1; ; calls *= 2) {
    const start = now()
    for (let i = 0; i < calls; i++) do_not_optimize(row.call())
    if (now() - start >= nanos) return calls
  }
}

export const measure = async (row: Row, effort: Effort): Promise<Result> => {
  const warm = performance.now() + (effort === full ? WarmUp : 0)
  while (performance.now() < warm) row.call()
  // The two clocks of `runningTime` differ by less than a sample of `full`, but by more than a short one.
  const now = effort === full ? runningTime() : wall
  const calls = callsFor(row, effort.sample, now)
  const operations = calls * (row.operations ?? 1)
  const loop = (): void => {
    for (let i = 0; i < calls; i++) do_not_optimize(row.call())
  }
  const { heap, p25 } = await sample(loop, {
    gc: effort === full ? collect : false,
    now,
    heap: () => process.memoryUsage().heapUsed,
    min_cpu_time: effort.time,
    min_samples: effort.samples,
    // A call of `loop` is a sample.
    batch_threshold: 0
  })
  return {
    name: row.name,
    time: p25 / operations,
    bytes: heap === undefined ? undefined : Math.max(0, heap.avg) / operations,
    rust: row.rust,
    asked: row.asked
  }
}
