/**
 * Gossip for `effect/cluster`.
 *
 * @module effect-gossip/cluster
 */
export * as RunnerHealth from "./RunnerHealth.ts"
