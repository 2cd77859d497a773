/**
 * Hosts of a test: network namespaces that a bridge or a wire connects, and nodes that run there as processes. Needs root,
 * iproute2, nftables and perl.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { ask } from "../admin/HttpRequests.ts"

const node = fileURLToPath(new URL("../../node_modules/.bin/node", import.meta.url))
const program = fileURLToPath(new URL("../../bin/gossip.js", import.meta.url))
const wire = fileURLToPath(new URL("wire.pl", import.meta.url))

/** How long a condition may take, in ms: far beyond what the slowest machine needs. */
const Patience = 180_000

const run = (command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

/** The network of a host, and the address that it has there, for both families. */
export const v4 = (host: number): string => `10.99.0.${host}`
export const v6 = (host: number): string => `fd99::${host}`

/** The faults of a wire: ms of delay and jitter, and percent of packets. */
export interface Faults {
  readonly delay: number
  readonly jitter: number
  readonly loss: number
  readonly duplicate: number
  readonly damage: number
}

/** A node as a process on a host. */
export interface Running {
  readonly id: number
  readonly process: ChildProcess
  readonly log: () => string
  readonly end: () => number | NodeJS.Signals | undefined
  /** What it says about each member: `alive` and so on, by id. */
  readonly statuses: () => Promise<ReadonlyMap<string, string>>
  /** Where it thinks that a live member is. */
  readonly addressOf: (id: number) => Promise<string | undefined>
  /** The value of one of its metrics. */
  readonly metric: (name: string) => Promise<number>
}

/** Removes what is left of processes that were killed before they could. */
const removeOrphans = (): void => {
  for (const [name, pid] of run("ip", "netns", "list").matchAll(/^gossip-(\d+)-\S+/gm)) {
    if (!existsSync(`/proc/${pid}`)) run("ip", "netns", "delete", name)
  }
}

let networks = 0

/** A network of hosts, in namespaces whose names no other process uses. */
export class Hosts {
  readonly #name = `gossip-${process.pid}-${++networks}`
  readonly #home = mkdtempSync(join(tmpdir(), "gossip-net-"))
  readonly #namespaces: Array<string> = []
  readonly #wires: Array<ChildProcess> = []
  readonly #nodes: Array<Running> = []

  /** Makes the bridge. */
  open(): void {
    removeOrphans()
    this.#add("hub")
    this.inside("hub", "ip", "link", "add", "name", "bridge0", "type", "bridge")
    this.inside("hub", "ip", "link", "set", "bridge0", "up")
  }

  /** Runs a command in a namespace. */
  inside(place: string | number, command: string, ...args: ReadonlyArray<string>): string {
    return run("ip", "netns", "exec", this.#of(place), command, ...args)
  }

  /** Adds a host to the bridge. */
  add(host: number): void {
    this.#add(`${host}`)
    run(
      "ip",
      "-n",
      this.#of("hub"),
      "link",
      "add",
      `h${host}`,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      this.#of(host)
    )
    this.inside("hub", "ip", "link", "set", `h${host}`, "master", "bridge0", "up")
    this.#configure(host)
  }

  /** Adds a host at the end of a wire. */
  async addDistant(host: number, faults: Faults): Promise<void> {
    this.#add(`${host}`)
    const { damage, delay, duplicate, jitter, loss } = faults
    const numbers = [delay, jitter, loss, duplicate, damage].map(String)
    const args = ["netns", "exec", this.#of("hub"), "perl", wire, `h${host}`, "eth0", ...numbers]
    const child = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] })
    this.#wires.push(child)
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve())
      child.once("exit", (code) => reject(new Error(`the wire ended with ${code}`)))
    })
    this.inside("hub", "ip", "link", "set", "eth0", "netns", this.#of(host))
    this.inside("hub", "ip", "link", "set", `h${host}`, "master", "bridge0", "up")
    this.#configure(host)
  }

  /** Adds a host behind a router, which passes on what comes to the port of nodes: the others see the router. */
  addBehindRouter(host: number, router: number): void {
    this.add(router)
    this.#add(`${host}`)
    run(
      "ip",
      "-n",
      this.#of(router),
      "link",
      "add",
      "inner",
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      this.#of(host)
    )
    this.inside(router, "ip", "address", "add", "192.168.7.1/24", "dev", "inner")
    this.inside(router, "ip", "link", "set", "inner", "up")
    this.inside(router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    const rule = (...rule: ReadonlyArray<string>) => this.inside(router, "nft", ...rule)
    rule("add", "table", "ip", "nat")
    rule("add", "chain", "ip", "nat", "in", "{ type nat hook prerouting priority -100; }")
    rule("add", "chain", "ip", "nat", "out", "{ type nat hook postrouting priority 100; }")
    rule("add", "rule", "ip", "nat", "in", "iifname", "eth0", "udp", "dport", "7946", "dnat", "to", "192.168.7.2")
    rule("add", "rule", "ip", "nat", "out", "oifname", "eth0", "masquerade")
    this.inside(host, "ip", "address", "add", "192.168.7.2/24", "dev", "eth0")
    this.inside(host, "ip", "link", "set", "eth0", "up")
    this.inside(host, "ip", "route", "add", "default", "via", "192.168.7.1")
  }

  /** Drops what comes to a host and matches a rule of nftables: `ip saddr 10.99.0.1`, or nothing for all. */
  drop(host: number, ...match: ReadonlyArray<string>): void {
    this.inside(host, "nft", "add", "rule", "inet", "faults", "in", ...match, "drop")
  }

  /** Ends all that `drop` began. */
  heal(host: number): void {
    this.inside(host, "nft", "flush", "chain", "inet", "faults", "in")
  }

  /** Starts a node on a host, whose number is also its id. */
  start(host: number, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Running {
    const socket = join(this.#home, `${host}.sock`)
    const child = spawn(
      "ip",
      ["netns", "exec", this.#of(host), node, program, "run", "--node-id", `${host}`, ...args],
      { env: { PATH: process.env["PATH"], GOSSIP_ADMIN_SOCKET: socket, ...env }, stdio: ["ignore", "pipe", "pipe"] }
    )
    let log = ""
    let end: number | NodeJS.Signals | undefined
    for (const output of [child.stdout, child.stderr]) output.setEncoding("utf8").on("data", (text) => (log += text))
    child.on("close", (code, signal) => (end = code ?? signal ?? undefined))
    const read = async (path: string): Promise<unknown> => {
      const answer = await Effect.runPromise(Effect.option(ask("http://node", path, { socketPath: socket })))
      return answer._tag === "Some" ? answer.value.json : undefined
    }
    const members = async (): Promise<
      ReadonlyArray<{ readonly id: string; readonly status: string; readonly addr: string }>
    > => Object(await read("/membership")).nodes ?? []
    const running: Running = {
      id: host,
      process: child,
      log: () => log,
      end: () => end,
      statuses: async () => new Map((await members()).map(({ id, status }) => [id, status])),
      addressOf: async (id) =>
        (await members()).find((member) => member.id === `${id}` && member.status === "alive")?.addr,
      metric: async (name) => {
        const series: ReadonlyArray<{ readonly value: number }> =
          Object(await read("/metrics/json"))[name]?.series ?? []
        return series.reduce((sum, { value }) => sum + value, 0)
      }
    }
    this.#nodes.push(running)
    return running
  }

  /** Waits for a condition. */
  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + Patience
    while (!(await condition())) {
      const ended = this.#nodes.find(({ end }) => end() !== undefined)
      if (performance.now() < deadline && ended === undefined) {
        await sleep(100)
        continue
      }
      const logs = this.#nodes.map(({ id, log }) => `--- node ${id}\n${log().slice(-4000)}`)
      throw new Error(`${ended === undefined ? "no" : `node ${ended.id} ended before`} ${what}\n${logs.join("\n")}`)
    }
  }

  /** The exit code of a node that was told to end. */
  async ended(node: Running): Promise<number | NodeJS.Signals | undefined> {
    this.#nodes.splice(this.#nodes.indexOf(node), 1)
    const deadline = performance.now() + Patience
    while (node.end() === undefined && performance.now() < deadline) await sleep(50)
    node.process.kill("SIGKILL")
    return node.end()
  }

  /** Waits until each of these nodes holds exactly these members in the cluster, alive or suspect. */
  see(nodes: ReadonlyArray<Running>, members: ReadonlyArray<Running>): Promise<void> {
    const expected = members
      .map(({ id }) => `${id}`)
      .sort()
      .join(" ")
    return this.until(`nodes ${nodes.map(({ id }) => id).join(" ")} see ${expected}`, async () => {
      for (const { statuses } of nodes) {
        const found = [...(await statuses())]
          .filter(([, status]) => status === "alive" || status === "suspect")
          .map(([id]) => id)
        if (found.sort().join(" ") !== expected) return false
      }
      return true
    })
  }

  /** Ends the nodes and removes the network. */
  async close(): Promise<void> {
    for (const { process } of this.#nodes) process.kill("SIGKILL")
    for (const wire of this.#wires) wire.kill("SIGKILL")
    const left = () => this.#nodes.some(({ end }) => end() === undefined)
    for (let tries = 0; left() && tries < 100; tries++) await sleep(50)
    for (const name of this.#namespaces) run("ip", "netns", "delete", name)
    rmSync(this.#home, { recursive: true, force: true })
  }

  #of(place: string | number): string {
    return `${this.#name}-${place}`
  }

  #add(place: string): void {
    run("ip", "netns", "add", this.#of(place))
    this.#namespaces.push(this.#of(place))
    this.inside(place, "ip", "link", "set", "lo", "up")
    this.inside(place, "nft", "add", "table", "inet", "faults")
    this.inside(place, "nft", "add", "chain", "inet", "faults", "in", "{ type filter hook input priority 0; }")
  }

  #configure(host: number): void {
    this.inside(host, "ip", "address", "add", `${v4(host)}/24`, "dev", "eth0")
    this.inside(host, "ip", "-6", "address", "add", `${v6(host)}/64`, "dev", "eth0", "nodad")
    this.inside(host, "ip", "link", "set", "eth0", "up")
  }
}
