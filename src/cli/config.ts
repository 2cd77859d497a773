/**
 * `gossip config`: looks at a configuration without running a node.
 */
import { Console, Effect, Option, Predicate } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import { NetAddress } from "effect/net"
import * as ConfigFile from "../config/ConfigFile.ts"
import { encode } from "../config/ConfigResolution.ts"
import type { Loaded } from "../config/ConfigSources.ts"
import type { Entry } from "../config/ConfigTable.ts"
import { entries, sections, valueAt } from "../config/ConfigTable.ts"
import * as AdminTokenFile from "../node/AdminTokenFile.ts"
import * as ClusterKeyFile from "../node/ClusterKeyFile.ts"
import { noLimitWarning } from "../transport/RateLimiter.ts"
import { Host } from "./Host.ts"
import * as NodeFlags from "./NodeFlags.ts"
import * as Variables from "./Variables.ts"
import * as Warnings from "./Warnings.ts"

type Env = Readonly<Record<string, string | undefined>>

/**
 * Where the value of a key comes from: `from gossip.toml`, `from GOSSIP_NETWORK_BIND`, `from --bind`, `from the profile
 * "wan"`, or `default`.
 */
export const originText = (
  { config, origins }: Loaded,
  entry: Entry,
  file: Option.Option<string>,
  env: Env
): string => {
  switch (origins.get(entry.path) ?? "default") {
    case "file":
      return `from ${Option.getOrElse(file, () => "the file")}`
    case "environment":
      return `from ${variableOf(entry, env)}`
    case "flag":
      return `from ${entry.flag}`
    case "profile":
      return `from the profile "${config.profile}"`
    case "option":
      return "from the program"
    case "default":
      return entry.path === "network.encryption" && config.network.encryption !== "off"
        ? "default, as a key is given"
        : "default"
  }
}

// A key's variable may have two names, and a list may be spread over numbered ones.
const variableOf = ({ shortVariable, variable }: Entry, env: Env): string =>
  [variable, shortVariable, `${variable}_0`].find(
    (name) => name !== undefined && Variables.textOf(env, name) !== undefined
  ) ?? variable

// Where the comments stand, if the values leave room.
const CommentColumn = 40

/** A value as TOML, whose texts and lists are those of JSON. */
const literal = (value: unknown): string => {
  if (!Predicate.isObject(value)) return JSON.stringify(value)
  const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)} = ${JSON.stringify(item)}`)
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`
}

const line = ({ key, name }: Entry, value: unknown): string => {
  if (value === undefined) return `# ${name} =`
  return key.secret === true ? `# ${name} = "<redacted>"` : `${name} = ${literal(encode(key, value))}`
}

/**
 * The configuration as the text of a file, with where each value comes from. No secret is in it.
 */
export const text = (loaded: Loaded, file: Option.Option<string>, env: Env): string =>
  ["", ...sections]
    .map((section) => {
      const lines = entries
        .filter((entry) => entry.section === section)
        .map((entry) => {
          const value = line(entry, valueAt(loaded.config, entry))
          return `${value.padEnd(CommentColumn)}  # ${originText(loaded, entry, file, env)}`
        })
      return (section === "" ? lines : [`[${section}]`, ...lines]).join("\n")
    })
    .join("\n\n")

/**
 * What is allowed but may not be meant. `inFile` are the keys that the file gives.
 */
export const warnings = (loaded: Loaded, inFile: ReadonlySet<Entry>, env: Env): ReadonlyArray<string> => {
  const { bind, encryption } = loaded.config.network
  const overridden = [...inFile]
    .filter(({ path }) => loaded.origins.get(path) === "environment")
    .map((entry) => `\`${entry.path}\` has no effect, as ${variableOf(entry, env)} overrides it`)
  const open =
    encryption === "off" && !NetAddress.isLoopback(bind.address)
      ? [
          `messages are not encrypted, so whoever can send to ${NetAddress.formatInet(bind)} can lie; ` +
            "gossip keygen makes a key"
        ]
      : []
  const halfOpen =
    encryption === "accept"
      ? ['`network.encryption` is "accept", which protects from nothing: set "required" once all nodes have the key']
      : []
  const unlimited = loaded.config.network.maxInboundRate === 0 ? [noLimitWarning] : []
  return [
    ...loaded.unknownVariables.map(NodeFlags.unknownVariableText),
    ...overridden,
    ...unlimited,
    ...open,
    ...halfOpen
  ]
}

// That a file with secrets is not here, or not yet, is no mistake of the file that names it.
const warnOfSecretFiles = Effect.fnUntraced(function* ({ config }: Loaded) {
  const lacking = ({ message }: { readonly message: string }) =>
    Warnings.print([`${message}; without it a node does not start`])
  yield* Effect.catch(Effect.asVoid(ClusterKeyFile.load(config)), lacking)
  yield* Effect.catch(Effect.asVoid(AdminTokenFile.load(config)), lacking)
}, Effect.provide(Warnings.layer))

const asUserError = (cause: NodeFlags.LoadError) =>
  new CliError.UserError({ cause, userMessage: NodeFlags.errorText(cause) })

const check = Command.make(
  "check",
  {
    file: Argument.Path("FILE").pipe(Argument.withDescription("TOML file with the configuration of a node."))
  },
  Effect.fnUntraced(function* ({ file: path }) {
    const { env } = yield* Host
    const file = yield* NodeFlags.readFile(path)
    const loaded = yield* NodeFlags.load(NodeFlags.onlyFile(Option.some(path)))
    const { given } = yield* Effect.fromResult(ConfigFile.parse(file))
    yield* Console.log(`${path} is valid`)
    yield* Warnings.print(warnings(loaded, new Set(given.map(({ entry }) => entry)), env))
    yield* warnOfSecretFiles(loaded)
  }, Effect.mapError(asUserError))
).pipe(
  Command.withShortDescription("Check a file: whether gossip run would take it, or what is wrong with it."),
  Command.withDescription(
    [
      "Checks a file as gossip run --config FILE would, together with the environment, and starts nothing. Every",
      "  mistake is named, on standard error, and the exit code is 1; it is 0 if there is none, whatever is warned of."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip config check /etc/gossip.toml", description: "Before a restart, or in a pipeline" }
  ])
)

const print = Command.make(
  "print",
  NodeFlags.flags,
  Effect.fnUntraced(function* (flags: NodeFlags.Flags) {
    const { env } = yield* Host
    const loaded = yield* NodeFlags.load(flags)
    yield* Console.log(text(loaded, flags.config, env))
    yield* Warnings.print(loaded.unknownVariables.map(NodeFlags.unknownVariableText))
  }, Effect.mapError(asUserError))
).pipe(
  Command.withShortDescription("Print every value that a node would have, and where it comes from."),
  Command.withDescription(
    [
      "Prints the configuration that gossip run would have with the same flags, environment and file: every key with its",
      "  value and, in a comment, where that comes from. What is printed is itself a file; secrets are not in it."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip config print", description: "The defaults, and what the environment changes" },
    {
      command: "gossip config print --config gossip.toml | grep -v '# default'",
      description: "What is not the default"
    }
  ])
)

/**
 * Checks and prints configurations.
 */
export const config = Command.make("config").pipe(
  Command.withShortDescription("Check the configuration of a node, or print it."),
  Command.withDescription("Looks at the configuration of a node without running one."),
  Command.withSubcommands([check, print])
)
