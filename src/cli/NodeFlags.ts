/**
 * The flags that configure a node, and the configuration that they make together with environment and file.
 */
import { Effect, Option, Predicate, Redacted } from "effect"
import { type Command, Flag } from "effect/cli"
import type { ConfigFileError } from "../config/ConfigFile.ts"
import { type ClusterConfigError, withoutSecrets } from "../config/ConfigProblem.ts"
import * as ConfigSources from "../config/ConfigSources.ts"
import { type Entry, entries } from "../config/ConfigTable.ts"
import type { UnknownVariable } from "../config/ConfigVariables.ts"
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

/** The flags that the help lists: what they take, and what for. Every other key has a flag that the help only mentions. */
const listed: Readonly<Record<string, readonly [metavar: string, description: string]>> = {
  profile: ["PROFILE", "The network that the times are made for; lan if not given."],
  "network.bind": ["ADDR", "Address and port to listen on; port 0 lets the system choose."],
  "network.advertise": ["ADDR", "Address or name at which other nodes reach this one, where it is not the bound one."],
  "network.peers": ["ADDR,ADDR", "Nodes to contact at the start; one that answers is enough to join."],
  "network.node_id": ["ID", "Identity of this node; drawn at random at each start if not given."],
  "network.state_dir": ["DIR", "Directory in which this node keeps its identity, so that it comes back as itself."],
  "node.name": ["NAME", "Name of this node for people; that of the host if not given."],
  "node.tags": ["KEY=VALUE", "Text that this node tells every member about itself, such as zone=a; repeatable."],
  "network.cluster": ["NAME", "Name of the cluster; nodes of different names do not join each other."],
  "network.allow": ["CIDR,CIDR", "Networks that may send to this node; all if none is given."],
  "network.encryption": ["MODE", "Whether datagrams are sealed; required if a key is given."],
  "network.cluster_key": [
    "HEX",
    "Key of the cluster. Others on this machine see it in the process list; a file is safer."
  ],
  "network.cluster_key_file": [
    "FILE",
    "File with the keys of the cluster, one a line; the first seals. SIGHUP reads it again."
  ]
}

/** The texts that a flag gives: several for a list, at most one for another key. */
const textsOf = ({ flag, key }: Entry): Flag.Flag<ReadonlyArray<string>> => {
  const name = flag.slice(2)
  if (key.list === true || key.record === true) return Flag.atLeast(Flag.String(name), 0)
  const one = (flag: Flag.Flag<string>) => Flag.map(Flag.optional(flag), Option.toArray)
  if (key.secret === true) return one(Flag.map(Flag.Redacted(name), Redacted.value))
  if (Predicate.isBoolean(key.default)) return one(Flag.map(Flag.Boolean(name), String))
  return one(key.choices === undefined ? Flag.String(name) : Flag.Literals(name, key.choices))
}

const flagOf = (entry: Entry): Flag.Flag<ReadonlyArray<string>> => {
  const [metavar, description] = listed[entry.path] ?? []
  return metavar === undefined || description === undefined
    ? Flag.withHidden(textsOf(entry))
    : textsOf(entry).pipe(Flag.withMetavar(metavar), Flag.withDescription(description))
}

/** Every flag that configures a node: one for each key, by the key's path in files, and the file. */
export const flags = {
  values: Object.fromEntries(entries.map((entry) => [entry.path, flagOf(entry)])),
  // The older implementation's name for --metrics-server-port.
  metricsPort: Flag.String("metrics-port").pipe(
    Flag.withMetavar("PORT"),
    Flag.withDescription("Port at which metrics and health are served over HTTP; 0 serves nothing."),
    Flag.optional
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
export const onlyFile = (config: Flags["config"]): Flags => ({ values: {}, metricsPort: Option.none(), config })

/**
 * Why there is no configuration.
 */
export type LoadError = ClusterConfigError | ConfigFileError | TextFile.UnreadableFile

/**
 * Loads the configuration from flags, environment and file.
 */
export const load = Effect.fnUntraced(function* (flags: Flags) {
  const { env } = yield* Host
  const file = Option.isNone(flags.config) ? undefined : yield* readFile(flags.config.value)
  const values = { ...flags.values }
  if (Option.isSome(flags.metricsPort)) values["metrics.server_port"] = [flags.metricsPort.value]
  const texts = Object.entries(values).filter(([, texts]) => texts.length > 0)
  // A list that is given without a value is empty, and goes before the list in the environment or the file.
  const loaded = yield* ConfigSources.load({
    flags: Object.fromEntries(texts.map(([path, texts]) => [path, texts.join(",")])),
    env,
    file
  })
  return { ...loaded, unknownVariables: Variables.withoutOurs(loaded.unknownVariables) }
})

/**
 * A file with its path.
 */
export const readFile = (path: string) => Effect.map(TextFile.read(path), (text) => ({ path, text }))

/**
 * What is wrong, one line for each thing that is.
 */
export const errorText = (error: LoadError | StartError | LogSettingError): string =>
  error._tag === "ClusterConfigError" ? error.problems.map(({ message }) => message).join("\n") : error.message

/**
 * That a variable has no effect, and which one may be meant.
 */
export const unknownVariableText = ({ name, suggestion }: UnknownVariable): string =>
  `unknown environment variable ${withoutSecrets(name)} has no effect${suggestion === undefined ? "" : `; did you mean ${suggestion}?`}`
