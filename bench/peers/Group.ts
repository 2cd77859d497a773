/** Many nodes of one program in one namespace, and what each has said about the others. */
import type { ChildProcess } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { median } from "../detection/Statistics.ts"
import type { Agent } from "./Agents.ts"
import type { Namespace } from "./Namespace.ts"

interface Running {
  readonly n: number
  readonly child: ChildProcess
  /** When this node first reported each other node as joined or dead, in ms of `performance.now()`. */
  readonly joined: Map<string, number>
  readonly dead: Map<string, number>
  /** The name of the other node for every report that one is dead, also for those that come again. */
  readonly verdicts: Array<string>
}

/** Reports that a node is dead, by who reports it of whom. */
export interface Verdicts {
  /** Of one that was never stopped, by another such one. */
  readonly healthyByHealthy: number
  readonly healthyByStopped: number
  readonly stoppedByHealthy: number
}

/** What the processes of a group use, as the kernel counts it. */
export interface Usage {
  /** Median resident memory of a process, in MB. */
  readonly memory: number
  /** CPU of all processes so far, in ms. */
  readonly cpu: number
}

const PollInterval = 20
/** Milliseconds per clock tick of /proc. */
const Tick = 10

export class Group {
  readonly #agent: Agent
  readonly #namespace: Namespace
  readonly #nodes = new Map<number, Running>()

  constructor(agent: Agent, namespace: Namespace) {
    this.#agent = agent
    this.#namespace = namespace
  }

  start(n: number): void {
    const agent = this.#agent
    const child = this.#namespace.start(agent.program, agent.arguments(n), agent.environment)
    const running: Running = { n, child, joined: new Map(), dead: new Map(), verdicts: [] }
    this.#nodes.set(n, running)
    for (const output of [child.stdout, child.stderr]) {
      if (output === null) continue
      createInterface({ input: output }).on("line", (line) => {
        const report = agent.read(line)
        if (report === undefined) return
        if (report.what === "dead") running.verdicts.push(report.about)
        const reports = running[report.what]
        if (!reports.has(report.about)) reports.set(report.about, performance.now())
      })
    }
  }

  /** Starts a node and returns how long it took until it reported node 1 as joined, in ms. */
  async join(n: number, limit: number): Promise<number> {
    const start = performance.now()
    this.start(n)
    const name = this.#agent.nameOf(1)
    return (await this.#until(limit, () => this.#nodes.get(n)?.joined.get(name))) - start
  }

  /** Waits until every node has reported every other as joined, and returns when the last did. */
  converged(limit: number): Promise<number> {
    const names = [...this.#nodes.keys()].map((n) => this.#agent.nameOf(n))
    return this.#until(limit, () => {
      let last = 0
      for (const { joined, n } of this.#nodes.values()) {
        for (const name of names) {
          const at = joined.get(name)
          if (name === this.#agent.nameOf(n)) continue
          if (at === undefined) return undefined
          last = Math.max(last, at)
        }
      }
      return last
    })
  }

  /** Ends a node with SIGKILL and returns how long the last of the others took to report it dead, in ms. */
  async kill(n: number, limit: number): Promise<number> {
    const killed = this.#nodes.get(n)
    if (killed === undefined) throw new Error(`node ${n} does not run`)
    this.#nodes.delete(n)
    const name = this.#agent.nameOf(n)
    const start = performance.now()
    killed.child.kill("SIGKILL")
    const last = await this.#until(limit, () => {
      const times = [...this.#nodes.values()].map(({ dead }) => dead.get(name))
      return times.includes(undefined) ? undefined : Math.max(...times.map((at) => at ?? 0))
    })
    return last - start
  }

  /** Sends a signal to a node. */
  signal(n: number, name: NodeJS.Signals): void {
    this.#nodes.get(n)?.child.kill(name)
  }

  /** The verdicts so far, of nodes of which some are stopped again and again. */
  verdicts(stopped: ReadonlyArray<number>): Verdicts {
    const isStopped = new Set(stopped.map((n) => this.#agent.nameOf(n)))
    const counts = { healthyByHealthy: 0, healthyByStopped: 0, stoppedByHealthy: 0 }
    for (const { n, verdicts } of this.#nodes.values()) {
      const byStopped = stopped.includes(n)
      for (const about of verdicts) {
        if (isStopped.has(about)) counts.stoppedByHealthy += byStopped ? 0 : 1
        else if (byStopped) counts.healthyByStopped++
        else counts.healthyByHealthy++
      }
    }
    return counts
  }

  /** Nodes that are reported dead by a node that runs, though they run. */
  get falseDeaths(): number {
    const running = new Set([...this.#nodes.keys()].map((n) => this.#agent.nameOf(n)))
    let count = 0
    for (const { dead } of this.#nodes.values()) for (const name of dead.keys()) if (running.has(name)) count++
    return count
  }

  usage(): Usage {
    const memory: Array<number> = []
    let cpu = 0
    for (const { child } of this.#nodes.values()) {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8")
      memory.push(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1024)
      const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8")
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      cpu += (Number(fields[11]) + Number(fields[12])) * Tick
    }
    return { memory: median(memory), cpu }
  }

  /** Ends all nodes. */
  async stop(): Promise<void> {
    const ended = [...this.#nodes.values()].map(
      ({ child }) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) return resolve()
          child.once("exit", () => resolve())
          child.kill("SIGKILL")
        })
    )
    this.#nodes.clear()
    await Promise.all(ended)
  }

  async #until(limit: number, check: () => number | undefined): Promise<number> {
    const deadline = performance.now() + limit
    while (performance.now() < deadline) {
      const at = check()
      if (at !== undefined) return at
      await sleep(PollInterval)
    }
    return NaN
  }
}
