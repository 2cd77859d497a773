/** The programs that are compared: how one node of each is started, and how its log tells of other nodes. */
import { Predicate } from "effect"
import { install } from "./Installed.ts"

/** What a line of a node's log says about another node. */
export interface Report {
  readonly what: "joined" | "dead"
  /** The name of the other node, `Agent.nameOf` of its number. */
  readonly about: string
}

/** One of the programs. */
export interface Agent {
  readonly name: string
  readonly program: string
  /** Arguments of node `n`, which joins through node 1. Numbers begin at 1. */
  readonly arguments: (n: number) => ReadonlyArray<string>
  readonly environment: NodeJS.ProcessEnv
  readonly nameOf: (n: number) => string
  readonly read: (line: string) => Report | undefined
}

const bin = install()
const gossipPort = (n: number): number => 20_000 + n

const readChange = (line: string): Report | undefined => {
  if (!line.includes('"change"')) return undefined
  const parsed: unknown = JSON.parse(line)
  const change = Predicate.isObject(parsed) ? parsed["change"] : undefined
  if (!Predicate.isObject(change) || !Predicate.isObject(change["member"])) return undefined
  const about = String(change["member"]["id"])
  if (change["kind"] === "Joined") return { what: "joined", about }
  return change["kind"] === "Died" ? { what: "dead", about } : undefined
}

/** This project, with its defaults. */
export const gossip: Agent = {
  name: "effect-gossip",
  program: process.execPath,
  arguments: (n) => [
    bin,
    "run",
    "--bind",
    `127.0.0.1:${gossipPort(n)}`,
    "--node-id",
    String(n),
    "--log-format",
    "json",
    ...(n === 1 ? [] : ["--peers", `127.0.0.1:${gossipPort(1)}`])
  ],
  environment: { ...process.env, GOSSIP_METRICS_LOG_INTERVAL_MS: "0" },
  nameOf: String,
  read: readChange
}

const serfPort = (n: number): number => 30_000 + n
const serfEvent = /serf: EventMember(Join|Failed): (\S+)/

/** HashiCorp's agent on memberlist, with its defaults for a LAN. */
export const serf: Agent = {
  name: "serf",
  program: "serf",
  arguments: (n) => [
    "agent",
    `-node=node${n}`,
    `-bind=127.0.0.1:${serfPort(n)}`,
    `-rpc-addr=127.0.0.1:${serfPort(n) + 10_000}`,
    ...(n === 1 ? [] : [`-join=127.0.0.1:${serfPort(1)}`])
  ],
  environment: process.env,
  nameOf: (n) => `node${n}`,
  read: (line) => {
    const found = serfEvent.exec(line)
    const about = found?.[2]
    return about === undefined ? undefined : { what: found?.[1] === "Join" ? "joined" : "dead", about }
  }
}
