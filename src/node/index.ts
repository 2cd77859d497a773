/** effect-gossip on Node.js. */
export * as NodeCluster from "./NodeCluster.ts"
export * as NodeNetwork from "./NodeNetwork.ts"
