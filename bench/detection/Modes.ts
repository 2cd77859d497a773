/**
 * The rule sets that the experiments compare: plain SWIM, each mechanism of
 * extension level 1 alone, and all of them.
 */
import type * as ClusterConfig from "../../src/config/ClusterConfig.ts"

/** A rule set, as configuration. */
export interface Mode {
  readonly name: string
  readonly config: ClusterConfig.ClusterOptions
}

const mechanisms = {
  relays: false,
  localHealth: false,
  pauseAwareness: false,
  telling: false,
  accusations: false,
  secondOpinions: false,
  proof: false,
  damping: false,
  earlyFailure: false,
  digest: false,
  smallProbes: false
} as const

/** A mechanism of section `[extensions]`. */
export type Mechanism = keyof typeof mechanisms

/** SWIM with suspicion and relays, as its paper describes it, and nothing on top. */
export const plain: Mode = { name: "plain", config: { extensions: { ...mechanisms, relays: true } } }

/** Every mechanism, with the chosen defaults. */
export const all: Mode = { name: "all", config: {} }

/** Plain SWIM and one mechanism, or a few that need each other. */
export const only = (name: string, ...added: ReadonlyArray<Mechanism>): Mode => ({
  name,
  config: {
    extensions: { ...plain.config.extensions, ...Object.fromEntries(added.map((mechanism) => [mechanism, true])) }
  }
})

/** Each mechanism alone. Second opinions and proof say nothing without accusations. */
export const alone: ReadonlyArray<Mode> = [
  only("local health", "localHealth"),
  only("pause awareness", "pauseAwareness"),
  only("telling", "telling"),
  only("accusations", "accusations"),
  only("second opinions", "accusations", "secondOpinions"),
  only("proof", "accusations", "proof"),
  only("damping", "accusations", "damping"),
  only("early failure", "earlyFailure")
]
