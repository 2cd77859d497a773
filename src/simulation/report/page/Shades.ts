/** How the page shows what the cluster thinks of a node. */
import type { VerdictCode } from "../Report.ts"

/** A colour that stands for an opinion, and its explanation. */
export interface Shade {
  readonly code: VerdictCode
  readonly label: string
  readonly meaning: string
  /** On a light and on a dark page, as `#rrggbb`. */
  readonly light: string
  readonly dark: string
}

// Blue for what is well, yellow to red to black for what is not: these differ in lightness too, so that nobody has to
// tell red from green.
const explained: Readonly<Record<VerdictCode, Omit<Shade, "code">>> = {
  a: { label: "alive", meaning: "all hold it alive", light: "#7db3e0", dark: "#3a78b2" },
  ".": { label: "unknown", meaning: "nobody knows it", light: "#f3f4f6", dark: "#2a2f37" },
  j: {
    label: "known to some",
    meaning: "some hold it alive, others do not know it",
    light: "#b9e0c8",
    dark: "#1a5a56"
  },
  L: { label: "left", meaning: "all know that it left", light: "#5d6178", dark: "#b4b9c6" },
  s: { label: "suspected", meaning: "some suspect it", light: "#ffc80a", dark: "#ffd84d" },
  d: { label: "dead to some", meaning: "some hold it dead or gone", light: "#d94410", dark: "#ee5f26" },
  D: { label: "dead", meaning: "all hold it dead", light: "#1c141f", dark: "#000000" }
}

/** From the least to the most alarming: where several share a pixel, the last of them is seen. */
const order: ReadonlyArray<VerdictCode> = ["a", ".", "j", "L", "s", "d", "D"]

/** Every opinion, from the least to the most alarming. */
export const shades: ReadonlyArray<Shade> = order.map((code) => ({ code, ...explained[code] }))
