/** One row of the benchmark, and how it is measured. */
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

/** A measured row: means per operation. */
export interface Result {
  readonly name: string
  /** In ns. */
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
  /** Calls of one sample, where a call is short. */
  readonly batch: number
}

export const full: Effort = { time: 400e6, samples: 12, batch: 4096 }
/** Enough to see that a row works. */
export const short: Effort = { time: 0, samples: 2, batch: 8 }

setFlagsFromString("--expose-gc")
/** Collects garbage. */
export const collect: () => void = runInNewContext("gc")

/** CPU time of this thread in ns, so that other processes on the machine change little. */
const cpuTime = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) * 1000
}

/** How long a row runs before it is measured, in ms, so that the compiler has seen all of it. */
const WarmUp = 200

export const measure = async (row: Row, effort: Effort): Promise<Result> => {
  const operations = row.operations ?? 1
  const warm = performance.now() + (effort === full ? WarmUp : 0)
  while (performance.now() < warm) row.call()
  const { avg, heap } = await sample(() => do_not_optimize(row.call()), {
    gc: effort === full ? collect : false,
    now: cpuTime,
    heap: () => process.memoryUsage().heapUsed,
    min_cpu_time: effort.time,
    min_samples: effort.samples,
    batch_samples: effort.batch,
    warmup_samples: 4
  })
  return {
    name: row.name,
    time: avg / operations,
    bytes: heap === undefined ? undefined : Math.max(0, heap.avg) / operations,
    rust: row.rust,
    asked: row.asked
  }
}
