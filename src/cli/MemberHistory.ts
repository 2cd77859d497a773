/** The status of a member and how it came about, in sentences. */
import { DateTime, Option } from "effect"
import { NetAddress } from "effect/net"
import type * as AdminApi from "../admin/AdminApi.ts"
import type { MemberCause } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { type AddressOf, nodeText, why } from "./ChangeLine.ts"

const time = (at: DateTime.Utc): string => DateTime.formatIso(at)

const mentionedBy = (cause: MemberCause): ReadonlyArray<NodeId> =>
  "by" in cause ? [cause.by] : "relays" in cause ? cause.relays : []

/** The other nodes that the lines mention. */
export const mentioned = ({ cause, history }: AdminApi.NodeDetails): ReadonlyArray<NodeId> => [
  ...Option.toArray(cause).flatMap(mentionedBy),
  ...history.flatMap(({ cause }) => mentionedBy(cause))
]

const headline = ({ address, cause, id, self, since, status }: AdminApi.NodeDetails, addressOf: AddressOf): string => {
  const reason = Option.match(cause, { onNone: () => "", onSome: (cause) => `: ${why(cause, addressOf)}` })
  return self
    ? `${nodeText(id, address)} is the node that answers; it has been ${status} since ${time(since)}`
    : `${nodeText(id, address)} has been ${status} since ${time(since)}${reason}`
}

const whatHappened = ({ address, cause, from, incarnation, to }: AdminApi.Transition): string => {
  if (cause._tag === "RetentionExpired" || cause._tag === "Forgotten") return "Removed from the list"
  if (from === to) return `Changed its incarnation or address (${incarnation}, ${NetAddress.formatInet(address)})`
  switch (to) {
    case "alive":
      if (from === null) return "Joined"
      return from === "suspect"
        ? `Refuted the suspicion with incarnation ${incarnation}`
        : `Came back with incarnation ${incarnation}`
    case "suspect":
      return from === null ? "Joined, already suspect" : "Suspected"
    case "dead":
      return from === null ? "First seen when it was already dead" : "Declared dead"
    case "left":
      return "Left the cluster"
  }
}

/** The lines: the member's status and its cause, then its changes, oldest first. */
export const lines = (member: AdminApi.NodeDetails, addressOf: AddressOf): ReadonlyArray<string> => {
  const { history, listed } = member
  return [
    `${headline(member, addressOf)}.`,
    ...(listed ? [] : ["It is no longer listed; this is its last known state."]),
    ...(history.length === 0
      ? ["No changes are recorded."]
      : [
          "",
          ...history.map(
            (transition) => `${time(transition.at)}  ${whatHappened(transition)}: ${why(transition.cause, addressOf)}.`
          )
        ])
  ]
}
