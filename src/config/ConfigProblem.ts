/**
 * What is wrong with a configuration, in words that never repeat a secret.
 */
import { Duration, Predicate, Schema } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import * as Peer from "../domain/Peer.ts"

/**
 * One thing that is wrong with a configuration.
 *
 * **Details**
 *
 * `key` names the key as its source does: `probes.timeout` among options, `probes.timeout_ms` elsewhere. `message` is a
 * sentence that can stand alone.
 *
 * @category errors
 * @since 0.2.0
 */
export const Problem = Schema.Struct({ key: Schema.String, message: Schema.String })

/**
 * One thing that is wrong with a configuration.
 *
 * @category errors
 * @since 0.2.0
 */
export interface Problem extends Schema.Schema.Type<typeof Problem> {}

/**
 * A configuration cannot be used.
 *
 * **Details**
 *
 * `problems` holds everything that is wrong with it, not only what was found first. `message` has one line for each.
 * Neither repeats the value of a secret.
 *
 * @category errors
 * @since 0.2.0
 */
export class ClusterConfigError extends Schema.TaggedError<ClusterConfigError>()("ClusterConfigError", {
  problems: Schema.Array(Problem)
}) {
  override get message(): string {
    return ["The configuration cannot be used:", ...this.problems.map((problem) => `  ${problem.message}`)].join("\n")
  }
}

/**
 * A text without what may be a cluster key that somebody put in the wrong place: no other value has so many digits in a
 * row.
 */
export const withoutSecrets = (text: string): string => text.replace(/[0-9a-f]{40,}/gi, "<redacted>")

/** How a value appears in a message: short, on one line, and without what may be a cluster key. */
export const show = (value: unknown): string => {
  const text = withoutSecrets(showWhole(value))
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

const showWhole = (value: unknown): string => {
  if (Predicate.isString(value)) return JSON.stringify(value)
  if (Duration.isDuration(value)) return `${Duration.toMillis(value)} ms`
  if (Peer.isPeer(value)) return Peer.format(value)
  if (NetAddress.isIpAddress(value)) return JSON.stringify(NetAddress.formatIp(value))
  if (IpNetwork.isIpNetwork(value)) return JSON.stringify(IpNetwork.format(value))
  if (Array.isArray(value)) return `[${value.map(showWhole).join(", ")}]`
  if (Predicate.isDate(value)) return "a date"
  return Predicate.isFunction(value) || Predicate.isObjectKeyword(value) ? "a table" : String(value)
}
