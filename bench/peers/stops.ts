/**
 * Real processes of this project and of `serf`, of which some are stopped for seconds and run for a moment, again and
 * again: how often each program holds one of them dead, or one that is well.
 *
 * This project's program is the built package. Needs root, iproute2, nftables and serf (`apt-get install serf nftables`).
 *
 *     npm run bench:stops -- --nodes 20 --stopped 4 --seconds 120
 */
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { table } from "../detection/Statistics.ts"
import { type Agent, gossip, serf } from "./Agents.ts"
import { Group, type Verdicts } from "./Group.ts"
import { Namespace } from "./Namespace.ts"

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "20" },
    stopped: { type: "string", default: "4" },
    seconds: { type: "string", default: "120" }
  }
})
const nodes = Number(values.nodes)
const length = 1000 * Number(values.seconds)
/** How long a node is stopped, and how long it runs, in ms. */
const Stopped = 8000
const Running = 50

/** The last ones, since the others join through the first. */
const stopped = Array.from({ length: Number(values.stopped) }, (_, i) => nodes - i)

const measure = async (agent: Agent): Promise<Verdicts> => {
  const namespace = new Namespace(`stops-${process.pid}`)
  const group = new Group(agent, namespace)
  try {
    group.start(1)
    await sleep(2000)
    for (let n = 2; n <= nodes; n++) group.start(n)
    await group.converged(300_000)
    await sleep(10_000)
    const end = performance.now() + length
    await Promise.all(
      stopped.map(async (n, i) => {
        // They are stopped one after the other, so that they run at different moments.
        await sleep((Stopped / stopped.length) * i)
        while (performance.now() < end) {
          group.signal(n, "SIGSTOP")
          await sleep(Stopped)
          group.signal(n, "SIGCONT")
          await sleep(Running)
        }
      })
    )
    // What is on its way is reported too.
    await sleep(5000)
    return group.verdicts(stopped)
  } finally {
    for (const n of stopped) group.signal(n, "SIGCONT")
    await group.stop()
    namespace.remove()
  }
}

const rows: Array<ReadonlyArray<string>> = []
for (const agent of [gossip, serf]) {
  const { healthyByHealthy, healthyByStopped, stoppedByHealthy } = await measure(agent)
  rows.push([agent.name, String(healthyByHealthy), String(healthyByStopped), String(stoppedByHealthy)])
}
console.log(
  `${nodes} nodes for ${length / 1000} s, ${stopped.length} of them stopped for 8 s and running for 0.05 s in turn\n`
)
console.log(table(["program", "well, held dead by the well", "well, by the stopped", "stopped, by the well"], rows))
