/**
 * The invariants of the protocol: what must hold at every instant of every run, whatever the network does. Each is stated
 * here independently of the code that it checks.
 *
 * @since 0.2.0
 */
import { Context } from "effect"
import { Transport } from "../../transport/Transport.ts"
import { EntryCursor } from "../../wire/Entry.ts"
import { MaxLevel, MaxMessage } from "../../wire/Header.ts"
import { Inbound } from "../../wire/Inbound.ts"
import type { AnyNode } from "../SimNode.ts"
import { InvariantBroken } from "../SimulationError.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import type { Verbs } from "../Verbs.ts"
import { NodeCheck } from "./NodeCheck.ts"

/**
 * The names of the invariants with their meanings.
 *
 * @category constants
 * @since 0.2.0
 */
export const invariants = {
  "message-size": "a message has at most 1424 bytes, and 36 more when it is sealed",
  "order-of-merge": "a status changes only to a claim that is higher in the order of merge",
  "no-revival": "a dead member stays dead until it has a higher incarnation",
  "own-incarnation": "the incarnation and the heartbeat of a node itself never decrease",
  refutation: "a node that receives a claim that it is suspect or dead has a higher incarnation at once",
  suspicion: "a suspicion expires only after the full time that the member has to refute it",
  "table-audit": "counts, pools, lists and indexes of the table agree with its slots, and every change was reported",
  changes: "the changes that a node publishes, put on a snapshot, give its members",
  bounds: "no table grows beyond its bound",
  loops: "no loop of a node ends while the node runs",
  leftovers: "a node that has left has no fibers and no timers"
} as const

/**
 * The name of an invariant.
 *
 * @category models
 * @since 0.2.0
 */
export type InvariantName = keyof typeof invariants

/** Time between two audits of tables, in ms. */
const AuditEvery = 100
/** Tables per audit. There are fewer with fewer nodes, so that each table is audited about once a second. */
const MostAudits = 20
/** Bytes that sealing adds. */
const SealLength = 36

/**
 * Checks all nodes of a simulation from its beginning, and ends the simulation at the event that breaks an invariant.
 * `Simulation.run` calls it unless `invariants` is `false`.
 *
 * @category checks
 * @since 0.2.0
 */
export const watchInvariants = (verbs: Verbs): void => {
  const checks = new Map<AnyNode, NodeCheck>()
  const { network, timeline } = verbs
  const report = (node: AnyNode, invariant: InvariantName, detail: string): void =>
    verbs.fail(new InvariantBroken({ invariant, node: node.name, detail, at: timeline.millis, event: timeline.events }))

  verbs.observe({
    started: (node) => {
      if (node.kind !== "node") return
      const { dropped } = Context.get(node.context, Transport).counters
      const check = new NodeCheck(
        node,
        () => Object.values(dropped).reduce((sum, count) => sum + count, 0),
        (invariant, detail) => report(node, invariant, detail)
      )
      checks.set(node, check)
      if (node.config.network.encryption === "off") readable.set(node.name, check)
    },
    ended: (node) => {
      checks.delete(node)
      readable.delete(node.name)
      if (node.condition === "left" && (node.fibers !== 0 || node.clock.sleeping !== 0)) {
        report(node, "leftovers", `${node.fibers} fibers and ${node.clock.sleeping} timers are left`)
      }
    }
  })

  const inbound = new Inbound()
  const cursor = new EntryCursor()
  /** Nodes whose datagrams are in the clear, by the name of the host. */
  const readable = new Map<string, NodeCheck>()
  network.observe({
    sent: ({ forged, from, payload }) => {
      if (forged || payload.length <= (payload[0] === 1 ? MaxMessage : MaxMessage + SealLength)) return
      const node = verbs.nodes.find(({ name }) => name === from)
      if (node?.kind === "node") {
        report(node, "message-size", `it sent a datagram of ${payload.length} bytes`)
      }
    },
    delivered: ({ destination, payload, to }) => {
      const check = readable.get(to)
      if (check?.port !== destination.port) return
      // Claims of the previous datagram must be refuted by now.
      check.checkRefuted()
      inbound.header.salt = check.salt
      if (check.isMentionedIn(payload) && inbound.decode(payload, MaxLevel) === undefined)
        check.receives(inbound, cursor)
    }
  })

  let next = 0
  const audit = (): void => {
    const { nodes } = verbs
    const count = Math.min(MostAudits, Math.ceil((nodes.length * AuditEvery) / 1000))
    for (let i = 0; i < count; i++) {
      const node = nodes[next++ % nodes.length]
      if (node !== undefined) checks.get(node)?.audit()
    }
    timeline.at(timeline.now + AuditEvery * NanosPerMilli, audit)
  }
  timeline.at(AuditEvery * NanosPerMilli, audit)
}
