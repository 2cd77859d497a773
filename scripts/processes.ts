/**
 * `npm run processes [-- NODES]`: starts so many processes of `gossip run` at once, 100 unless told, waits until each sees all,
 * kills one of ten, waits until no other holds them alive, and stops them all. It prints how long each of these took, and on
 * Linux the CPU time of all processes until they saw each other, and their memory then. They run the built package, as users do: from its source
 * a start takes four times the CPU.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import * as Http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { median } from "../bench/detection/Statistics.ts"
import { install } from "../bench/peers/Installed.ts"

const count = Number(process.argv[2] ?? 100)
if (!(Number.isInteger(count) && count >= 10)) {
  console.error("usage: npm run processes [-- NODES], with at least 10 nodes")
  process.exit(2)
}

/** How long one step may take, in ms. */
const Limit = 600_000

interface Node {
  readonly process: ChildProcess
  readonly socketPath: string
  readonly log: () => string
}

const home = mkdtempSync(join(tmpdir(), "gossip-processes-"))
const program = install()

const start = (n: number, peers: ReadonlyArray<string>): Node => {
  const socketPath = join(home, `${n}.sock`)
  const child = spawn(process.execPath, [program, "run", "--bind", "127.0.0.1:0", ...peers], {
    env: { PATH: process.env["PATH"], GOSSIP_ADMIN_SOCKET: socketPath },
    stdio: ["ignore", "pipe", "inherit"]
  })
  let log = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (log += text))
  return { process: child, socketPath, log: () => log }
}

/** How many members a node sees in each status; none while it does not answer. */
const seen = ({ socketPath }: Node): Promise<Partial<Record<string, number>>> =>
  new Promise((resolve) => {
    const request = Http.get(
      { socketPath, path: "/membership", headers: { Host: "node" }, agent: false },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (more: string) => (text += more))
        response.on("end", () => {
          const { nodes }: { readonly nodes: ReadonlyArray<{ readonly status: string }> } = JSON.parse(text)
          const counts: Partial<Record<string, number>> = {}
          for (const { status } of nodes) counts[status] = (counts[status] ?? 0) + 1
          resolve(counts)
        })
      }
    )
    request.on("error", () => resolve({}))
  })

const inTime = async (what: string, begun: number, holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) {
    if (performance.now() - begun > Limit) throw new Error(`not within ${Limit / 1000} s: ${what}`)
    await sleep(100)
  }
}

/** Waits until each node sees these numbers, one node after the other, since who agrees goes on to do so. */
const agreed = async (nodes: ReadonlyArray<Node>, wanted: Readonly<Record<string, number>>): Promise<number> => {
  const begun = performance.now()
  for (const node of nodes) {
    await inTime(`a node sees ${JSON.stringify(wanted)}`, begun, async () => {
      const counts = await seen(node)
      return Object.entries(wanted).every(([status, number]) => (counts[status] ?? 0) === number)
    })
  }
  return performance.now() - begun
}

/** The CPU time that a process has used, in ms: its ticks of a hundredth of a second in user and kernel mode. */
const cpuOf = ({ process: { pid } }: Node): number => {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return NaN
  const fields = readFileSync(file, "utf8")
    .replace(/^.*\) /, "")
    .split(" ")
  return 10 * (Number(fields[11]) + Number(fields[12]))
}

/** The resident memory of a process, in MB. */
const memoryOf = ({ process: { pid } }: Node): number => {
  const file = `/proc/${pid}/status`
  const [, kilobytes] = (existsSync(file) && /^VmRSS:\s*(\d+)/m.exec(readFileSync(file, "utf8"))) || []
  return (Number(kilobytes) * 1024) / 1e6
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const nodes: Array<Node> = []
try {
  const begun = performance.now()
  const first = start(0, [])
  nodes.push(first)
  await inTime("the first node is up", begun, () => / is bound to /.test(first.log()))
  const address = / is bound to (\S+)/.exec(first.log())?.[1] ?? ""
  const launched = performance.now()
  for (let n = 1; n < count; n++) nodes.push(start(n, ["--peers", address]))
  await agreed(nodes, { alive: count })
  const formed = performance.now() - launched
  const cpu = nodes.reduce((sum, node) => sum + cpuOf(node), 0)
  const memory = median(nodes.map(memoryOf)).toFixed(0)
  console.log(
    `${count} processes see each other after ${seconds(formed)}, with ${seconds(cpu)} of CPU and ${memory} MB each`
  )

  const killed = nodes.splice(1, Math.floor(count / 10))
  for (const { process } of killed) process.kill("SIGKILL")
  // The dead are listed for a time only, which may be over before the last node is asked.
  const known = await agreed(nodes, { alive: nodes.length, suspect: 0 })
  console.log(`all of the other ${nodes.length} know of ${killed.length} that were killed after ${seconds(known)}`)

  const stopping = performance.now()
  const codes = nodes.map(({ process }) => once(process, "exit"))
  for (const { process } of nodes) process.kill("SIGTERM")
  const wrong = (await Promise.all(codes)).filter(([code]) => code !== 0).length
  console.log(`all were stopped after ${seconds(performance.now() - stopping)}, ${wrong} of them with an error`)
  if (wrong > 0) process.exitCode = 1
} finally {
  for (const { process } of nodes) process.kill("SIGKILL")
  rmSync(home, { recursive: true, force: true })
}
