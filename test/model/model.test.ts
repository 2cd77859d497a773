import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Mark, Phase } from "../../src/membership/MemberTable.ts"
import * as Claim from "../../src/domain/Claim.ts"
import type { SimNode } from "../../src/simulation/SimNode.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import { isLong } from "../Campaign.ts"
import { a, aboutUs, alive, dead, id, Now, open, Self, suspect } from "../membership/View.ts"
import { Seeds } from "../simulation/scenarios/Seeds.ts"
import { check } from "./Checker.ts"
import { type Bounds, type Code, code, incarnationOf, Nothing, Rank, rankOf, rules, type Rules } from "./Model.ts"

const small: Bounds = { nodes: 2, incarnations: 2, suspicions: 2, endings: 1, restarts: 1 }

describe("the model", () => {
  const bounds: ReadonlyArray<Bounds> = isLong
    ? [
        { nodes: 2, incarnations: 2, suspicions: 2, endings: 2, restarts: 2 },
        { nodes: 3, incarnations: 2, suspicions: 1, endings: 1, restarts: 1 },
        { nodes: 4, incarnations: 1, suspicions: 1, endings: 0, restarts: 0 }
      ]
    : [small, { nodes: 3, incarnations: 1, suspicions: 1, endings: 1, restarts: 0 }]

  for (const bound of bounds) {
    const text = Object.entries(bound).map(([what, most]) => `${most} ${what}`)
    it(`agrees, revives nobody without a higher incarnation, and lets every node clear its name: ${text.join(", ")}`, () => {
      const { states, wrong } = check(rules, bound)
      assert.isUndefined(wrong)
      assert.isAbove(states, 1000)
    })
  }

  const mistakes: ReadonlyArray<readonly [words: string, rules: Partial<Rules>, wrong: RegExp, bounds?: Bounds]> = [
    [
      "an Alive claim that wins over a death of its incarnation",
      { merge: (held, claim) => (claim === code(incarnationOf(held), Rank.Alive) ? claim : Math.max(held, claim)) },
      /live again without a higher incarnation|weaker claim/
    ],
    ["a claim that wins because it is newer", { merge: (_, claim) => claim }, /live again|weaker claim/],
    [
      "a member that left or died, whichever is heard first",
      {
        merge: (held, claim) =>
          held !== Nothing && rankOf(held) === Rank.Dead && incarnationOf(claim) === incarnationOf(held)
            ? held
            : Math.max(held, claim)
      },
      /disagree/,
      { nodes: 3, incarnations: 0, suspicions: 1, endings: 1, restarts: 0 }
    ],
    ["a node that does not refute", { answer: (own) => own }, /cannot clear its name|disagree/],
    [
      "a node that ignores what its former lives left behind",
      {
        answer: (own, claim) => (incarnationOf(claim) > incarnationOf(own) ? own : rules.answer(own, claim))
      },
      /cannot clear its name|disagree/
    ],
    [
      "a node that refutes at its present incarnation",
      { answer: (own, claim) => (claim > own ? code(incarnationOf(claim), Rank.Alive) : own) },
      /cannot clear its name|disagree|come to rest/
    ]
  ]
  for (const [words, mistake, expected, bounds = small] of mistakes) {
    it(`finds ${words}`, () => {
      assert.match(check({ ...rules, ...mistake }, bounds).wrong ?? "nothing", expected)
    })
  }
})

/** All claims of three incarnations, and none. */
const codes: ReadonlyArray<Code> = [
  Nothing,
  ...[1, 2, 3].flatMap((incarnation) => Object.values(Rank).map((rank) => code(incarnation, rank)))
]

describe("the rules of the model are those of the code", () => {
  type View = ReturnType<typeof open>
  const Raised = Claim.SuspicionRaise

  /** What a view holds about a node, as a claim of the model. */
  const heldBy = ({ has, slotOf, table }: View): Code => {
    const slot = slotOf(a)
    if (slot === -1) return Nothing
    const incarnation = table.incarnation(slot)
    if (has(a, Mark.Left)) return code(incarnation, Rank.Left)
    return code(incarnation, table.phase(slot) === Phase.Tombstone ? Rank.Dead : table.status(slot))
  }

  /** Another member passes on a claim. A death that is checked is believed, since nobody answers. */
  const hears = (view: View, claim: Code): void => {
    const incarnation = incarnationOf(claim)
    if (claim === Nothing) return
    switch (rankOf(claim)) {
      case Rank.Alive:
        view.passOn(alive(a, incarnation, 0))
        break
      case Rank.Suspect:
        view.passOn(suspect(a, incarnation, Raised))
        break
      case Rank.Dead:
        view.passOn(dead(a, incarnation, Raised))
        break
      default:
        view.passOnLeft([dead(a, incarnation, 0)], [a, incarnation])
    }
    for (const death of view.deaths.splice(0)) {
      view.view.believeDeath(death, { _tag: "DeathConfirmed", by: death.by, pings: 1 }, Now)
    }
  }

  it("in merging any two claims", () => {
    for (const held of codes) {
      for (const claim of codes.slice(1)) {
        const view = open()
        hears(view, held)
        assert.strictEqual(heldBy(view), held)
        hears(view, claim)
        assert.strictEqual(heldBy(view), rules.merge(held, claim), `${held} and then ${claim}`)
      }
    }
  })

  it("in answering any claim about the node itself", () => {
    for (const incarnation of [1, 2, 3]) {
      for (const claim of codes.slice(1)) {
        const view = open({ incarnation })
        const theirs = incarnationOf(claim)
        switch (rankOf(claim)) {
          case Rank.Alive:
            view.passOn(aboutUs("Alive", theirs, 0))
            break
          case Rank.Left:
            view.passOnLeft([aboutUs("Dead", theirs, 0)], [100, theirs])
            break
          default:
            view.passOn(aboutUs(rankOf(claim) === Rank.Suspect ? "Suspect" : "Dead", theirs, Raised))
        }
        const own = code(incarnation, Rank.Alive)
        assert.strictEqual(code(view.view.incarnation, Rank.Alive), rules.answer(own, claim), `${own} and ${claim}`)
      }
    }
    assert.strictEqual(id(100), Self)
  })
})

describe("what nodes do in the simulator is possible in the model", () => {
  const Ranks: Readonly<Record<string, number>> = {
    alive: Rank.Alive,
    suspect: Rank.Suspect,
    dead: Rank.Dead,
    left: Rank.Left
  }

  /** Follows every change of every view, and says which of them the model does not have. */
  const follow = () => {
    const made = new Map<bigint, Set<Code>>()
    /** The newest life of each node. */
    const lives = new Map<bigint, SimNode>()
    const wrong: Array<string> = []
    let changes = 0
    /** Whether the node itself can have made a claim. Its incarnation only rises. */
    const isOwn = (subject: bigint, claim: Code): boolean => {
      const view = lives.get(subject)?.view
      if (view === undefined) return false
      if (rankOf(claim) === Rank.Left) return view.leaving && incarnationOf(claim) === view.incarnation
      return rankOf(claim) === Rank.Alive && incarnationOf(claim) <= view.incarnation
    }
    const watch = (node: SimNode): void => {
      lives.set(node.id, node)
      const views = new Map<bigint, Code>()
      node.onViewChange((subject, status, { cause, incarnation }) => {
        const rank = Ranks[status]
        if (rank === undefined) return
        changes++
        const held = views.get(subject) ?? Nothing
        const next = code(incarnation, rank)
        const isDecision =
          held !== Nothing &&
          incarnationOf(held) === incarnation &&
          ((cause === "ProbeFailed" && rankOf(held) === Rank.Alive && rank === Rank.Suspect) ||
            (cause === "SuspicionExpired" && rankOf(held) === Rank.Suspect && rank === Rank.Dead))
        const known = made.get(subject) ?? new Set()
        made.set(subject, known)
        const isPossible = rules.merge(held, next) === next && (isDecision || known.has(next) || isOwn(subject, next))
        known.add(next)
        if (!isPossible) wrong.push(`${node.name} about ${subject}: ${held} to ${next} by ${cause}`)
        views.set(subject, next)
      })
    }
    return { watch, wrong, changes: () => changes }
  }

  it.effect.each(Seeds)("with crashes, a split, lossy links, a leave and restarts (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { changes, watch, wrong } = follow()
        const nodes: Array<SimNode> = [...(yield* simulation.start(6))]
        for (const node of nodes) watch(node)
        yield* simulation.untilConverged("1 minute")
        for (let step = 0; step < 4; step++) {
          const victim = nodes[step % nodes.length]!
          yield* step % 2 === 0 ? simulation.kill(victim) : simulation.stop(victim)
          yield* simulation.partition(nodes.slice(0, 3))
          yield* Effect.sleep(3000 + 4000 * step)
          yield* simulation.heal
          const again = yield* simulation.restart(victim, { identity: "same" })
          watch(again)
          nodes[step % nodes.length] = again
          yield* Effect.sleep(10_000)
        }
        yield* simulation.untilConverged("1 minute")
        assert.deepStrictEqual(wrong, [])
        assert.isAbove(changes(), 100)
      }),
      { seed, network: { loss: 0.1 } }
    )
  )
})
