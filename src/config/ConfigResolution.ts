/**
 * From the values that sources give to a configuration: which value overrides which, and everything that is wrong.
 */
import { Predicate, Result, Schema, SchemaIssue } from "effect"
import { conflicts } from "./ConfigConflicts.ts"
import type { ConfigKey } from "./ConfigKey.ts"
import { ClusterConfigError, type Problem, show, withoutSecrets } from "./ConfigProblem.ts"
import type { ClusterConfig, ConfigValues, Entry } from "./ConfigTable.ts"
import { entries, keys, sections, topLevel, valueAt } from "./ConfigTable.ts"
import { profileNames, profiles } from "./Profile.ts"

/** Where the value of a key comes from: `option` is what a program passes. */
export type Origin = "default" | "profile" | "file" | "environment" | "flag" | "option"

/** A value that a source gives to a key. */
export interface Given {
  readonly entry: Entry
  readonly origin: Origin
  /** The value in the form that a file has, or as a program passes it; not judged yet. */
  readonly raw: unknown
  /** The value as it was given, for messages. */
  readonly shown: unknown
  /** Names key and source: "`gossip.fanout` in gossip.toml". */
  readonly name: string
}

/** A configuration, and where each value comes from, by the key's path in files. */
export interface Resolution {
  readonly config: ClusterConfig
  readonly origins: ReadonlyMap<string, Origin>
}

// The sentences of this package. What schemas say by themselves ("Expected number") repeats `expected`.
const reasons = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "InvalidValue" ? SchemaIssue.defaultLeafHook(issue) : ""),
  checkHook: () => ""
})

/** Judges a value. Fails with what was expected and, where that helps, why the value is not it. */
const judge = ({ entry: { key }, origin, raw }: Given): Result.Result<unknown, string> => {
  const isFit = key.unit === undefined || origin === "option" || Predicate.isNumber(raw)
  // Minus zero has no form of its own in a file.
  const input = raw === 0 ? 0 : isFit ? raw : undefined
  return Result.mapError(Schema.decodeUnknownResult(key.schema, { errors: "all" })(input), ({ issue }) =>
    [
      `expected ${key.expected}`,
      ...reasons(issue)
        .issues.map(({ message }) => message)
        .filter((message) => message !== "" && !message.startsWith("Expected "))
    ].join("; ")
  )
}

/** The form that a value has in a file; `undefined` for a value that is not given, and for a secret. */
export const encode = (key: ConfigKey, value: unknown): unknown =>
  value === undefined || key.secret === true
    ? undefined
    : Result.getOrUndefined(Schema.encodeUnknownResult(key.schema)(value))

const isComplete = (draft: object): draft is ConfigValues =>
  entries.every((entry) => {
    const value = valueAt(draft, entry)
    return value === entry.key.default || Schema.is(entry.key.schema)(value)
  })

/**
 * Joins what the sources give: later ones go before earlier ones, all of them before the profile, and that before the
 * defaults. Judges every value, also one that is overridden, and then how they go together. `earlier` holds what was
 * found wrong before. `keyOf` gives the name of a key for `Problem.key`.
 */
export const resolve = (
  given: ReadonlyArray<Given>,
  earlier: ReadonlyArray<Problem>,
  keyOf: (entry: Entry) => string
): Result.Result<Resolution, ClusterConfigError> => {
  const problems = [...earlier]
  const refused = new Set<ConfigKey>()
  const values = new Map(entries.map(({ key }) => [key, key.default]))
  const sources = new Map<ConfigKey, Given>()

  const take = (item: Given): void => {
    const { key } = item.entry
    const result = judge(item)
    if (Result.isSuccess(result)) {
      values.set(key, result.success)
      sources.set(key, item)
    } else {
      refused.add(key)
      const shown = key.secret === true ? "a secret, and not shown" : show(item.shown)
      problems.push({ key: keyOf(item.entry), message: `${item.name} is ${shown}; ${withoutSecrets(result.failure)}` })
    }
  }
  given.forEach(take)
  const profile = profileNames.find((name) => sources.has(topLevel.profile) && name === values.get(topLevel.profile))
  for (const entry of profile === undefined ? [] : entries) {
    const raw = valueAt(profiles[profile ?? "lan"], entry)
    const name = `\`${keyOf(entry)}\` of the profile "${profile}"`
    if (raw !== undefined && !sources.has(entry.key)) take({ entry, origin: "profile", raw, shown: raw, name })
  }
  const { clusterKey, clusterKeyFile, encryption } = keys.network
  const hasKey = sources.has(clusterKey) || sources.has(clusterKeyFile)
  if (!sources.has(encryption)) values.set(encryption, hasKey ? "required" : "off")

  const tableOf = (section: string) =>
    Object.fromEntries(
      entries.filter((entry) => entry.section === section).map(({ key, property }) => [property, values.get(key)])
    )
  const draft = { ...tableOf(""), ...Object.fromEntries(sections.map((section) => [section, tableOf(section)])) }
  // Always so while the schema of each key gives what its type says.
  if (!isComplete(draft)) {
    problems.push({ key: "", message: "a value is of another kind than its key" })
    return Result.fail(new ClusterConfigError({ problems }))
  }
  const { network } = draft
  const config = {
    ...draft,
    network: { ...network, keys: network.clusterKey === undefined ? [] : [network.clusterKey] }
  }

  const ownNames = new Map(entries.map((entry) => [entry.key, keyOf(entry)]))
  const ownName = (key: ConfigKey): string => ownNames.get(key) ?? ""
  const name = (key: ConfigKey): string => sources.get(key)?.name ?? `\`${ownName(key)}\``
  const is = (key: ConfigKey): string =>
    `${name(key)} is ${show(values.get(key))}${sources.has(key) ? "" : " by default"}`
  for (const [concerned, message] of conflicts(config, { name, is })) {
    // The default that stands in for a refused value proves nothing.
    if (!concerned.some((key) => refused.has(key))) problems.push({ key: ownName(concerned[0]), message })
  }
  if (problems.length > 0) return Result.fail(new ClusterConfigError({ problems }))
  const origins = new Map(entries.map(({ key, path }) => [path, sources.get(key)?.origin ?? "default"]))
  return Result.succeed({ config, origins })
}
