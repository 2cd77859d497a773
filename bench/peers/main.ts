/**
 * Real processes of this project and of `serf`, a program on HashiCorp's
 * memberlist, started in the same way, in turn, in one run: how long one takes to
 * start and join, how long all take to form, what they send and use when idle, and
 * how long a death takes to be known to all.
 *
 * This project's program is the built package. Needs root, iproute2, nftables and serf (`apt-get install serf nftables`).
 *
 *     npm run bench:peers -- --sizes 10,50,100 --kills 5 --json
 */
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { median, table } from "../detection/Statistics.ts"
import { type Agent, gossip, serf } from "./Agents.ts"
import { Group } from "./Group.ts"
import { Namespace } from "./Namespace.ts"

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "10,50,100" },
    kills: { type: "string", default: "3" },
    idle: { type: "string", default: "30" },
    "no-icmp": { type: "boolean", default: false },
    json: { type: "boolean", default: false }
  }
})
const sizes = options.sizes.split(",").map(Number)
const kills = Number(options.kills)
const idleSeconds = Number(options.idle)

/** One program at one size. Times in ms. */
interface Row {
  readonly program: string
  readonly nodes: number
  readonly formed: number
  /** From the start of one more process until it knows node 1. */
  readonly start: number
  /** UDP bytes with IP and UDP headers, sent per node and second. */
  readonly idleBytes: number
  /** CPU in ms per node and second. */
  readonly idleCpu: number
  readonly memory: number
  /** Until the last survivor reported each death, sorted. */
  readonly deaths: ReadonlyArray<number>
  readonly falseDeaths: number
}

/** Nodes that start at once; the first starts alone, so that the others find it. */
const measure = async (agent: Agent, nodes: number): Promise<Row> => {
  const namespace = new Namespace(`peers-${process.pid}`)
  const group = new Group(agent, namespace)
  try {
    if (options["no-icmp"]) namespace.dropIcmp()
    group.start(1)
    await sleep(2000)
    const start = performance.now()
    for (let n = 2; n <= nodes; n++) group.start(n)
    const formed = (await group.converged(300_000)) - start
    // By then, the changes of the joins have spread.
    await sleep(15_000)
    const [before, usedBefore] = [namespace.traffic(), group.usage()]
    await sleep(1000 * idleSeconds)
    const [after, usedAfter] = [namespace.traffic(), group.usage()]
    const perNode = nodes * idleSeconds
    const joined = await group.join(nodes + 1, 60_000)
    const deaths: Array<number> = []
    for (let k = 0; k < kills; k++) {
      deaths.push(await group.kill(nodes - k, 120_000))
      await sleep(2000 + 1000 * Math.random())
    }
    return {
      program: agent.name,
      nodes,
      formed,
      start: joined,
      idleBytes: (after.bytes - before.bytes) / perNode,
      idleCpu: (usedAfter.cpu - usedBefore.cpu) / perNode,
      memory: usedAfter.memory,
      deaths: deaths.toSorted((a, b) => a - b),
      falseDeaths: group.falseDeaths
    }
  } finally {
    await group.stop()
    namespace.remove()
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

const columns = [
  "program",
  "n",
  "start",
  "formed",
  "idle B/s",
  "CPU ms/s",
  "memory",
  "death known to all",
  "false deaths"
]
const cells = (row: Row): ReadonlyArray<string> => [
  row.program,
  String(row.nodes),
  seconds(row.start),
  seconds(row.formed),
  row.idleBytes.toFixed(0),
  row.idleCpu.toFixed(2),
  `${row.memory.toFixed(0)} MB`,
  `${seconds(median(row.deaths))} (${seconds(row.deaths[0] ?? NaN)} .. ${seconds(row.deaths.at(-1) ?? NaN)})`,
  String(row.falseDeaths)
]
const ratios = (ours: Row, theirs: Row): ReadonlyArray<string> => {
  const ratio = (of: (row: Row) => number) => (of(ours) / of(theirs)).toFixed(2)
  return [
    "ratio",
    String(ours.nodes),
    ratio((row) => row.start),
    ratio((row) => row.formed),
    ratio((row) => row.idleBytes),
    ratio((row) => row.idleCpu),
    ratio((row) => row.memory),
    ratio((row) => median(row.deaths)),
    ""
  ]
}

const rows: Array<Row> = []
const shown: Array<ReadonlyArray<string>> = []
for (const nodes of sizes) {
  const ours = await measure(gossip, nodes)
  const theirs = await measure(serf, nodes)
  rows.push(ours, theirs)
  shown.push(cells(ours), cells(theirs), ratios(ours, theirs))
}
console.log(options.json ? JSON.stringify(rows, undefined, 2) : table(columns, shown))
