/**
 * A change of membership as one line of a log.
 */
import { Duration } from "effect"
import { NetAddress } from "effect/net"
import type { Change, MemberCause } from "../domain/Change.ts"
import type { Member } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"

/**
 * What to log: `Warn` for what somebody may have to look after, `Info` for the rest.
 */
export interface ChangeLine {
  readonly level: "Info" | "Warn"
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

  /** Where a log knows nothing of changes, it shows the line. */
  toJSON(): string {
    return this.text
  }
}

/**
 * Finds the address of another member that a line mentions, if it is known.
 */
export type AddressOf = (id: NodeId) => NetAddress.InetAddress | undefined

/**
 * How a line names a node.
 */
export const nodeText = (id: NodeId, address: NetAddress.InetAddress | undefined): string =>
  address === undefined ? `${id}` : `${id} (${NetAddress.formatInet(address)})`

/**
 * How a line names a member.
 */
export const memberText = (member: Member): string => nodeText(member.id, member.address)

/**
 * The nodes that a change mentions besides its member: who claimed it, or who helped to probe.
 */
export const mentioned = (change: Change): ReadonlyArray<NodeId> => {
  switch (change.cause._tag) {
    case "Claimed":
    case "DeathConfirmed":
      return [change.cause.by]
    case "ProbeFailed":
      return change.cause.relays
    default:
      return []
  }
}

/**
 * The line for a change: what happened, to whom, and why. None for `Conflict` and `Unreadable`, which
 * a node logs by itself.
 */
export const changeLine = (change: Change, addressOf: AddressOf): ChangeLine | undefined => {
  const line = (level: "Info" | "Warn", what: string, member: Member, why: string): ChangeLine => ({
    level,
    // The words stand in a column, so that the eye finds what differs.
    text: `${what.padEnd(widest)} ${memberText(member)}: ${why}`
  })
  switch (change._tag) {
    case "Joined": {
      const { cause, member } = change
      return member.status === "suspect"
        ? line("Warn", "suspect", member, `new to us, and ${why(cause, addressOf)}`)
        : line("Info", "joined", member, why(cause, addressOf))
    }
    case "Suspected":
      return line("Warn", "suspect", change.member, why(change.cause, addressOf))
    case "Recovered": {
      const { cause, member } = change
      return line("Info", "alive", member, `${why(cause, addressOf)}, at incarnation ${member.incarnation}`)
    }
    case "Died":
      return line("Warn", "dead", change.member, why(change.cause, addressOf))
    case "Left":
      return line("Info", "left", change.member, why(change.cause, addressOf))
    case "Updated": {
      const { cause, member, previousAddress, previousIncarnation } = change
      const before = NetAddress.formatInet(previousAddress)
      const what = [
        ...(before === NetAddress.formatInet(member.address) ? [] : [`was at ${before}`]),
        ...(member.incarnation === previousIncarnation
          ? []
          : [`incarnation ${member.incarnation} after ${previousIncarnation}`]),
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
        text: `${change.count} changes are missing here: they came faster than they could be logged`
      }
  }
}

const widest = "suspect".length

/**
 * Why a node changed its mind, as the end of a line.
 */
export const why = (cause: MemberCause, addressOf: AddressOf): string => {
  const named = (id: NodeId): string => nodeText(id, addressOf(id))
  switch (cause._tag) {
    case "Heard":
      return "heard from it"
    case "Claimed":
      return `according to ${named(cause.by)}`
    case "ProbeFailed":
      return cause.relays.length === 0
        ? "it did not answer our probe, and no other member was asked"
        : `it answered neither our probe nor the one through ${listed(cause.relays.map(named))}`
    case "SuspicionExpired":
      return `suspect for ${durationText(cause.after)}, and it did not refute that`
    case "DeathConfirmed":
      return `according to ${named(cause.by)}, and it answered ${cause.pings === 1 ? "no ping" : `none of ${cause.pings} pings`}`
    case "LeaveReceived":
      return "it said goodbye"
    case "RetentionExpired":
      return `${durationText(cause.after)} have passed`
  }
}

const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/**
 * A time as people say it: `250 ms`, `4.1 s`.
 */
export const durationText = (duration: Duration.Duration): string => {
  const millis = Duration.toMillis(duration)
  return millis < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`
}
