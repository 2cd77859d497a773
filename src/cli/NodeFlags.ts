/**
 * The flags that configure a node, and the configuration that they make together with environment and file.
 */
import { Effect, Option } from "effect"
import { type Command, Flag } from "effect/cli"
import type { ConfigFileError } from "../config/ConfigFile.ts"
import type { ClusterConfigError } from "../config/ConfigResolution.ts"
import * as ConfigSources from "../config/ConfigSources.ts"
import { encryptionModes, keys } from "../config/ConfigTable.ts"
import type { StartError } from "../node/NodeCluster.ts"
import * as TextFile from "../node/TextFile.ts"
import { Host } from "./Host.ts"
import type { LogSettingError } from "./LogSettings.ts"
import * as Variables from "./Variables.ts"

/**
 * The file with the configuration.
 */
export const config = Flag.Path("config").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("TOML file with the configuration; gossip.example.toml explains every key."),
  Flag.optional
)

/**
 * Every flag that configures a node.
 */
export const flags = {
  bind: Flag.String("bind").pipe(Flag.withMetavar("ADDR"), Flag.withDescription(keys.network.bind.doc), Flag.optional),
  peers: Flag.String("peers").pipe(
    Flag.withMetavar("ADDR,ADDR"),
    Flag.withDescription(keys.network.peers.doc),
    Flag.atLeast(0)
  ),
  advertise: Flag.String("advertise").pipe(
    Flag.withMetavar("ADDR"),
    Flag.withDescription(keys.network.advertise.doc),
    Flag.optional
  ),
  nodeId: Flag.String("node-id").pipe(
    Flag.withMetavar("ID"),
    Flag.withDescription(keys.network.nodeId.doc),
    Flag.optional
  ),
  cluster: Flag.String("cluster").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(keys.network.cluster.doc),
    Flag.optional
  ),
  encryption: Flag.Literals("encryption", encryptionModes).pipe(
    Flag.withMetavar("MODE"),
    Flag.withDescription(keys.network.encryption.doc),
    Flag.optional
  ),
  clusterKeyFile: Flag.String("cluster-key-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("File with the keys of the cluster, one a line; the first one seals. SIGHUP reads it again."),
    Flag.optional
  ),
  clusterKey: Flag.Redacted("cluster-key").pipe(
    Flag.withMetavar("HEX"),
    Flag.withDescription("Key of the cluster. Others on this machine can see it in the process list; a file is safer."),
    Flag.optional
  ),
  allow: Flag.String("allow").pipe(
    Flag.withMetavar("CIDR,CIDR"),
    Flag.withDescription(keys.network.allow.doc),
    Flag.atLeast(0)
  ),
  config
}

/**
 * What these flags give.
 */
export type Flags = Command.Command.Config.Infer<typeof flags>

/**
 * What the flags give when there are none but perhaps the file.
 */
export const onlyFile = (config: Flags["config"]): Flags => ({
  bind: Option.none(),
  peers: [],
  advertise: Option.none(),
  nodeId: Option.none(),
  cluster: Option.none(),
  encryption: Option.none(),
  clusterKeyFile: Option.none(),
  clusterKey: Option.none(),
  allow: [],
  config
})

/**
 * Why there is no configuration.
 */
export type LoadError = ClusterConfigError | ConfigFileError | TextFile.UnreadableFile

/**
 * Loads the configuration from flags, environment and file.
 */
export const load = Effect.fnUntraced(function* (flags: Flags) {
  const { env } = yield* Host
  const file = yield* Effect.transposeOption(Option.map(flags.config, readFile))
  const loaded = yield* ConfigSources.load({
    flags: {
      bind: Option.getOrUndefined(flags.bind),
      // Given without a value it means nobody, and overrides what file and environment name.
      peers: flags.peers.length === 0 ? undefined : flags.peers.flatMap(itemsIn),
      advertise: Option.getOrUndefined(flags.advertise),
      nodeId: Option.getOrUndefined(flags.nodeId),
      cluster: Option.getOrUndefined(flags.cluster),
      encryption: Option.getOrUndefined(flags.encryption),
      clusterKeyFile: Option.getOrUndefined(flags.clusterKeyFile),
      clusterKey: Option.getOrUndefined(flags.clusterKey),
      // Given without a value it means everybody.
      allow: flags.allow.length === 0 ? undefined : flags.allow.flatMap(itemsIn)
    },
    env,
    file
  })
  return { ...loaded, unknownVariables: Variables.withoutOurs(loaded.unknownVariables) }
})

/**
 * A file with its path.
 */
export const readFile = (path: string) => Effect.map(TextFile.read(path), (text) => ({ path, text }))

const itemsIn = (list: string): ReadonlyArray<string> =>
  list
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

/**
 * What is wrong, one line for each thing that is.
 */
export const errorText = (error: LoadError | StartError | LogSettingError): string =>
  error._tag === "ClusterConfigError" ? error.problems.map(({ message }) => message).join("\n") : error.message

/**
 * That a variable has no effect, and which one may be meant.
 */
export const unknownVariableText = ({ name, suggestion }: ConfigSources.UnknownVariable): string =>
  `unknown environment variable ${name} has no effect${suggestion === undefined ? "" : `; did you mean ${suggestion}?`}`
