/** Random delays. */

/**
 * The distribution of a delay. All lengths are in ms, finite and at least 0.
 *
 * @category models
 * @since 0.2.0
 */
export type Distribution =
  | { readonly kind: "none" }
  /** Uniform in [0, `most`). */
  | { readonly kind: "uniform"; readonly most: number }
  /** Normal; a negative delay becomes 0. */
  | { readonly kind: "normal"; readonly mean: number; readonly deviation: number }
  /** Exponential: the time between random, independent events. */
  | { readonly kind: "exponential"; readonly mean: number }
  /** Pareto, with a heavy tail: longer than x >= scale with probability (scale / x)^shape. `shape` is above 0. */
  | { readonly kind: "pareto"; readonly scale: number; readonly shape: number }

/**
 * The longest delay of a distribution that is unbounded in theory, in ms: one day.
 *
 * @category constants
 * @since 0.2.0
 */
export const Longest = 86_400_000

/**
 * One delay in ms; a number n is uniform in [0, n). `random` is uniform in [0, 1).
 *
 * @category functions
 * @since 0.2.0
 */
export const draw = (distribution: Distribution | number, random: () => number): number => {
  if (typeof distribution === "number") return distribution > 0 ? random() * distribution : 0
  switch (distribution.kind) {
    case "none":
      return 0
    case "uniform":
      return random() * distribution.most
    case "normal": {
      // Box-Muller transform. It always draws two numbers and keeps no state.
      const radius = Math.sqrt(-2 * Math.log(1 - random()))
      const normal = radius * Math.cos(2 * Math.PI * random())
      return Math.min(Math.max(distribution.mean + distribution.deviation * normal, 0), Longest)
    }
    case "exponential":
      return Math.min(-distribution.mean * Math.log(1 - random()), Longest)
    case "pareto":
      // The power may be Infinity, and 0 * Infinity would be NaN.
      return Math.min(
        distribution.scale * Math.min((1 - random()) ** (-1 / distribution.shape), Number.MAX_VALUE),
        Longest
      )
  }
}

const lengthProblem = (name: string, ms: number): string | undefined =>
  ms >= 0 && ms < Infinity ? undefined : `${name} is ${ms}: it must be a finite number of milliseconds, at least 0`

/**
 * The first parameter that is out of its bounds, as a sentence, or `undefined`.
 *
 * @category checks
 * @since 0.2.0
 */
export const problem = (distribution: Distribution | number): string | undefined => {
  if (typeof distribution === "number") return lengthProblem("jitter", distribution)
  switch (distribution.kind) {
    case "none":
      return undefined
    case "uniform":
      return lengthProblem("jitter.most", distribution.most)
    case "normal":
      return (
        lengthProblem("jitter.mean", distribution.mean) ?? lengthProblem("jitter.deviation", distribution.deviation)
      )
    case "exponential":
      return lengthProblem("jitter.mean", distribution.mean)
    case "pareto":
      return (
        lengthProblem("jitter.scale", distribution.scale) ??
        (distribution.shape > 0 ? undefined : `jitter.shape is ${distribution.shape}: it must be above 0`)
      )
  }
}
