/** What a node wants of Node.js: sockets and names, files, and the fastest cipher that loads. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Layer } from "effect"
import * as NodeAead from "./NodeAead.ts"
import * as NodeNetwork from "./NodeNetwork.ts"

export const layer = Layer.mergeAll(NodeNetwork.layer, NodeFileSystem.layer, NodeAead.layer)
