/**
 * The rule sets that the experiments compare: plain SWIM, each mechanism of
 * extension level 1 alone, all of them, and the rules of HashiCorp's memberlist.
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

/**
 * memberlist with `DefaultLANConfig`, as far as the simulated network can have it. It is better than the real one in that a
 * Dead claim about an Alive member is checked first, and in that a suspect is told in each message and not only by probes.
 * It has no probes over TCP, does not gossip to the dead, and compares tables by datagrams.
 */
export const memberlist: Mode = {
  name: "memberlist",
  config: {
    gossip: {
      interval: 200,
      maxSends: 3,
      adaptiveTargets: false,
      retransmitMultiplier: 4,
      antiEntropyInterval: 30_000
    },
    probes: { interval: 1000, timeout: 500, indirectK: 3, suspectJitter: 0 },
    extensions: {
      ...mechanisms,
      relays: true,
      localHealth: true,
      telling: true,
      accusations: true,
      smallProbes: true,
      rules: "memberlist"
    }
  }
}

/** The rule sets of every experiment. */
export const compared: ReadonlyArray<Mode> = [plain, memberlist, all]

/** A line of a plot for each rule set, still without points. */
export const linesOf = (modes: ReadonlyArray<Mode>) =>
  modes.map((mode) => ({ mode, name: mode.name, points: [] as Array<readonly [x: number, y: number]> }))
