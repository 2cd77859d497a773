/** The colours of verdicts on the page. */
import type { VerdictCode } from "../Report.ts"

/** A verdict with its colour and its explanation. */
export interface Shade {
  readonly code: VerdictCode
  readonly label: string
  readonly meaning: string
  /** Its colour on a light page, as `#rrggbb`. */
  readonly light: string
  /** Its colour on a dark page. */
  readonly dark: string
}

// Blue for good, yellow, red and black for bad. They differ in lightness too, so that nobody has to distinguish red from
// green.
const explained: Readonly<Record<VerdictCode, Omit<Shade, "code">>> = {
  a: { label: "alive", meaning: "all see it alive", light: "#7db3e0", dark: "#3a78b2" },
  ".": { label: "unknown", meaning: "nobody knows it", light: "#f3f4f6", dark: "#2a2f37" },
  j: {
    label: "known to some",
    meaning: "some see it alive, others do not know it",
    light: "#b9e0c8",
    dark: "#1a5a56"
  },
  L: { label: "left", meaning: "all know that it left", light: "#5d6178", dark: "#b4b9c6" },
  s: { label: "suspected", meaning: "some suspect it", light: "#ffc80a", dark: "#ffd84d" },
  d: { label: "dead to some", meaning: "some see it dead or left", light: "#d94410", dark: "#ee5f26" },
  D: { label: "dead", meaning: "all see it dead", light: "#1c141f", dark: "#000000" }
}

/** From the least to the most severe. Where several share a pixel, the last of them is shown. */
const order: ReadonlyArray<VerdictCode> = ["a", ".", "j", "L", "s", "d", "D"]

/** Every verdict, from the least to the most severe. */
export const shades: ReadonlyArray<Shade> = order.map((code) => ({ code, ...explained[code] }))
