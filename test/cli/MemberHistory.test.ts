import { DateTime, Duration, Option } from "effect"
import { NetAddress } from "effect/net"
import { describe, expect, it } from "vitest"
import type * as AdminApi from "../../src/admin/AdminApi.ts"
import * as MemberHistory from "../../src/cli/MemberHistory.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

const time = (seconds: number) => DateTime.makeUnsafe(`2026-01-31T12:00:0${seconds}.000Z`)
const id = (n: number) => NodeId.fromWords(0, n)
const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:7946")
const addressOf = (id: NodeId.NodeId) =>
  id === 3n ? NetAddress.inetAddressFromStringUnsafe("10.0.0.3:7946") : undefined

const step = (
  at: number,
  from: AdminApi.Transition["from"],
  to: AdminApi.Transition["to"],
  cause: AdminApi.Transition["cause"],
  incarnation = 0
): AdminApi.Transition => ({ sequence: at, at: time(at), from, to, address, incarnation, cause })

const details = (fields: Partial<AdminApi.NodeDetails>): AdminApi.NodeDetails => ({
  id: id(2),
  address,
  status: "dead",
  incarnation: 0,
  heartbeat: 0,
  level: 1,
  since: time(9),
  tags: {},
  self: false,
  rtt: Option.none(),
  cause: Option.none(),
  listed: true,
  history: [],
  ...fields
})

describe("the history of a member", () => {
  it("is printed in sentences, with the causes", () => {
    const expired = { _tag: "SuspicionExpired", after: Duration.millis(4100) } as const
    const dead = details({
      cause: Option.some(expired),
      history: [
        step(1, null, "alive", { _tag: "Claimed", by: id(3) }),
        step(2, "alive", "suspect", { _tag: "ProbeFailed", relays: [id(3), id(4)] }),
        step(3, "suspect", "alive", { _tag: "Heard" }, 1),
        step(4, "alive", "alive", { _tag: "Heard" }, 2),
        step(5, "alive", "suspect", { _tag: "ProbeFailed", relays: [] }, 2),
        step(9, "suspect", "dead", expired, 2)
      ]
    })
    expect(MemberHistory.lines(dead, addressOf)).toEqual([
      "2 (10.0.0.2:7946) has been dead since 2026-01-31T12:00:09.000Z: suspect for 4.1 s, no refutation.",
      "",
      "2026-01-31T12:00:01.000Z  Joined: reported by 3 (10.0.0.3:7946).",
      "2026-01-31T12:00:02.000Z  Suspected: no answer to our direct probe or to the indirect one through 3 (10.0.0.3:7946) and 4.",
      "2026-01-31T12:00:03.000Z  Refuted the suspicion with incarnation 1: it sent a message.",
      "2026-01-31T12:00:04.000Z  Changed its incarnation or address (2, 10.0.0.2:7946): it sent a message.",
      "2026-01-31T12:00:05.000Z  Suspected: no answer to our direct probe, and no relay to ask.",
      "2026-01-31T12:00:09.000Z  Declared dead: suspect for 4.1 s, no refutation."
    ])
    expect(MemberHistory.mentioned(dead)).toEqual([id(3), id(3), id(4)])
  })

  it("says when the member is no longer listed", () => {
    const confirmed = { _tag: "DeathConfirmed", by: id(3), pings: 3 } as const
    expect(
      MemberHistory.lines(
        details({
          listed: false,
          cause: Option.some(confirmed),
          history: [step(9, "alive", "dead", confirmed)]
        }),
        addressOf
      )
    ).toEqual([
      "2 (10.0.0.2:7946) has been dead since 2026-01-31T12:00:09.000Z: reported by 3 (10.0.0.3:7946), and no answer to our 3 pings.",
      "It is no longer listed; this is its last known state.",
      "",
      "2026-01-31T12:00:09.000Z  Declared dead: reported by 3 (10.0.0.3:7946), and no answer to our 3 pings."
    ])
  })

  it("says when the member is the node itself, and when no changes are recorded", () => {
    expect(MemberHistory.lines(details({ self: true, status: "alive" }), addressOf)).toEqual([
      "2 (10.0.0.2:7946) is the node that answers; it has been alive since 2026-01-31T12:00:09.000Z.",
      "No changes are recorded."
    ])
  })
})
