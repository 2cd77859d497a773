import { DateTime, Duration, Option } from "effect"
import { NetAddress } from "effect/net"
import { describe, expect, it } from "vitest"
import type * as AdminApi from "../../src/admin/AdminApi.ts"
import * as Story from "../../src/cli/Story.ts"
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

const story = (fields: Partial<AdminApi.NodeStory>): AdminApi.NodeStory => ({
  id: id(2),
  address,
  status: "dead",
  incarnation: 0,
  heartbeat: 0,
  level: 1,
  since: time(9),
  self: false,
  rtt: Option.none(),
  cause: Option.none(),
  listed: true,
  history: [],
  ...fields
})

describe("why a member is dead", () => {
  it("is told in sentences", () => {
    const expired = { _tag: "SuspicionExpired", after: Duration.millis(4100) } as const
    const dead = story({
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
    expect(Story.lines(dead, addressOf)).toEqual([
      "2 (10.0.0.2:7946) is dead since 2026-01-31T12:00:09.000Z: suspect for 4.1 s, and it did not refute that.",
      "",
      "2026-01-31T12:00:01.000Z  It became a member: according to 3 (10.0.0.3:7946).",
      "2026-01-31T12:00:02.000Z  It was suspected: it answered neither our probe nor the one through 3 (10.0.0.3:7946) and 4.",
      "2026-01-31T12:00:03.000Z  It was not dead: it refuted that with incarnation 1: heard from it.",
      "2026-01-31T12:00:04.000Z  It said something new of itself (incarnation 2, 10.0.0.2:7946): heard from it.",
      "2026-01-31T12:00:05.000Z  It was suspected: it did not answer our probe, and no other member was asked.",
      "2026-01-31T12:00:09.000Z  It was declared dead: suspect for 4.1 s, and it did not refute that."
    ])
    expect(Story.mentioned(dead)).toEqual([id(3), id(3), id(4)])
  })

  it("also of one that is no longer listed", () => {
    const confirmed = { _tag: "DeathConfirmed", by: id(3), pings: 3 } as const
    expect(
      Story.lines(
        story({
          listed: false,
          cause: Option.some(confirmed),
          history: [step(9, "alive", "dead", confirmed)]
        }),
        addressOf
      )
    ).toEqual([
      "2 (10.0.0.2:7946) is dead since 2026-01-31T12:00:09.000Z: according to 3 (10.0.0.3:7946), and it answered none of 3 pings.",
      "It is no longer listed; this is what was known of it last.",
      "",
      "2026-01-31T12:00:09.000Z  It was declared dead: according to 3 (10.0.0.3:7946), and it answered none of 3 pings."
    ])
  })

  it("and why the node itself is not, nor one that was always there", () => {
    expect(Story.lines(story({ self: true, status: "alive" }), addressOf)).toEqual([
      "2 (10.0.0.2:7946) is the node that was asked; it is alive since 2026-01-31T12:00:09.000Z.",
      "Nothing has happened to it while this node watched."
    ])
  })
})
