/** Delays that differ from datagram to datagram. */

/** How a delay is spread; all lengths in ms, not negative and finite. */
export type Distribution =
  | { readonly kind: "none" }
  /** As likely anywhere in [0, `most`). */
  | { readonly kind: "uniform"; readonly most: number }
  /** The bell curve, with what would be below 0 at 0. */
  | { readonly kind: "normal"; readonly mean: number; readonly deviation: number }
  /** Many short ones, few long ones: the time to the next of events that come at random. */
  | { readonly kind: "exponential"; readonly mean: number }
  /** A heavy tail: at least `scale`, and longer than x with probability (scale / x)^shape. `shape` is above 0. */
  | { readonly kind: "pareto"; readonly scale: number; readonly shape: number }

/** No delay of a distribution without an end of its own is longer, in ms: a day. */
export const Longest = 86_400_000

/** One delay in ms; a number n is uniform in [0, n). `random` is uniform in [0, 1). */
export const draw = (distribution: Distribution | number, random: () => number): number => {
  if (typeof distribution === "number") return distribution > 0 ? random() * distribution : 0
  switch (distribution.kind) {
    case "none":
      return 0
    case "uniform":
      return random() * distribution.most
    case "normal": {
      // Box and Muller: always two numbers, and nothing kept of them.
      const radius = Math.sqrt(-2 * Math.log(1 - random()))
      const normal = radius * Math.cos(2 * Math.PI * random())
      return Math.min(Math.max(distribution.mean + distribution.deviation * normal, 0), Longest)
    }
    case "exponential":
      return Math.min(-distribution.mean * Math.log(1 - random()), Longest)
    case "pareto":
      // The power may be infinite, of which a scale of 0 must not make NaN.
      return Math.min(
        distribution.scale * Math.min((1 - random()) ** (-1 / distribution.shape), Number.MAX_VALUE),
        Longest
      )
  }
}

const lengthProblem = (name: string, ms: number): string | undefined =>
  ms >= 0 && ms < Infinity ? undefined : `${name} is ${ms}: it must be a finite number of milliseconds, at least 0`

/** What is wrong with a distribution, if anything. */
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
