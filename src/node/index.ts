/** effect-gossip on Node.js. */
export { ClusterKeyFileError } from "./ClusterKeyFile.ts"
export * as NodeAead from "./NodeAead.ts"
export * as NodeCluster from "./NodeCluster.ts"
export * as NodeNetwork from "./NodeNetwork.ts"
export { UnreadableFile } from "./TextFile.ts"
