/** Random plans in the form of files. They use everything that a file can contain, and all are valid. */
import * as fc from "fast-check"
import type * as Plan from "../../../src/simulation/plan/Plan.ts"

export type Raw = typeof Plan.Plan.Encoded
type RawStep = NonNullable<Raw["step"]>[number]

/** The duration of most plans, in ms. */
const Whole = 8000

const millis = (minimum: number, maximum: number) =>
  fc.oneof(
    fc.integer({ min: Math.ceil(minimum), max: maximum }),
    fc.integer({ min: Math.max(1, minimum * 1000), max: maximum * 1000 }).map((micros) => micros / 1000)
  )

const probability = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100)

const conditions = fc.record(
  {
    latency_ms: millis(0, 200),
    jitter_ms: millis(0, 200),
    loss: probability,
    reject: probability,
    duplicate: probability,
    corrupt: probability,
    reorder: probability,
    reorder_by_ms: millis(0, 100),
    bandwidth: fc.integer({ min: 1000, max: 1_000_000 }),
    queue: fc.integer({ min: 0, max: 100_000 }),
    mtu: fc.integer({ min: 100, max: 1500 })
  },
  { requiredKeys: [] }
)

const at = millis(0, Whole - 1)
const passing = { at_ms: at, for_ms: millis(1, Whole) }

const stepOf = (nodes: number): fc.Arbitrary<RawStep> => {
  const name = fc.integer({ min: 1, max: nodes }).map((number) => `n${number}`)
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 3 })
  const who = fc.oneof(fc.integer({ min: 1, max: nodes + 1 }), names)
  return fc.oneof(
    fc.record({ do: fc.constantFrom("kill", "crash", "stop"), at_ms: at, nodes: who }),
    fc.record(
      {
        do: fc.constant("restart"),
        at_ms: at,
        nodes: who,
        identity: fc.constantFrom("same", "new"),
        clock_behind_ms: millis(0, 100_000)
      },
      { requiredKeys: ["do", "at_ms", "nodes"] }
    ),
    fc.record(
      { do: fc.constantFrom("freeze", "block_io"), ...passing, nodes: who },
      { requiredKeys: ["do", "at_ms", "nodes"] }
    ),
    fc.record(
      { do: fc.constant("partition"), ...passing, part: probability },
      { requiredKeys: ["do", "at_ms", "part"] }
    ),
    fc.record(
      { do: fc.constant("partition"), ...passing, groups: names.map((group) => [group]) },
      { requiredKeys: ["do", "at_ms", "groups"] }
    ),
    fc.record(
      { do: fc.constant("cut"), ...passing, from: names, to: names, both_ways: fc.boolean() },
      { requiredKeys: ["do", "at_ms", "from", "to"] }
    ),
    fc.record({ do: fc.constant("heal"), at_ms: at }),
    fc.record(
      { do: fc.constant("slow"), ...passing, nodes: who, by_ms: millis(0, 2000) },
      { requiredKeys: ["do", "at_ms", "nodes", "by_ms"] }
    ),
    fc.record(
      { do: fc.constant("skew"), ...passing, nodes: who, rate: fc.constantFrom(0.5, 0.98, 1, 1.25) },
      { requiredKeys: ["do", "at_ms", "nodes", "rate"] }
    ),
    fc
      .tuple(
        fc.record({ do: fc.constant("network"), ...passing }, { requiredKeys: ["do", "at_ms"] }),
        conditions.filter((given) => Object.keys(given).length > 0),
        fc.oneof(
          fc.constant({}),
          fc.record({ from: names, to: names, both_ways: fc.boolean() }, { requiredKeys: ["from", "to"] }),
          fc.record({ inbound: who, outbound: who }, { requiredKeys: [] })
        )
      )
      .map(([step, given, where]) => ({ ...step, ...given, ...where })),
    fc.record({ do: fc.constant("start"), at_ms: millis(Whole / 2, Whole - 1), count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      do: fc.constant("replay"),
      at_ms: at,
      nodes: who,
      for_ms: millis(1, 3000),
      after_ms: millis(1, 3000)
    }),
    fc.record(
      {
        do: fc.constant("forge"),
        at_ms: at,
        nodes: who,
        about: name,
        status: fc.constantFrom("alive", "suspect", "dead"),
        incarnation_ahead: fc.integer({ min: 0, max: 5 })
      },
      { requiredKeys: ["do", "at_ms", "nodes", "about", "status"] }
    )
  )
}

const config = fc.record(
  {
    gossip: fc.record(
      { interval_ms: millis(50, 500), fanout: fc.integer({ min: 1, max: 60 }), adaptive_fanout: fc.boolean() },
      { requiredKeys: [] }
    ),
    network: fc.record(
      { cluster: fc.string({ maxLength: 20 }), allow: fc.constantFrom([], ["10.0.0.0/8"]) },
      { requiredKeys: [] }
    )
  },
  { requiredKeys: [] }
)

/** A plan with a random set of optional keys. */
export const raw: fc.Arbitrary<Raw> = fc.integer({ min: 1, max: 6 }).chain((nodes) =>
  fc.record(
    {
      nodes: fc.constant(nodes),
      duration_ms: fc.constant(Whole),
      old_nodes: fc.integer({ min: 0, max: nodes }),
      // JSON has no -0.
      seed: fc.oneof(
        fc.string(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((seed) => seed + 0),
        fc.nat()
      ),
      join_over_ms: millis(0, Whole / 2 - 1),
      peers: fc.integer({ min: 1, max: nodes }),
      network: conditions,
      config,
      step: fc.array(stepOf(nodes), { maxLength: 8 })
    },
    { requiredKeys: ["nodes", "duration_ms"] }
  )
)
