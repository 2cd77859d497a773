/**
 * What a node needs of Node.js: sockets and names, files, and the fastest cipher
 * that loads.
 *
 * @since 0.2.0
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { type FileSystem, Layer } from "effect"
import type { Dns } from "effect/net"
import type { Network } from "../transport/Network.ts"
import * as NodeAead from "./NodeAead.ts"
import * as NodeNetwork from "./NodeNetwork.ts"

/**
 * The services of Node.js that a node uses.
 *
 * @category models
 * @since 0.2.0
 */
export type NodePlatform = Dns.Dns | FileSystem.FileSystem | Network

/**
 * Provides them, and the cipher of libsodium where `sodium-native` loads.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<NodePlatform> = Layer.mergeAll(NodeNetwork.layer, NodeFileSystem.layer, NodeAead.layer)
