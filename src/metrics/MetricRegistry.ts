/**
 * The registry of one node, so that the nodes of one process share no series. Every series is made when the registry is
 * first asked for, which many nodes never are, and is read from a plain counter.
 */
import { Context, Metric } from "effect"
import type { Family, HistogramFamily } from "./Families.ts"
import * as MetricsJson from "./MetricsJson.ts"
import type { Reading, Source } from "./Reading.ts"

/** Takes the next value of a histogram. */
export type Observe = (value: number) => void

const nothing = (): void => {}

export class MetricRegistry {
  readonly #registry: Metric.MetricRegistry = new Map()
  readonly #context: Context.Context<never> = Context.make(Metric.MetricRegistry, this.#registry)
  readonly #histograms: Array<() => unknown> = []
  /** What adds series at the first read; `undefined` after it. */
  #fills: Array<() => void> | undefined

  /** `fill` adds the series that are not histograms. It is called once. */
  constructor(fill: (registry: MetricRegistry) => void = nothing) {
    this.#fills = [() => fill(this)]
  }

  /** The registry, as the value of `Metric.MetricRegistry`. */
  get registry(): Metric.MetricRegistry {
    const fills = this.#fills
    this.#fills = undefined
    if (fills !== undefined) {
      for (const make of this.#histograms) make()
      for (const fill of fills) fill()
    }
    return this.#registry
  }

  /** Calls `fill` when the registry is first asked for, or at once if it was. */
  whenRead(fill: (registry: Metric.MetricRegistry) => void): void {
    if (this.#fills === undefined) fill(this.#registry)
    else this.#fills.push(() => fill(this.#registry))
  }

  /** A context with this registry, for the metric functions of Effect. */
  get context(): Context.Context<never> {
    return Context.make(Metric.MetricRegistry, this.registry)
  }

  /** Adds all series of a table of metrics. */
  registerAll(families: Readonly<Record<string, Family>>, sources: Readonly<Record<string, Source>>): void {
    for (const [name, family] of Object.entries(families)) {
      const source = sources[name]
      if (source !== undefined) this.#register(family, source)
    }
  }

  /** Adds a histogram without a label, and returns what feeds it. */
  histogram(family: HistogramFamily): Observe {
    return this.#histogram(family, {})
  }

  /** Adds a histogram for each value of its label, and returns what feeds each. */
  histogramsBy<V extends string>(
    family: HistogramFamily & { readonly label: string },
    values: ReadonlyArray<V>
  ): (value: V) => Observe {
    const observers = new Map(values.map((value) => [value, this.#histogram(family, { [family.label]: value })]))
    return (value) => observers.get(value) ?? nothing
  }

  /** All series with their present values. */
  get json(): MetricsJson.MetricsJson {
    return MetricsJson.fromSnapshot(Metric.snapshotUnsafe(this.context))
  }

  #register(family: Family, source: Source): void {
    if (typeof source === "function") return this.#series(family, undefined, source)
    for (const [value, read] of Object.entries(source)) {
      this.#series(family, { [family.label ?? ""]: value }, read)
    }
  }

  #series({ help, name, type }: Family, attributes: Metric.Metric.AttributeSet | undefined, read: Reading): void {
    const options = { description: help, attributes }
    const idle = { update: nothing, modify: nothing }
    if (type === "counter") {
      const counter = Metric.counter(name, { ...options, incremental: true })
      Metric.registerUnsafe(counter, this.#context, { ...idle, get: () => ({ count: read(), incremental: true }) })
    } else {
      Metric.registerUnsafe(Metric.gauge(name, options), this.#context, { ...idle, get: () => ({ value: read() }) })
    }
  }

  #histogram({ bounds, help, name }: HistogramFamily, attributes: Metric.Metric.AttributeSet): Observe {
    const histogram = Metric.histogram(name, { description: help, attributes, boundaries: bounds })
    // Reading it makes the series, at 0.
    this.#histograms.push(() => histogram.valueUnsafe(this.#context))
    return (value) => histogram.updateUnsafe(value, this.#context)
  }
}
