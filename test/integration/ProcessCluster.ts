/** Clusters of processes, and what they see. */
import { join } from "node:path"
import { Effect } from "effect"
import { ask } from "../admin/HttpRequests.ts"
import { directory, type Running, running, type StartOptions } from "./Program.ts"
import { until } from "./RealNodes.ts"

/** The lines in which a node says that somebody is dead. */
export const deaths = ({ stdout }: Running): ReadonlyArray<string> =>
  stdout()
    .split("\n")
    .filter((line) => line.includes("WARN  dead"))

/** The status of members at a node, by id. */
export const statuses = (socketPath: string) =>
  Effect.map(Effect.option(ask("http://node", "/membership", { socketPath })), (answer) => {
    const nodes: ReadonlyArray<{ readonly id: string; readonly status: string }> =
      answer._tag === "Some" ? (Object(answer.value.json).nodes ?? []) : []
    return new Map(nodes.map(({ id, status }) => [id, status]))
  })

/** Waits until exactly so many members are known there, all alive. */
export const allAlive = (socketPath: string, count: number) =>
  until(
    `${count} are alive at ${socketPath}`,
    statuses(socketPath),
    (found) => found.size === count && [...found.values()].every((status) => status === "alive")
  )

/** Nodes that know each other, each with its socket for operators. */
export const cluster = Effect.fnUntraced(function* (count: number, { env, ...options }: StartOptions = {}) {
  const home = yield* directory
  const nodes: Array<{ readonly node: Running; readonly socket: string }> = []
  for (let n = 0; n < count; n++) {
    const socket = join(home, `${n}.sock`)
    const peers = nodes[0] === undefined ? [] : ["--peers", nodes[0].node.address]
    const node = yield* running(peers, { env: { GOSSIP_ADMIN_SOCKET: socket, ...env }, ...options })
    nodes.push({ node, socket })
  }
  for (const { socket } of nodes) yield* allAlive(socket, count)
  return nodes
})
