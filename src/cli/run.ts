/**
 * `gossip run`: runs one node until a signal ends it.
 */
import type { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as NodeFlags from "./NodeFlags.ts"

const flags = {
  ...NodeFlags.flags,
  logFormat: Flag.Literals("log-format", ["human", "json"]).pipe(
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("Log lines for people, or one JSON object each; human if not given."),
    Flag.optional
  )
}

/**
 * What these flags give.
 */
export type Flags = Command.Command.Config.Infer<typeof flags>

/**
 * Joins a cluster and logs its changes until SIGINT or SIGTERM; then it leaves. The handler is passed in, because not
 * every program that has the command loads it at once.
 */
export const make = <E, R>(handle: (flags: Flags) => Effect.Effect<void, E, R>) =>
  Command.make("run", flags, handle).pipe(
    Command.withShortDescription("Run a node: join a cluster and log which members join, fail and leave."),
    Command.withDescription(
      [
        "Runs a node. It joins the cluster of its peers and logs every change of membership, with its cause, to standard",
        "  output. At SIGINT or SIGTERM it leaves the cluster and exits 0; a second signal makes it exit at once. At SIGHUP it",
        "  reads its key file again, if it has one.",
        "",
        "  Every key of the TOML file has an environment variable, GOSSIP_<SECTION>_<KEY>, and a flag, --<section>-<key>,",
        "  such as --probes-interval-ms; keys of [network] have theirs without the section. A flag takes precedence over the",
        "  environment, the environment over the file, and the file over the default.",
        "  GOSSIP_LOG_FORMAT and GOSSIP_LOG_LEVEL stand for --log-format and --log-level.",
        "",
        '  ADDR is "IPv4:port" or "[IPv6]:port". ID is decimal, or 0x and hexadecimal digits. CIDR is a network such as',
        "  10.0.0.0/8. MODE is off, accept or required; HEX is 64 hexadecimal digits, as gossip keygen makes them.",
        "  A peer may also be name:port, or the SRV records of a service, dns+srv://_gossip._udp.example."
      ].join("\n")
    ),
    Command.withExamples([
      { command: "gossip run --bind 127.0.0.1:7946", description: "The first node of a cluster on this machine" },
      { command: "gossip run --peers 127.0.0.1:7946", description: "Another node, on any free port" },
      {
        command: "gossip run --bind 0.0.0.0:7946 --peers 10.0.0.1:7946,10.0.0.2:7946",
        description: "A node that other machines can reach"
      },
      {
        command: "gossip keygen --out cluster.key && gossip run --cluster-key-file cluster.key",
        description: "A node that talks only to nodes with the same key"
      },
      {
        command: "GOSSIP_PROBES_SUSPECT_TIMEOUT_MS=5000 gossip run --config gossip.toml",
        description: "Configured by a file, with one key set by the environment"
      },
      { command: "gossip run --log-format json | jq .change", description: "Log lines for programs" }
    ])
  )
