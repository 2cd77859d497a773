/** Durations, nodes, causes and events as text. */
import { Duration, Equal } from "effect"
import { NetAddress } from "effect/net"
import type { Change, MemberCause } from "../../domain/Change.ts"
import type { NodeId } from "../../domain/NodeId.ts"
import type { Event } from "./DemoState.ts"
import { nameOf } from "./DemoState.ts"

/** A duration in ms with its unit: `702 ms`, `4.01 s`. */
export const duration = (ms: number): string => {
  const whole = Math.max(0, Math.round(ms))
  if (whole < 1000) return `${whole} ms`
  return whole < 100_000 ? `${(whole / 1000).toFixed(2).replace(/\.?0+$/, "")} s` : `${Math.round(whole / 1000)} s`
}

/** `n1`, `n1 and n2`, `n1, n2 and n3`. */
export const names = (ids: ReadonlyArray<NodeId>): string => {
  const all = ids.map(nameOf)
  const last = all.at(-1) ?? "no node"
  return all.length < 2 ? last : `${all.slice(0, -1).join(", ")} and ${last}`
}

/** Why a node changed what it holds about a member. */
export const reason = (cause: MemberCause): string => {
  switch (cause._tag) {
    case "Heard":
      return "it sent a message"
    case "Claimed":
      return `${nameOf(cause.by)} reported it`
    case "ProbeFailed":
      return cause.relays.length === 0
        ? "no answer to a direct probe, and no relay to ask"
        : `no answer to a direct probe, or through ${names(cause.relays)}`
    case "SuspicionExpired":
      return `suspect for ${duration(Duration.toMillis(cause.after))}, no refutation`
    case "DeathConfirmed":
      return `${nameOf(cause.by)} reported it, and it answered none of ${cause.pings} PINGs`
    case "LeaveReceived":
      return "it announced that it leaves"
    case "Replaced":
      return `${nameOf(cause.by)} answers at its address`
    case "Forgotten":
      return `${nameOf(cause.by)} was asked to forget it`
    case "RetentionExpired":
      return `gone for ${duration(Duration.toMillis(cause.after))}`
  }
}

const changed = (change: Change): string => {
  switch (change._tag) {
    case "Joined":
      return `adds ${nameOf(change.member.id)}${change.member.status === "suspect" ? ", a suspect" : ""}: ${reason(change.cause)}`
    case "Suspected":
      return `suspects ${nameOf(change.member.id)}: ${reason(change.cause)}`
    case "Recovered":
      return `sees ${nameOf(change.member.id)} alive again: ${reason(change.cause)}`
    case "Died":
      return `declares ${nameOf(change.member.id)} dead: ${reason(change.cause)}`
    case "Left":
      return `sees ${nameOf(change.member.id)} leave: ${reason(change.cause)}`
    case "Updated": {
      const { address, id, incarnation } = change.member
      const news = [
        ...(incarnation === change.previousIncarnation ? [] : [`incarnation ${incarnation}`]),
        ...(Equal.equals(address, change.previousAddress) ? [] : [`address ${NetAddress.formatInet(address)}`])
      ]
      return `updates ${nameOf(id)} to ${news.join(" and ")}: ${reason(change.cause)}`
    }
    case "Removed":
      return `removes ${nameOf(change.member.id)} from its list: ${reason(change.cause)}`
    case "Conflict":
      return change.kind === "SameId"
        ? `finds the id of ${nameOf(change.id)} used at ${NetAddress.formatInet(change.address)}`
        : `finds its own address ${NetAddress.formatInet(change.address)} claimed for ${nameOf(change.id)}`
    case "Unreadable":
      return `cannot read what ${NetAddress.formatInet(change.address)} sends`
    case "Missed":
      return `missed ${change.count} changes, because they came too fast`
  }
}

/** An event of the log. */
export const line = (event: Event): string =>
  event._tag === "Changed" ? `${nameOf(event.observer)} ${changed(event.change)}` : event.text
