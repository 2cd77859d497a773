/**
 * Configuration from all its sources. A flag goes before the environment, the environment before the file, the file
 * before the default.
 */
import { ConfigProvider, Effect, Option, Predicate, Result } from "effect"
import type { ClusterOptions } from "./ClusterConfig.ts"
import { fromOptions } from "./ClusterConfig.ts"
import type { ConfigFileError } from "./ConfigFile.ts"
import { parse } from "./ConfigFile.ts"
import type { ClusterConfigError, Given, Problem, Resolution } from "./ConfigResolution.ts"
import { resolve } from "./ConfigResolution.ts"
import type { Entry } from "./ConfigTable.ts"
import { entries } from "./ConfigTable.ts"
import type { Alias } from "./Suggestion.ts"
import { nearest } from "./Suggestion.ts"

/**
 * What to load. The file's text is passed in, so that this works where there is no file system.
 */
export interface Sources {
  /** What flags gave, typed as for a library user. Messages name the flag by the key table: `--gossip-fanout`. */
  readonly flags?: ClusterOptions | undefined
  /** Variables such as `GOSSIP_PROBES_SUSPECT_TIMEOUT_MS`; one that is set to an empty text counts as not set. */
  readonly env?: Readonly<Record<string, string | undefined>> | ConfigProvider.ConfigProvider | undefined
  readonly file?: Option.Option<{ readonly path: string; readonly text: string }> | undefined
}

/**
 * An environment variable that begins with `GOSSIP_` and is no key's; it may have another purpose or be misspelt.
 */
export interface UnknownVariable {
  readonly name: string
  /** A variable with a similar name that is known. */
  readonly suggestion: string | undefined
}

/**
 * A configuration with where each value came from (by the key's path in files) and the variables that were ignored.
 */
export interface Loaded extends Resolution {
  readonly unknownVariables: ReadonlyArray<UnknownVariable>
}

/**
 * Loads a configuration. Every value of every source is judged, also one that another source overrides, so a mistake
 * does not wait for the day when the flag over it is gone.
 *
 * Fails with `ConfigFileError` when the file is not TOML, and otherwise with `ClusterConfigError`, which has everything
 * that is wrong in any source.
 */
export const load = Effect.fnUntraced(function* (
  sources: Sources
): Effect.fn.Return<Loaded, ClusterConfigError | ConfigFileError> {
  const file =
    sources.file === undefined
      ? nothing
      : yield* Option.match(sources.file, {
          onNone: () => Effect.succeed(nothing),
          onSome: (file) => Effect.fromResult(parse(file))
        })
  const env = sources.env ?? {}
  const environment = yield* fromProvider(isProvider(env) ? env : ConfigProvider.fromEnvRecord(env))
  const flags = fromOptions(sources.flags ?? {}, (entry) => `${entry.flag} (\`${entry.path}\`)`)

  const resolution = yield* Effect.fromResult(
    resolve(
      [...file.given, ...environment.given, ...flags.given],
      [...file.problems, ...environment.problems, ...flags.problems],
      (entry) => entry.path
    )
  )
  return { ...resolution, unknownVariables: isProvider(env) ? [] : unknownVariables(env) }
})

interface Read {
  readonly given: ReadonlyArray<Given>
  readonly problems: ReadonlyArray<Problem>
}

const nothing: Read = { given: [], problems: [] }

const isProvider = (
  env: Readonly<Record<string, string | undefined>> | ConfigProvider.ConfigProvider
): env is ConfigProvider.ConfigProvider => Predicate.isFunction(env.load)

const fromProvider = Effect.fnUntraced(function* (provider: ConfigProvider.ConfigProvider): Effect.fn.Return<Read> {
  const ours = provider.pipe(ConfigProvider.constantCase, ConfigProvider.nested("GOSSIP"))
  const given: Array<Given> = []
  const problems: Array<Problem> = []
  for (const entry of entries) {
    const { key, path, section, shortVariable } = entry
    const refuse = (variable: string, message: string) =>
      problems.push({ key: path, message: `${variable} (\`${path}\`) ${message}` })
    const read = yield* Effect.result(textsOf(ours, entry, [section, entry.name]))
    if (Result.isFailure(read)) {
      refuse(entry.variable, `cannot be read: ${read.failure.message}`)
      continue
    }
    let shown = read.success
    let variable = entry.variable
    if (shortVariable !== undefined) {
      const short = yield* Effect.result(textsOf(ours, entry, [entry.name]))
      if (Result.isFailure(short)) {
        refuse(shortVariable, `cannot be read: ${short.failure.message}`)
        continue
      }
      if (short.success !== undefined && shown !== undefined && !isSameText(short.success, shown)) {
        refuse(shortVariable, `and ${entry.variable} are two names of one variable, and differ; unset one of them`)
        continue
      }
      if (shown === undefined) {
        shown = short.success
        variable = shortVariable
      }
    }
    if (shown === undefined) continue
    const raw = Predicate.isString(shown) ? key.fromText(shown.trim()) : shown
    given.push({ entry, origin: "environment", raw, shown, name: `${variable} (\`${path}\`)` })
  }
  return { given, problems }
})

const isSameText = (a: unknown, b: unknown): boolean =>
  Predicate.isString(a) && Predicate.isString(b) && a.trim() === b.trim()

// A list may also be spread over numbered variables, as everywhere in Effect: GOSSIP_NETWORK_PEERS_0 and so on.
const textsOf = Effect.fnUntraced(function* (
  provider: ConfigProvider.ConfigProvider,
  { key }: Entry,
  path: ReadonlyArray<string>
): Effect.fn.Return<string | ReadonlyArray<string> | undefined, ConfigProvider.SourceError> {
  const node = yield* provider.load([...path])
  if (node?.value !== undefined || node?._tag !== "Array" || !key.list) return node?.value
  const items: Array<string> = []
  for (let index = 0; index < node.length; index++) {
    const item = yield* provider.load([...path, index])
    items.push(item?.value?.trim() ?? "")
  }
  return items
})

const prefix = "GOSSIP_"

// Without the prefix, which would make everything look alike; and also without the section, which is easily forgotten.
const spellings: ReadonlyArray<Alias> = entries.flatMap(({ name, section, variable }): ReadonlyArray<Alias> => [
  [`${section}_${name}`, variable],
  [name, variable]
])

const isKnown = (name: string): boolean =>
  entries.some(
    ({ key, shortVariable, variable }) =>
      name === variable ||
      name === shortVariable ||
      (key.list && name.startsWith(`${variable}_`) && /^\d+$/.test(name.slice(variable.length + 1)))
  )

const unknownVariables = (env: Readonly<Record<string, string | undefined>>): ReadonlyArray<UnknownVariable> =>
  Object.keys(env)
    .filter((name) => name.startsWith(prefix) && env[name] !== undefined && !isKnown(name))
    .map((name) => ({ name, suggestion: nearest(name.slice(prefix.length), spellings) }))
