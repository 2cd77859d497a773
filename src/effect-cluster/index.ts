/**
 * Gossip for `effect/cluster`.
 */
export * as RunnerHealth from "./RunnerHealth.ts"
