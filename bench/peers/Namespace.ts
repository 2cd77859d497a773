/** A network namespace of this run, with counters of what is sent in it. Needs root, iproute2 and nftables. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"

/** UDP datagrams sent within the namespace, with their IP and UDP headers. */
export interface Traffic {
  readonly datagrams: number
  readonly bytes: number
}

const run = (program: string, args: ReadonlyArray<string>): string =>
  execFileSync(program, [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

/** A namespace in which nothing but loopback exists. */
export class Namespace {
  readonly name: string

  constructor(name: string) {
    this.name = name
    run("ip", ["netns", "add", name])
    this.#inside("ip", ["link", "set", "lo", "up"])
    this.#inside("nft", ["add", "table", "inet", "peers"])
    this.#inside("nft", ["add", "chain", "inet", "peers", "out", "{ type filter hook output priority 0; }"])
    this.#inside("nft", ["add", "rule", "inet", "peers", "out", "meta", "l4proto", "udp", "counter"])
  }

  #inside(program: string, args: ReadonlyArray<string>): string {
    return run("ip", ["netns", "exec", this.name, program, ...args])
  }

  /** Drops ICMP from now on, so that a closed port is as silent as a dead host. */
  dropIcmp(): void {
    this.#inside("nft", ["add", "rule", "inet", "peers", "out", "meta", "l4proto", "icmp", "drop"])
  }

  /** What has been sent so far. */
  traffic(): Traffic {
    const found = /counter packets (\d+) bytes (\d+)/.exec(this.#inside("nft", ["list", "table", "inet", "peers"]))
    return { datagrams: Number(found?.[1] ?? 0), bytes: Number(found?.[2] ?? 0) }
  }

  /** Starts a program inside. Its process id is that of the program itself. */
  start(program: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): ChildProcess {
    return spawn("ip", ["netns", "exec", this.name, program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] })
  }

  remove(): void {
    run("ip", ["netns", "del", this.name])
  }
}
