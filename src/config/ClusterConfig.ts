/**
 * The configuration of a node: what a program passes, and what comes of it.
 */
import type { Duration, Redacted } from "effect"
import { Predicate, Result } from "effect"
import type { IpNetwork, NetAddress } from "effect/net"
import type { ClusterKey } from "../crypto/ClusterKey.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { Peer } from "../domain/Peer.ts"
import type { ClusterConfig, Given, Problem } from "./ConfigResolution.ts"
import { ClusterConfigError, noKey, resolve, show } from "./ConfigResolution.ts"
import type { Entry } from "./ConfigTable.ts"
import { entries, sections } from "./ConfigTable.ts"
import type { Alias } from "./Suggestion.ts"
import { suggestion } from "./Suggestion.ts"

export type { ClusterConfig, Origin } from "./ConfigResolution.ts"
export { ClusterConfigError, Problem } from "./ConfigResolution.ts"

type OptionOf<A> = A extends Duration.Duration
  ? Duration.Input
  : A extends NetAddress.InetAddress
    ? string | NetAddress.InetAddress
    : A extends NetAddress.IpAddress
      ? string | NetAddress.IpAddress
      : A extends ReadonlyArray<Peer>
        ? ReadonlyArray<string | Peer>
        : A extends ReadonlyArray<IpNetwork.IpNetwork>
          ? ReadonlyArray<string | IpNetwork.IpNetwork>
          : A extends Redacted.Redacted<ClusterKey>
            ? string | Redacted.Redacted<string> | Redacted.Redacted<ClusterKey>
            : A extends Redacted.Redacted<string>
              ? string | Redacted.Redacted<string>
              : A extends NodeId
                ? NodeId | string
                : A

type SectionOptions<C> = { readonly [K in keyof C]?: OptionOf<C[K]> | undefined }

type NetworkOptions = SectionOptions<Omit<ClusterConfig["network"], "keys">>

type OtherOptions = {
  readonly [S in Exclude<keyof ClusterConfig, "network">]?: SectionOptions<ClusterConfig[S]> | undefined
}

/**
 * What a program may pass: any part of a configuration. The keys of `network` stand at the top, the others in their
 * sections. Addresses, peers, networks and the cluster key may be texts, times any `Duration.Input` (a bare number is
 * milliseconds), and a node id the text of one. What is left out or `undefined` takes its default.
 */
export interface ClusterOptions extends NetworkOptions, OtherOptions {}

/**
 * Brings options into the form that `resolve` takes. `nameOf` names key and source in messages.
 */
export const fromOptions = (
  options: ClusterOptions,
  nameOf: (entry: Entry) => string
): { readonly given: ReadonlyArray<Given>; readonly problems: ReadonlyArray<Problem> } => {
  const given: Array<Given> = []
  const problems: Array<Problem> = []
  const tables = new Map<string, Readonly<Record<string, unknown>>>()
  const top = Object.entries(options).filter(([, value]) => value !== undefined)
  const others = new Set(sections.filter((section) => section !== "network"))
  tables.set("network", Object.fromEntries(top.filter(([name]) => !others.has(name))))
  for (const [name, value] of top) {
    if (!others.has(name)) continue
    if (Predicate.isObject(value)) tables.set(name, Object.fromEntries(Object.entries(value)))
    else problems.push({ key: name, message: `\`${name}\` is ${show(value)}; expected an object of options` })
  }
  for (const [section, table] of tables) {
    for (const [property, value] of Object.entries(table)) {
      if (value === undefined) continue
      const entry = entries.find((entry) => entry.section === section && entry.property === property)
      if (entry === undefined) {
        const name = section === "network" ? property : `${section}.${property}`
        const aliases = entries.map((entry): Alias => [entry.option, `\`${entry.option}\``])
        problems.push({ key: name, message: `\`${name}\` is not an option${suggestion(name, aliases)}` })
      } else {
        const raw = entry.key.fromOption(value)
        given.push({ entry, origin: "flag", raw, shown: value, name: nameOf(entry) })
      }
    }
  }
  return { given, problems }
}

/**
 * Checks options and fills in the defaults. Fails with everything that is wrong with them.
 */
export const make = (options: ClusterOptions): Result.Result<ClusterConfig, ClusterConfigError> => {
  const { given, problems } = fromOptions(options, (entry) => `\`${entry.option}\``)
  return Result.map(
    resolve(given, problems, (entry) => entry.option),
    (resolution) => resolution.config
  )
}

/**
 * The configuration with these keys, the first of which seals: for keys that were read from the file that
 * `network.clusterKeyFile` names. `network.encryption` stays as it is.
 *
 * Fails when there is no key and encryption needs one.
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

/**
 * The configuration of a node that is given nothing: alone, on a port of 127.0.0.1 that the system chooses.
 */
export const defaults: ClusterConfig = Result.getOrThrow(make({}))
