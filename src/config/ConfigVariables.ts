/**
 * Configuration from environment variables, or from whatever provider is installed.
 */
import { Config, Option, Predicate, Schema } from "effect"
import type { Read } from "./ConfigFile.ts"
import { type Entry, entries } from "./ConfigTable.ts"
import { type Alias, nearest } from "./Suggestion.ts"

const nothing: Read = { given: [], problems: [] }

type Pairs = { readonly [key: string]: string }

type Texts = string | ReadonlyArray<string | undefined> | Pairs

const Text = Config.option(Config.schema(Schema.String))
// A list may also be spread over numbered variables, as everywhere in Effect: GOSSIP_NETWORK_PEERS_0 and so on.
const Items = Config.option(
  Config.schema(Schema.Union([Schema.String, Schema.Array(Schema.UndefinedOr(Schema.String))]))
)

// A provider of nested values, such as a file, has a table.
const PairsOrText = Config.option(
  Config.schema(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.String)]))
)

/** A text at a path of the provider: in capitals, as variables are, or else as the sections of a file are. */
const textAt = ({ key }: Entry, path: ReadonlyArray<string>): Config.Config<Option.Option<Texts>> => {
  const at = (path: ReadonlyArray<string>) =>
    path.reduceRight<Config.Config<Option.Option<Texts>>>(
      Config.nested,
      key.list === true ? Items : key.record === true ? PairsOrText : Text
    )
  return Config.flatMap(at(path.map((name) => name.toUpperCase())), (found) =>
    Option.isSome(found) ? Config.succeed(found) : at(path)
  )
}

const inSection = ({ name, section }: Entry): ReadonlyArray<string> =>
  ["gossip", section, name].filter((segment) => segment !== "")

const isSame = (a: Texts, b: Texts): boolean => String(a).trim() === String(b).trim()

/** What one key is given, or why it is not clear. */
const readOne = (entry: Entry): Config.Config<Read> =>
  Config.map(
    Config.all([
      textAt(entry, inSection(entry)),
      entry.shortVariable === undefined ? Config.succeed(Option.none()) : textAt(entry, ["gossip", entry.name])
    ]),
    ([long, short]) => {
      const { key, path, shortVariable, variable } = entry
      if (Option.isSome(long) && Option.isSome(short) && !isSame(long.value, short.value)) {
        const message = `${shortVariable} (\`${path}\`) and ${variable} are two names of one variable, and differ; unset one of them`
        return { given: [], problems: [{ key: path, message }] }
      }
      const shown = Option.getOrUndefined(Option.orElse(long, () => short))
      if (shown === undefined || (Predicate.isString(shown) && shown.trim() === "")) return nothing
      const raw = Predicate.isString(shown)
        ? key.fromText(shown.trim())
        : key.list === true
          ? Object.values(shown).map((item) => item?.trim() ?? "")
          : shown
      const name = `${Option.isSome(long) ? variable : shortVariable} (\`${path}\`)`
      return { given: [{ entry, origin: "environment", raw, shown, name }], problems: [] }
    }
  )

/** What variables, or whatever provider is installed, give for these keys. */
const variablesOf = (entries: ReadonlyArray<Entry>): Config.Config<Read> =>
  Config.map(Config.all(entries.map(readOne)), (reads) => ({
    given: reads.flatMap(({ given }) => given),
    problems: reads.flatMap(({ problems }) => problems)
  }))

/** What variables, or whatever provider is installed, give. Made when it is used, since most programs do not. */
export const variables: Config.Config<Read> = Config.flatMap(Config.succeed(entries), variablesOf)

/** The same for an environment that is known: only keys that a variable in it can be meant for are looked for. */
export const variablesIn = (env: Readonly<Record<string, string | undefined>>): Config.Config<Read> => {
  const names = Object.keys(env).map((name) => name.toUpperCase())
  return variablesOf(
    entries.filter(({ shortVariable, variable }) =>
      names.some((name) => name.startsWith(variable) || (shortVariable !== undefined && name === shortVariable))
    )
  )
}

/** An environment variable that begins with `GOSSIP_` and is no key's; it may have another purpose or be misspelt. */
export interface UnknownVariable {
  readonly name: string
  /** A variable with a similar name that is known. */
  readonly suggestion: string | undefined
}

const prefix = "GOSSIP_"

// Without the prefix, which would make everything look alike; and also without the section, which is easily forgotten.
const spellings: ReadonlyArray<Alias> = entries.flatMap(({ name, path, variable }): ReadonlyArray<Alias> => [
  [path.replace(".", "_"), variable],
  [name, variable]
])

const isKnown = (name: string): boolean =>
  entries.some(
    ({ key, shortVariable, variable }) =>
      name === variable ||
      name === shortVariable ||
      (key.list === true && name.startsWith(`${variable}_`) && /^\d+$/.test(name.slice(variable.length + 1)))
  )

/** The variables that begin with `GOSSIP_` and are no key's. */
export const unknownVariables = (env: Readonly<Record<string, string | undefined>>): ReadonlyArray<UnknownVariable> =>
  Object.keys(env)
    .filter((name) => name.startsWith(prefix) && env[name] !== undefined && !isKnown(name))
    .map((name) => ({ name, suggestion: nearest(name.slice(prefix.length), spellings) }))
