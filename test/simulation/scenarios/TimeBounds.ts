/** Upper bounds of times that follow from the protocol with its default configuration. */

/**
 * The longest duration of a suspicion in a cluster of `n`, in ms: `suspect_timeout x (1 + suspect_multiplier x log2 n)`
 * and `suspect_jitter`, with their defaults.
 */
export const suspicion = (n: number): number => 3000 * (1 + 0.5 * Math.log2(n)) + 1000

/** The shortest duration of a suspicion with all further accusers, in ms: `suspect_min_fraction x suspect_timeout`. */
export const ShortestSuspicion = 1800

/** The time until a change or a refutation is known everywhere, in ms: some gossip rounds of 200 ms and a probe. */
export const Spread = 2000

/** The same where datagrams are lost: a suspicion may come first, and its refutation need one or two more round trips. */
export const LossySpread = 5000

/**
 * The time until all of `n` nodes see a silent one dead, in ms: any ring reaches it within 2n - 1 probes of 1 s, the
 * suspicion expires, and the change spreads.
 */
export const detection = (n: number): number => (2 * n - 1) * 1000 + suspicion(n) + Spread

/**
 * `heal_interval` (10 s) and its jitter of a quarter, in ms: by then every node has contacted one of those that it lost,
 * and the first that answers is enough.
 */
export const HealContact = 12_500
