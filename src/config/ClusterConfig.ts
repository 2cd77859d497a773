/**
 * The configuration of a node: what a program passes, and the checked values that follow from it.
 *
 * @since 0.2.0
 */
import { Config, ConfigProvider, Effect, Predicate, type Redacted, Result, Schema, SchemaIssue } from "effect"
import type { ClusterKey } from "../crypto/ClusterKey.ts"
import { noKey } from "./ConfigConflicts.ts"
import { type ConfigFileError, type File, parse, tables } from "./ConfigFile.ts"
import { ClusterConfigError, type Problem, show } from "./ConfigProblem.ts"
import { type Given, resolve } from "./ConfigResolution.ts"
import { type ClusterConfig, type ClusterOptions, type Entry, entries, isBare, sections } from "./ConfigTable.ts"
import { variables } from "./ConfigVariables.ts"
import { type Alias, suggestion } from "./Suggestion.ts"

export { ConfigFileError, type File } from "./ConfigFile.ts"
export { ClusterConfigError, Problem } from "./ConfigProblem.ts"
export type { ClusterConfig, ClusterOptions, ConfigValues } from "./ConfigTable.ts"

/**
 * Checks options and fills in the defaults.
 *
 * **Details**
 *
 * Fails with everything that is wrong with the options: values out of bounds, options that do not exist, and values that
 * do not work together.
 *
 * @example
 * ```ts
 * import { ClusterConfig } from "effect-gossip"
 * import { Result } from "effect"
 *
 * const config = ClusterConfig.make({ bind: "127.0.0.1:7946", profile: "local", gossip: { maxSends: 2 } })
 *
 * console.log(Result.map(config, ({ probes }) => probes.interval))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (options: ClusterOptions): Result.Result<ClusterConfig, ClusterConfigError> => {
  const { given, problems } = fromOptions(options)
  return Result.map(resolve(given, problems, optionOf), ({ config }) => config)
}

const optionOf = ({ option }: Entry): string => option

const byOption = new Map(entries.map((entry) => [entry.option, entry]))
const aliases = entries.map(({ option }): Alias => [option, `\`${option}\``])

const fromOptions = (options: ClusterOptions) => {
  const given: Array<Given> = []
  const problems: Array<Problem> = []
  const take = (option: string, raw: unknown): void => {
    const entry = byOption.get(option)
    if (entry !== undefined) given.push({ entry, origin: "option", raw, shown: raw, name: `\`${option}\`` })
    else problems.push({ key: option, message: `\`${option}\` is not an option${suggestion(option, aliases)}` })
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (isBare(name) || !sections.includes(name)) take(name, value)
    else if (Predicate.isObject(value)) {
      for (const [property, raw] of Object.entries(value)) if (raw !== undefined) take(`${name}.${property}`, raw)
    } else problems.push({ key: name, message: `\`${name}\` is ${show(value)}; expected an object of options` })
  }
  return { given, problems }
}

/**
 * The configuration of a node that is given nothing: alone, on a port of 127.0.0.1 that the system chooses.
 *
 * @category constructors
 * @since 0.2.0
 */
export const defaults: ClusterConfig = Result.getOrThrow(make({}))

/**
 * The configuration that environment variables give, or whatever `ConfigProvider` is installed.
 *
 * **When to use**
 *
 * Use to configure a node from outside, as the command line does, in a program of your own.
 *
 * **Details**
 *
 * The variables are `GOSSIP_<SECTION>_<KEY>`, such as `GOSSIP_PROBES_INTERVAL_MS`, with the names and units of
 * `gossip.example.toml`; `GOSSIP_PROFILE` has no section. A provider of nested values has the same names in lower case
 * under `gossip`. What is not given takes its default. Use {@link providerToml} to read a file too.
 *
 * Fails with one `ConfigError` that tells everything that is wrong.
 *
 * @example
 * ```ts
 * import { ClusterConfig } from "effect-gossip"
 * import { NodeCluster } from "effect-gossip/node"
 * import { Effect, Layer } from "effect"
 *
 * // GOSSIP_NETWORK_BIND=0.0.0.0:7946 GOSSIP_NETWORK_PEERS=10.0.0.1:7946 node program.js
 * const Node = Layer.unwrap(Effect.map(ClusterConfig.config, (config) => NodeCluster.layerResolved(config)))
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const config: Config.Config<ClusterConfig> = Config.mapEffect(variables, ({ given, problems }) =>
  Effect.fromResult(
    Result.mapBoth(
      resolve(given, problems, ({ path }) => path),
      {
        onFailure: ({ message }) =>
          new Config.ConfigError(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message }))),
        onSuccess: ({ config }) => config
      }
    )
  )
)

/**
 * A provider of the values in a TOML file, for {@link config}.
 *
 * **Details**
 *
 * Fails when the text is not TOML, and with all keys in it that do not exist. `path` only names the file in messages.
 *
 * @example
 * ```ts
 * import { ClusterConfig } from "effect-gossip"
 * import { ConfigProvider, Effect, FileSystem, Layer } from "effect"
 *
 * // Variables go before the file.
 * const File = ConfigProvider.layerAdd(
 *   Effect.gen(function* () {
 *     const fs = yield* FileSystem.FileSystem
 *     const path = "/etc/gossip.toml"
 *     return yield* Effect.fromResult(ClusterConfig.providerToml({ path, text: yield* fs.readFileString(path) }))
 *   })
 * )
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const providerToml = (
  file: File
): Result.Result<ConfigProvider.ConfigProvider, ConfigFileError | ClusterConfigError> =>
  Result.gen(function* () {
    const { problems } = yield* parse(file)
    if (problems.length > 0) return yield* Result.fail(new ClusterConfigError({ problems }))
    return ConfigProvider.fromUnknown({ gossip: yield* tables(file) })
  })

/**
 * The configuration with these keys, for keys that were read from the file that `network.clusterKeyFile` names.
 *
 * **Details**
 *
 * The first key seals, all of them open. `network.encryption` stays as it is. Fails when there is no key and encryption
 * needs one.
 *
 * @category combinators
 * @since 0.2.0
 */
export const withKeys = (
  config: ClusterConfig,
  keys: ReadonlyArray<Redacted.Redacted<ClusterKey>>
): Result.Result<ClusterConfig, ClusterConfigError> => {
  const { network } = config
  if (network.encryption !== "off" && keys.length === 0) {
    const message = `\`encryption\` is ${show(network.encryption)}, which ${noKey}`
    return Result.fail(new ClusterConfigError({ problems: [{ key: "encryption", message }] }))
  }
  return Result.succeed({ ...config, network: { ...network, keys } })
}
