/**
 * The times of each sort of network, in milliseconds.
 */

/** The names of the profiles. */
export const profileNames = ["lan", "local", "wan"] as const

/** The name of a profile. */
export type Profile = (typeof profileNames)[number]

interface Times {
  readonly gossip: { readonly interval: number }
  readonly probes: {
    readonly interval: number
    readonly timeout: number
    readonly suspectTimeout: number
    readonly suspectJitter: number
  }
}

/** What each profile sets. The times of `lan` are the defaults of their keys. */
export const profiles: Readonly<Record<Profile, Times>> = {
  lan: {
    gossip: { interval: 200 },
    probes: { interval: 1000, timeout: 500, suspectTimeout: 3000, suspectJitter: 1000 }
  },
  local: {
    gossip: { interval: 100 },
    probes: { interval: 500, timeout: 200, suspectTimeout: 1500, suspectJitter: 300 }
  },
  wan: {
    gossip: { interval: 500 },
    probes: { interval: 2000, timeout: 1500, suspectTimeout: 8000, suspectJitter: 1000 }
  }
}
