/** How sizes and counts grow with the cluster. */

/** ceil(log2 n), at least 1. */
export const logarithmicGrowth = (n: number): number => Math.max(1, Math.ceil(Math.log2(n)))

/** ceil(log10(n + 1)), as memberlist counts retransmissions. */
export const decimalGrowth = (n: number): number => Math.ceil(Math.log10(n + 1))
