/**
 * A change of membership as one line of a log.
 */
import { Duration } from "effect"
import { NetAddress } from "effect/net"
import type { Change, MemberCause } from "../domain/Change.ts"
import type { Member } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { Tags } from "../domain/Tags.ts"

/**
 * A log line: `Warn` for changes that may need attention, `Info` for the others.
 */
export interface ChangeLine {
  readonly level: "Info" | "Warn"
  /** What happened, in a word. */
  readonly what: string
  readonly text: string
}

/**
 * A log message about a change: its line, and the change itself for logs that programs read.
 */
export class ChangeMessage {
  readonly text: string
  readonly change: Change

  constructor(text: string, change: Change) {
    this.text = text
    this.change = change
  }

  toString(): string {
    return this.text
  }

  /** A logger without support for changes shows the line. */
  toJSON(): string {
    return this.text
  }
}

/**
 * Finds the address of a member that a line mentions, if it is known.
 */
export type AddressOf = (id: NodeId) => NetAddress.InetAddress | undefined

/**
 * A node in a line: its id, with its address if that is known.
 */
export const nodeText = (id: NodeId, address: NetAddress.InetAddress | undefined): string =>
  address === undefined ? `${id}` : `${id} (${NetAddress.formatInet(address)})`

/**
 * A member in a line.
 */
export const memberText = (member: Member): string => nodeText(member.id, member.address)

/**
 * The nodes that a change mentions besides its member: the node that reported it, or the relays of a probe.
 */
export const mentioned = (change: Change): ReadonlyArray<NodeId> => {
  switch (change.cause._tag) {
    case "Claimed":
    case "DeathConfirmed":
    case "Replaced":
    case "Forgotten":
      return [change.cause.by]
    case "ProbeFailed":
      return change.cause.relays
    default:
      return []
  }
}

/**
 * The line for a change: what happened, to which member, and why. There is none for `Conflict` and `Unreadable`, which
 * the node itself logs.
 */
export const changeLine = (change: Change, addressOf: AddressOf): ChangeLine | undefined => {
  const line = (level: "Info" | "Warn", what: string, member: Member, why: string): ChangeLine => ({
    level,
    what,
    // Padded, so that the members are in one column.
    text: `${what.padEnd(widest)} ${memberText(member)}: ${why}`
  })
  switch (change._tag) {
    case "Joined": {
      const { cause, member } = change
      return member.status === "suspect"
        ? line("Warn", "suspect", member, `new member, ${why(cause, addressOf)}`)
        : line("Info", "joined", member, why(cause, addressOf))
    }
    case "Suspected":
      return line("Warn", "suspect", change.member, why(change.cause, addressOf))
    case "Recovered": {
      const { cause, member } = change
      return line("Info", "alive", member, `incarnation ${member.incarnation}, ${why(cause, addressOf)}`)
    }
    case "Died":
      return line("Warn", "dead", change.member, why(change.cause, addressOf))
    case "Left":
      return line("Info", "left", change.member, why(change.cause, addressOf))
    case "Updated": {
      const { cause, changed, member, previousAddress, previousIncarnation, previousTags } = change
      const what = [
        ...(changed.includes("address") ? [`was at ${NetAddress.formatInet(previousAddress)}`] : []),
        ...(changed.includes("incarnation") ? [`incarnation ${member.incarnation} after ${previousIncarnation}`] : []),
        ...(changed.includes("name") && member.name !== undefined ? [`named ${member.name}`] : []),
        ...(changed.includes("tags") ? [tagsChangeText(previousTags, member.tags)] : []),
        ...(member.status === "alive" ? [] : [`still ${member.status}`])
      ]
      return line("Info", "changed", member, [...what, why(cause, addressOf)].join(", "))
    }
    case "Removed":
      return line("Info", "removed", change.member, why(change.cause, addressOf))
    case "Unreadable":
    case "Conflict":
      return undefined
    case "Missed":
      return {
        level: "Warn",
        what: "missing",
        text: `${change.count} changes are missing from this log: they came faster than it could be written`
      }
  }
}

/** Tags in a line: `zone=a rack=7`. */
export const tagsText = (tags: Tags): string =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ")

const tagsChangeText = (before: Tags, after: Tags): string => {
  const [was, is] = [tagsText(before), tagsText(after)]
  if (is === "") return `no tags after ${was}`
  return was === "" ? `tags ${is}` : `tags ${is} after ${was}`
}

const widest = "suspect".length

/**
 * The cause of a change, as the end of a line.
 */
export const why = (cause: MemberCause, addressOf: AddressOf): string => {
  const named = (id: NodeId): string => nodeText(id, addressOf(id))
  switch (cause._tag) {
    case "Heard":
      return "it sent a message"
    case "Claimed":
      return `reported by ${named(cause.by)}`
    case "ProbeFailed":
      return cause.relays.length === 0
        ? "no answer to our direct probe, and no relay to ask"
        : `no answer to our direct probe or to the indirect one through ${listed(cause.relays.map(named))}`
    case "SuspicionExpired":
      return `suspect for ${durationText(cause.after)}, no refutation`
    case "DeathConfirmed":
      return `reported by ${named(cause.by)}, and no answer to ${cause.pings === 1 ? "our ping" : `our ${cause.pings} pings`}`
    case "LeaveReceived":
      return "it announced that it leaves"
    case "Replaced":
      return `${named(cause.by)} answers at its address`
    case "Forgotten":
      return `${named(cause.by)} was asked to forget it`
    case "RetentionExpired":
      return `gone for ${durationText(cause.after)}`
  }
}

const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/**
 * A duration with its unit: `250 ms`, `4.1 s`.
 */
export const durationText = (duration: Duration.Duration): string => {
  const millis = Duration.toMillis(duration)
  return millis < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`
}
