/** Why a member is what it is, in sentences. */
import { DateTime, Option } from "effect"
import { NetAddress } from "effect/net"
import type * as AdminApi from "../admin/AdminApi.ts"
import type { MemberCause } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { type AddressOf, nodeText, why } from "./ChangeLine.ts"

const time = (at: DateTime.Utc): string => DateTime.formatIso(at)

const mentionedBy = (cause: MemberCause): ReadonlyArray<NodeId> =>
  "by" in cause ? [cause.by] : "relays" in cause ? cause.relays : []

/** The other nodes that a story mentions. */
export const mentioned = ({ cause, history }: AdminApi.NodeStory): ReadonlyArray<NodeId> => [
  ...Option.toArray(cause).flatMap(mentionedBy),
  ...history.flatMap(({ cause }) => mentionedBy(cause))
]

const headline = (story: AdminApi.NodeStory, addressOf: AddressOf): string => {
  const { address, cause, id, self, since, status } = story
  const because = Option.match(cause, { onNone: () => "", onSome: (cause) => `: ${why(cause, addressOf)}` })
  return self
    ? `${nodeText(id, address)} is the node that was asked; it is ${status} since ${time(since)}`
    : `${nodeText(id, address)} is ${status} since ${time(since)}${because}`
}

const whatHappened = ({ address, from, incarnation, to }: AdminApi.Transition): string => {
  if (from === to)
    return `It said something new of itself (incarnation ${incarnation}, ${NetAddress.formatInet(address)})`
  switch (to) {
    case "alive":
      if (from === null) return "It became a member"
      return from === "suspect"
        ? `It was not dead: it refuted that with incarnation ${incarnation}`
        : `It came back with incarnation ${incarnation}`
    case "suspect":
      return from === null ? "It became a member that others suspect" : "It was suspected"
    case "dead":
      return from === null ? "It was known only after its death" : "It was declared dead"
    case "left":
      return "It left the cluster of its own will"
  }
}

/** A story in lines: what the member is and why, and how that came, oldest first. */
export const lines = (story: AdminApi.NodeStory, addressOf: AddressOf): ReadonlyArray<string> => {
  const { history, listed } = story
  return [
    `${headline(story, addressOf)}.`,
    ...(listed ? [] : ["It is no longer listed; this is what was known of it last."]),
    ...(history.length === 0
      ? ["Nothing has happened to it while this node watched."]
      : [
          "",
          ...history.map(
            (transition) => `${time(transition.at)}  ${whatHappened(transition)}: ${why(transition.cause, addressOf)}.`
          )
        ])
  ]
}
