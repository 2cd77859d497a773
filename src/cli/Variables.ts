/**
 * Environment variables of the command line, beside those of the configuration's keys.
 */
import type { UnknownVariable } from "../config/ConfigVariables.ts"
import { nearest } from "../config/Suggestion.ts"

/**
 * The variables, by what they set.
 */
export const names = { logFormat: "GOSSIP_LOG_FORMAT", logLevel: "GOSSIP_LOG_LEVEL" } as const

const ours: ReadonlyArray<string> = Object.values(names)

const withoutPrefix = (name: string): string => name.replace(/^GOSSIP_/, "")

/**
 * The variables that the configuration does not know and the command line does not either. One that looks like a
 * variable of the command line, and like no key's, gets that as the suggestion.
 */
export const withoutOurs = (unknown: ReadonlyArray<UnknownVariable>): ReadonlyArray<UnknownVariable> =>
  unknown
    .filter(({ name }) => !ours.includes(name))
    .map(({ name, suggestion }) => ({
      name,
      suggestion:
        suggestion ??
        nearest(
          withoutPrefix(name),
          ours.map((our) => [withoutPrefix(our), our])
        )
    }))

/**
 * The text of a variable; one that is set to an empty text counts as not set.
 */
export const textOf = (env: Readonly<Record<string, string | undefined>>, name: string): string | undefined => {
  const text = env[name]?.trim()
  return text === "" ? undefined : text
}
