/**
 * `gossip run`: one node, until a signal ends it.
 */
import { Context, Effect, Latch, Layer, Metric, Option, Queue, type Scope, Stream } from "effect"
import { CliError, Command } from "effect/cli"
import { NetAddress } from "effect/net"
import { Cluster } from "../cluster/Cluster.ts"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import type { Change } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as Peer from "../domain/Peer.ts"
import { Membership } from "../membership/Membership.ts"
import { Metrics } from "../metrics/Metrics.ts"
import * as SummaryLog from "../metrics/SummaryLog.ts"
import * as ClusterKeyFile from "../node/ClusterKeyFile.ts"
import * as NodeCluster from "../node/NodeCluster.ts"
import type { KeyInfo, KeyRing } from "../crypto/KeyRing.ts"
import { changeLine, ChangeMessage, durationText, memberText, mentioned } from "./ChangeLine.ts"
import { Host } from "./Host.ts"
import type { Gap, LineWriter } from "./LineWriter.ts"
import * as LogSettings from "./LogSettings.ts"
import * as NodeFlags from "./NodeFlags.ts"

const flags = { ...NodeFlags.flags, logFormat: LogSettings.logFormat }

type Flags = Command.Command.Config.Infer<typeof flags>

/**
 * Joins a cluster and logs what happens there, until SIGINT or SIGTERM; then it leaves.
 */
export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(
    function* (flags: Flags) {
      const { openLog } = yield* Host
      const log = yield* openLog
      yield* Effect.provide(runWith(flags, log), LogSettings.layer(log, flags.logFormat))
    },
    Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: errorText(cause) }))
  )
).pipe(
  Command.withShortDescription("Run a node: join a cluster and log who joins, fails and leaves."),
  Command.withDescription(
    [
      "Runs a node. It joins the cluster of its peers and logs every change of membership, with its cause, to standard",
      "  output. SIGINT or SIGTERM makes it leave politely and exit 0; a second one makes it exit at once. SIGHUP makes it",
      "  read the key file again, if it has one.",
      "",
      "  Everything else is set in the TOML file or by environment variables named GOSSIP_<SECTION>_<KEY>. A flag goes",
      "  before the environment, the environment before the file, the file before the default.",
      "  GOSSIP_LOG_FORMAT and GOSSIP_LOG_LEVEL stand for --log-format and --log-level.",
      "",
      '  ADDR is "IPv4:port" or "[IPv6]:port". ID is decimal, or 0x and hexadecimal digits. CIDR is a network such as',
      "  10.0.0.0/8. MODE is off, accept or required; HEX is 64 hexadecimal digits, as gossip keygen makes them.",
      "  A peer may also be name:port, or the SRV records of a service, dns+srv://_gossip._udp.example."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip run --bind 127.0.0.1:7946", description: "The first node of a cluster on this machine" },
    { command: "gossip run --peers 127.0.0.1:7946", description: "Another one, on any free port" },
    {
      command: "gossip run --bind 0.0.0.0:7946 --peers 10.0.0.1:7946,10.0.0.2:7946",
      description: "A node for other machines to reach"
    },
    {
      command: "gossip keygen --out cluster.key && gossip run --cluster-key-file cluster.key",
      description: "A node that speaks only with those that have the key"
    },
    {
      command: "GOSSIP_PROBES_SUSPECT_TIMEOUT_MS=5000 gossip run --config gossip.toml",
      description: "Configured by a file, with one key set by the environment"
    },
    { command: "gossip run --log-format json | jq .change", description: "Log lines for programs" }
  ])
)

const runWith = Effect.fnUntraced(function* (flags: Flags, log: LineWriter) {
  const { config, unknownVariables } = yield* NodeFlags.load(flags)
  yield* reportGaps(log)
  for (const variable of unknownVariables) yield* Effect.logWarning(NodeFlags.unknownVariableText(variable))
  const hangups = yield* watchForHangups(config)
  yield* Effect.provide(
    serve(config, log, hangups),
    Layer.provideMerge(SummaryLog.layer, NodeCluster.layerResolved(config))
  )
}, Effect.scoped)

const reportGaps = Effect.fnUntraced(function* (log: LineWriter) {
  const gaps = yield* Queue.sliding<Gap>(1)
  log.onGap((gap) => void Queue.offerUnsafe(gaps, gap))
  yield* Queue.take(gaps).pipe(
    Effect.flatMap(({ lines, reason }) => Effect.logWarning(`lost ${lines} log ${plural(lines, "line")}: ${reason}`)),
    Effect.forever,
    Effect.forkScoped
  )
})

const plural = (count: number, noun: string): string => (count === 1 ? noun : `${noun}s`)

const droppedLines = Metric.counter("swim_log_lines_dropped_total", {
  description: "Log lines dropped because standard output failed or was too slow.",
  incremental: true
})

/** Adds the count of dropped log lines to the metrics of a node. */
const countDroppedLines = ({ registry }: Metrics["Service"], log: LineWriter): void => {
  Metric.registerUnsafe(droppedLines, Context.make(Metric.MetricRegistry, registry), {
    get: () => ({ count: log.dropped, incremental: true }),
    update: () => {},
    modify: () => {}
  })
}

// A signal that comes while the node starts is not lost. Without a key file it keeps its meaning, that a terminal closed.
const watchForHangups = Effect.fnUntraced(function* ({
  network
}: ClusterConfig): Effect.fn.Return<Option.Option<Hangups>, never, Host | Scope.Scope> {
  if (network.clusterKeyFile === undefined || network.encryption === "off") return Option.none()
  const { hangups } = yield* Host
  return Option.some({ path: network.clusterKeyFile, signals: yield* hangups })
})

const errorText = (error: Parameters<typeof NodeFlags.errorText>[0] | NodeCluster.StartError): string =>
  error._tag === "NodeAdminError" || error._tag === "TokenFileError" ? error.message : NodeFlags.errorText(error)

interface Hangups {
  /** The key file. */
  readonly path: string
  readonly signals: Queue.Dequeue<void>
}

const serve = Effect.fnUntraced(
  function* (config: ClusterConfig, log: LineWriter, hangups: Option.Option<Hangups>) {
    const membership = yield* Membership
    const introduced = yield* Latch.make()
    yield* Stream.runForEach(membership.changes, (change) => Effect.andThen(introduced.await, logChange(change))).pipe(
      Effect.forkScoped({ startImmediately: true })
    )
    yield* introduce(config)
    // Who spoke to us before the changes were watched.
    for (const member of yield* membership.members) {
      if (!member.self) yield* Effect.logInfo(`${member.status} ${memberText(member)}: known since the start`)
    }
    yield* introduced.open
    const { awaitLeft, keyRing } = yield* Cluster
    const metrics = yield* Metrics
    countDroppedLines(metrics, log)
    if (Option.isSome(hangups) && Option.isSome(keyRing)) {
      const { path, signals } = hangups.value
      yield* Queue.take(signals).pipe(Effect.andThen(reload(path, keyRing.value)), Effect.forever, Effect.forkScoped)
    }
    yield* awaitLeft
    yield* Effect.logInfo("has left, as asked over HTTP, and ends")
  },
  Effect.onInterrupt(() => sayGoodbye),
  Effect.scoped
)

const reload = (path: string, keyRing: KeyRing["Service"]) =>
  ClusterKeyFile.read(path).pipe(
    Effect.flatMap(keyRing.replace),
    Effect.andThen(keyRing.list),
    Effect.matchEffect({
      onFailure: ({ message }) => Effect.logError(`SIGHUP: ${message}; the keys stay as they are`),
      onSuccess: (keys) => Effect.logInfo(`SIGHUP: has read ${path} again; ${keysText(keys)}`)
    })
  )

const keysText = (keys: ReadonlyArray<KeyInfo>): string => {
  const primary = keys.filter((key) => key.primary).map((key) => key.fingerprint)
  const others = keys.filter((key) => !key.primary).map((key) => key.fingerprint)
  return `key ${primary.join()} seals${others.length === 0 ? "" : `, ${others.join(" and ")} can be read too`}`
}

const encryptionText = Effect.fnUntraced(function* ({ network }: ClusterConfig) {
  const { keyRing } = yield* Cluster
  if (Option.isNone(keyRing)) return "messages are not encrypted, so whoever can send here can lie"
  const what =
    network.encryption === "required"
      ? "messages are encrypted"
      : "messages are encrypted to those that encrypt, and others are heard too"
  return `${what}; ${keysText(yield* keyRing.value.list)}`
})

const introduce = Effect.fnUntraced(function* (config: ClusterConfig) {
  const { network } = config
  const { advertised, advertisedFrom, bound, id } = yield* Cluster
  yield* Effect.logInfo(`node ${id} is bound to ${NetAddress.formatInet(bound)}`)

  const advertises = `advertises ${NetAddress.formatInet(advertised)}`
  switch (advertisedFrom) {
    case "configured":
      yield* Effect.logInfo(`${advertises}, as configured`)
      break
    case "bound":
      yield* Effect.logInfo(
        NetAddress.isLoopback(advertised.address)
          ? `${advertises}, the bound address, which only this machine can reach`
          : `${advertises}, the bound address`
      )
      break
    case "interface": {
      const all = `as ${NetAddress.formatInet(bound)} stands for all`
      yield* NetAddress.isLoopback(advertised.address)
        ? Effect.logWarning(`${advertises}, the only address found, ${all}; no other machine can reach it`)
        : Effect.logInfo(
            `${advertises}, the first address of this machine that others may reach, ${all}; --advertise names another`
          )
    }
  }

  const name = network.cluster === "" ? "" : `cluster ${JSON.stringify(network.cluster)}: `
  yield* Effect.logInfo(`${name}${yield* encryptionText(config)}`)

  yield* Effect.logInfo(
    network.peers.length === 0
      ? "no peers: waits to be contacted"
      : `joins through ${network.peers.map(Peer.format).join(", ")}`
  )
})

const logChange = Effect.fnUntraced(function* (change: Change) {
  const membership = yield* Membership
  const addresses = new Map<NodeId, NetAddress.InetAddress>()
  for (const id of mentioned(change)) {
    const member = yield* membership.get(id)
    if (Option.isSome(member)) addresses.set(id, member.value.address)
  }
  const line = changeLine(change, (id) => addresses.get(id))
  if (line !== undefined) yield* Effect.logWithLevel(line.level)(new ChangeMessage(line.text, change))
})

const sayGoodbye = Effect.gen(function* () {
  const { leave } = yield* Cluster
  const { signal } = yield* Host
  const why = Option.match(yield* signal, { onNone: () => "leaves", onSome: (name) => `${name}: leaves` })
  yield* Effect.logInfo(`${why}; a second signal exits at once`)
  const [took] = yield* Effect.timed(leave)
  yield* Effect.logInfo(`has left, after ${durationText(took)}`)
})
