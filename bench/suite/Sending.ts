/** Choosing receivers, and packing what they get. */
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"
import { Full, generator, packerOf, viewOf } from "./Fixtures.ts"
import type { Row } from "./Row.ts"

/** Members that a round goes to. */
const Targets = 3

const sizes = [
  { members: 100, round: 2240, selection: 1055, chunks: [1824, 2000] },
  { members: 1000, round: 17_350, selection: 11_015, chunks: [23_300, 25_000] },
  { members: 10_000, round: 284_000, selection: 113_170, chunks: [236_800, 250_000] }
] as const

export const rows = (): ReadonlyArray<Row> =>
  sizes.flatMap(({ chunks, members, round, selection }): ReadonlyArray<Row> => {
    const view = viewOf(members)
    const queue = new ChangeQueue()
    const packer = packerOf(view, queue)
    const random = generator()
    const targets: Array<number> = []
    const fill = () => {
      for (let slot = 1; slot <= Full; slot++) queue.add(slot, true)
    }
    const gossip = () => {
      if (queue.size === 0) fill()
      return packer.gossip(1)
    }
    const shown = `n = ${members}`
    return [
      {
        name: `a gossip round: targets and message, ${shown}`,
        rust: round,
        asked: 1500,
        call: () => {
          view.table.drawLive(Targets, random, targets)
          return gossip()
        }
      },
      {
        name: `peer selection, ${shown}`,
        rust: selection,
        asked: 100,
        call: () => view.table.drawLive(Targets, random, targets)
      },
      {
        name: `full table to encoded chunks, ${shown}`,
        rust: chunks[0],
        asked: chunks[1],
        call: () => packer.snapshot(false)
      },
      { name: `a PING packed, ${shown}`, call: () => packer.ping(1, false) },
      { name: `a PING of level 1 packed, ${shown}`, call: () => packer.probe(1, false, 7) },
      ...(members === 1000
        ? [
            { name: "encode GOSSIP of 50 entries, hot path", rust: 604, asked: 1200, call: gossip },
            {
              name: "queue: add a change, and count it sent until it leaves",
              call: () => {
                queue.add(77, true)
                for (let sent = 0; sent < 16; sent++) queue.countSent(77, 16)
              }
            }
          ]
        : [])
    ]
  })
