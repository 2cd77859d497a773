/**
 * effect-gossip on Node.js.
 *
 * @since 0.2.0
 * @module effect-gossip/node
 */
export { type ReadError as AdminTokenReadError, TokenFileError } from "./AdminTokenFile.ts"
export { ClusterKeyFileError, type ReadError as ClusterKeyReadError } from "./ClusterKeyFile.ts"
export * as NodeAead from "./NodeAead.ts"
export * as NodeCluster from "./NodeCluster.ts"
export * as NodeNetwork from "./NodeNetwork.ts"
export * as StateDirectory from "./StateDirectory.ts"
export { UnreadableFile } from "./TextFile.ts"
