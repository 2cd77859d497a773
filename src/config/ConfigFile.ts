/**
 * Configuration as TOML text.
 */
import { Predicate, Result, Schema } from "effect"
import * as Toml from "effect/encoding/Toml"
import type { Problem } from "./ConfigProblem.ts"
import { show, withoutSecrets } from "./ConfigProblem.ts"
import type { Given } from "./ConfigResolution.ts"
import { entries, entryAt, sections } from "./ConfigTable.ts"
import { type Alias, suggestion } from "./Suggestion.ts"

/**
 * A file is not TOML.
 *
 * **Details**
 *
 * `message` names the file, line and column, and never repeats a value from it: values may be secrets.
 *
 * @category errors
 * @since 0.2.0
 */
export class ConfigFileError extends Schema.TaggedError<ConfigFileError>()("ConfigFileError", {
  path: Schema.String,
  message: Schema.String
}) {}

/**
 * A file with its path, which messages name.
 *
 * @category models
 * @since 0.2.0
 */
export interface File {
  readonly path: string
  readonly text: string
}

/** What a source gives, and what is wrong with it before any value is judged. */
export interface Read {
  readonly given: ReadonlyArray<Given>
  readonly problems: ReadonlyArray<Problem>
}

// The parser's error carries the whole file, and some of its messages quote the text where a value should stand, which
// may be a secret without its quotes. Only messages known to quote a key or a delimiter are kept whole.
const withoutValues = (message: string): string =>
  message.includes("call stack") ? TooDeep : withoutSecrets(cleaned(message))

const cleaned = (message: string): string =>
  /^(Expected|Cannot redefine) /.test(message)
    ? message
    : message
        .replace(/ '.*'(?= at line \d+, column \d+$)/s, "")
        .replace(/^Invalid value(?= at )/, "Invalid value (texts must stand in quotes)")

/** The tables and values of a file. */
export const tables = ({ path, text }: File): Result.Result<Readonly<Record<string, unknown>>, ConfigFileError> => {
  const refused = (reason: string) => new ConfigFileError({ path, message: `${path}: ${reason}` })
  return Result.filterOrFail(
    Result.mapError(Toml.parse(text), ({ message }) => refused(withoutValues(message))),
    (root) => isWithin(root, MaxDepth),
    () => refused(TooDeep)
  )
}

/** The most tables and lists within each other. No key needs more than three. */
const MaxDepth = 32

const TooDeep = `more than ${MaxDepth} tables and lists are within each other`

const isWithin = (value: unknown, depth: number): boolean =>
  !Predicate.isObjectKeyword(value) || (depth > 0 && Object.values(value).every((inner) => isWithin(inner, depth - 1)))

/** Reads what a file gives. Keys that do not exist are problems; values are not judged yet. */
export const parse = (file: File): Result.Result<Read, ConfigFileError> =>
  Result.map(tables(file), (root) => {
    const given: Array<Given> = []
    const problems: Array<Problem> = []
    // A key of the cluster may stand where the name of a key belongs.
    const refuse = (key: string, message: string) =>
      problems.push({ key: withoutSecrets(key), message: `${withoutSecrets(message)} (${file.path})` })
    const take = (path: string, raw: unknown): boolean => {
      const entry = entryAt(path)
      if (entry === undefined) return false
      given.push({ entry, origin: "file", raw, shown: raw, name: `\`${path}\` in ${file.path}` })
      return true
    }
    for (const [section, table] of Object.entries(root)) {
      if (sections.includes(section)) {
        if (!Predicate.isObject(table)) {
          refuse(section, `\`${section}\` is ${show(table)}; expected a section, \`[${section}]\``)
          continue
        }
        for (const [name, raw] of Object.entries(table)) {
          const path = `${section}.${name}`
          if (!take(path, raw)) refuse(path, `unknown key \`${path}\`${hint(path)}`)
        }
      } else if (!take(section, table)) {
        const isTable = Predicate.isObject(table)
        refuse(
          section,
          `unknown ${isTable ? "section" : "key"} \`${section}\`${isTable ? sectionHint(section) : hint(section)}`
        )
      }
    }
    return { given, problems }
  })

const quoted = (names: ReadonlyArray<string>): string => names.map((name) => `\`${name}\``).join(", ")

const theSections = `; the sections are ${quoted(sections)}`

const sectionHint = (section: string): string =>
  suggestion(
    section,
    sections.map((name): Alias => [name, `\`${name}\``]),
    theSections
  )

// A key may be misspelt in its own section, stand in another's, or stand before all sections.
const hint = (path: string): string => {
  const [section = "", name = section] = path.split(".", 2)
  const own = entries.filter((entry) => entry.section === section)
  const aliases = [own, entries].map((some) => some.map(({ name, path }): Alias => [name, `\`${path}\``]))
  const names = quoted(own.map((entry) => entry.name))
  const otherwise = own.length === 0 ? theSections : `; the keys of \`${section}\` are ${names}`
  return aliases.map((some) => suggestion(name, some)).find((text) => text !== "") ?? otherwise
}
