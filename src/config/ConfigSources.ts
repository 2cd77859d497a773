/**
 * Configuration from all its sources. A flag goes before the environment, the environment before the file, the file
 * before the profile, and that before the default.
 */
import { ConfigProvider, Effect } from "effect"
import { type ConfigFileError, type File, parse, type Read } from "./ConfigFile.ts"
import { ClusterConfigError } from "./ConfigProblem.ts"
import { type Given, type Resolution, resolve } from "./ConfigResolution.ts"
import { entryAt } from "./ConfigTable.ts"
import { type UnknownVariable, unknownVariables, variablesIn } from "./ConfigVariables.ts"

/** What to load. The text of the file is passed in, so that this works where there is no file system. */
export interface Sources {
  /** Texts by the path of the key that they are for: `gossip.fanout`. An empty one of a list is an empty list. */
  readonly flags?: Readonly<Record<string, string>> | undefined
  /** Variables such as `GOSSIP_PROBES_SUSPECT_TIMEOUT_MS`; one that is set to an empty text counts as not set. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly file?: File | undefined
}

/** A configuration with where each value comes from, and the variables that were ignored. */
export interface Loaded extends Resolution {
  readonly unknownVariables: ReadonlyArray<UnknownVariable>
}

const nothing: Read = { given: [], problems: [] }

/**
 * Loads a configuration. Every value of every source is judged, also one that another source overrides, so that a
 * mistake does not wait for the day when the flag over it is gone.
 *
 * Fails with `ConfigFileError` when the file is not TOML, and otherwise with `ClusterConfigError`, which has everything
 * that is wrong in any source.
 */
export const load = Effect.fnUntraced(function* ({
  env = {},
  file,
  flags = {}
}: Sources): Effect.fn.Return<Loaded, ClusterConfigError | ConfigFileError> {
  const fromFile = file === undefined ? nothing : yield* Effect.fromResult(parse(file))
  const fromEnvironment = yield* Effect.mapError(
    variablesIn(env).parse(ConfigProvider.fromEnvRecord(env)),
    ({ message }) => new ClusterConfigError({ problems: [{ key: "", message }] })
  )
  const fromFlags = Object.entries(flags).flatMap(([path, text]): ReadonlyArray<Given> => {
    const entry = entryAt(path)
    if (entry === undefined) return []
    const name = `${entry.flag} (\`${path}\`)`
    return [{ entry, origin: "flag", raw: entry.key.fromText(text), shown: text, name }]
  })
  const resolution = yield* Effect.fromResult(
    resolve(
      [...fromFile.given, ...fromEnvironment.given, ...fromFlags],
      [...fromFile.problems, ...fromEnvironment.problems],
      ({ path }) => path
    )
  )
  return { ...resolution, unknownVariables: unknownVariables(env) }
})
