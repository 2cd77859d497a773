/**
 * Runs a node: configures it, logs what happens in its cluster, and makes it leave at a signal.
 */
import { Clock, Context, Effect, Latch, Layer, Metric, Option, Queue, type Scope, Stream } from "effect"
import { CliError } from "effect/cli"
import { NetAddress } from "effect/net"
import { Cluster } from "../cluster/Cluster.ts"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import { entries } from "../config/ConfigTable.ts"
import type { Change } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as Peer from "../domain/Peer.ts"
import { Membership } from "../membership/Membership.ts"
import { Metrics } from "../metrics/Metrics.ts"
import * as SummaryLog from "../metrics/SummaryLog.ts"
import * as ClusterKeyFile from "../node/ClusterKeyFile.ts"
import * as NodeCluster from "../node/NodeCluster.ts"
import * as MonotonicTime from "../time/MonotonicTime.ts"
import type { KeyInfo, KeyRing } from "../crypto/KeyRing.ts"
import { changeLine, ChangeMessage, durationText, memberText, mentioned } from "./ChangeLine.ts"
import { Host } from "./Host.ts"
import { LineBudget, SummaryAfter } from "./LineBudget.ts"
import type { Gap, LineWriter } from "./LineWriter.ts"
import * as LogSettings from "./LogSettings.ts"
import * as NodeFlags from "./NodeFlags.ts"
import { QuietConflicts } from "./QuietConflicts.ts"
import { QuietFlaps } from "./QuietFlaps.ts"
import type { Flags } from "./run.ts"

/** Handles `gossip run`. */
export const handle = Effect.fnUntraced(
  function* (flags: Flags) {
    const { openLog } = yield* Host
    const log = yield* openLog
    yield* Effect.provide(run(flags, log), LogSettings.layer(log, flags.logFormat))
  },
  Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: errorText(cause) }))
)

const run = Effect.fnUntraced(function* (flags: Flags, log: LineWriter) {
  const { config, origins, unknownVariables } = yield* NodeFlags.load(flags)
  yield* reportGaps(log)
  for (const entry of entries) {
    if (entry.key.secret === true && origins.get(entry.path) === "flag") {
      yield* Effect.logWarning(
        `every user of this machine sees the value of ${entry.flag} in the list of processes; ${entry.flag}-file is safer`
      )
    }
  }
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
const countDroppedLines = ({ whenRead }: Metrics["Service"], log: LineWriter): void =>
  whenRead((registry) => {
    Metric.registerUnsafe(droppedLines, Context.make(Metric.MetricRegistry, registry), {
      get: () => ({ count: log.dropped, incremental: true }),
      update: () => {},
      modify: () => {}
    })
  })

// A SIGHUP that arrives while the node starts is kept. Without a key file it ends the process, as when a terminal closes.
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
    const isDescribed = yield* Latch.make()
    const logChange = yield* makeChangeLog
    yield* Stream.runForEach(membership.changes, (change) => Effect.andThen(isDescribed.await, logChange(change))).pipe(
      Effect.forkScoped({ startImmediately: true })
    )
    yield* describeNode(config)
    // Members that joined before the subscription to the changes.
    for (const member of yield* membership.members) {
      if (!member.self) yield* Effect.logInfo(`${member.status} ${memberText(member)}: known since the start`)
    }
    yield* isDescribed.open
    yield* (yield* Host).started
    const { awaitLeft, keyRing } = yield* Cluster
    const metrics = yield* Metrics
    countDroppedLines(metrics, log)
    if (Option.isSome(hangups) && Option.isSome(keyRing)) {
      const { path, signals } = hangups.value
      yield* Queue.take(signals).pipe(Effect.andThen(reload(path, keyRing.value)), Effect.forever, Effect.forkScoped)
    }
    yield* awaitLeft
    yield* Effect.logInfo("left the cluster as requested over HTTP; exiting")
  },
  Effect.onInterrupt(() => leaveAtSignal),
  Effect.scoped
)

const reload = (path: string, keyRing: KeyRing["Service"]) =>
  ClusterKeyFile.read(path).pipe(
    Effect.flatMap(keyRing.replace),
    Effect.andThen(keyRing.list),
    Effect.matchEffect({
      onFailure: ({ message }) => Effect.logError(`SIGHUP: ${message}; the keys are unchanged`),
      onSuccess: (keys) => Effect.logInfo(`SIGHUP: read ${path} again; ${keysText(keys)}`)
    })
  )

const keysText = (keys: ReadonlyArray<KeyInfo>): string => {
  const primary = keys.filter((key) => key.primary).map((key) => key.fingerprint)
  const others = keys.filter((key) => !key.primary).map((key) => key.fingerprint)
  const also = others.length === 0 ? "" : `, datagrams with key ${others.join(" or ")} are accepted too`
  return `key ${primary.join()} encrypts${also}`
}

const encryptionText = Effect.fnUntraced(function* ({ network }: ClusterConfig) {
  const { keyRing } = yield* Cluster
  if (Option.isNone(keyRing)) return "datagrams are not encrypted, so anyone who can reach this address can forge them"
  const what =
    network.encryption === "required"
      ? "datagrams are encrypted"
      : "datagrams are encrypted to members that encrypt, and unencrypted ones are accepted"
  return `${what}; ${keysText(yield* keyRing.value.list)}`
})

/** Says what is advertised and why. */
const describeAddress = Effect.fnUntraced(function* (advertises: string, bound: NetAddress.InetAddress) {
  const { advertised, advertisedFrom } = yield* Cluster
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
      const wildcard = `as ${NetAddress.formatInet(bound)} is a wildcard`
      yield* NetAddress.isLoopback(advertised.address)
        ? Effect.logWarning(`${advertises}, the only address found, ${wildcard}; no other machine can reach it`)
        : Effect.logInfo(
            `${advertises}, the first address that other machines can reach, ${wildcard}; set another with --advertise`
          )
    }
  }
})

const describeNode = Effect.fnUntraced(function* (config: ClusterConfig) {
  const { network } = config
  const { advertised, bound, id } = yield* Cluster
  yield* Effect.logInfo(`node ${id} is bound to ${NetAddress.formatInet(bound)}`)

  const advertises = `advertises ${NetAddress.formatInet(advertised)}`
  if (network.advertise !== undefined && !NetAddress.isInetAddress(network.advertise)) {
    yield* Effect.logInfo(`${advertises}, for ${network.advertise.host}`)
  } else yield* describeAddress(advertises, bound)

  const name = network.cluster === "" ? "" : `cluster ${JSON.stringify(network.cluster)}: `
  yield* Effect.logInfo(`${name}${yield* encryptionText(config)}`)

  yield* Effect.logInfo(
    network.peers.length === 0
      ? "no peers are configured; waiting for other nodes to join"
      : `joining through ${network.peers.map(Peer.format).join(", ")}`
  )
})

/** Makes the function that logs changes. Those beyond the bound on lines come in summaries. */
const makeChangeLog = Effect.gen(function* () {
  const membership = yield* Membership
  const clock = yield* Clock.Clock
  const now = () => MonotonicTime.millis(clock)
  const budget = new LineBudget(now())
  const quiet = new QuietConflicts()
  const flaps = new QuietFlaps()
  const leftOut = yield* Queue.sliding<void>(1)
  const logSummary = Effect.suspend(() => {
    const text = budget.summary()
    return text === undefined ? Effect.void : Effect.logWarning(text)
  })
  yield* Effect.addFinalizer(() => logSummary)
  yield* Queue.take(leftOut).pipe(
    Effect.andThen(Effect.sleep(SummaryAfter)),
    Effect.andThen(logSummary),
    Effect.forever,
    Effect.forkScoped
  )
  return Effect.fnUntraced(function* (change: Change) {
    // The others log that this node refutes, and the metrics count it.
    if (change._tag === "Updated" && change.member.self && change.changed.every((what) => what === "incarnation"))
      return
    if (quiet.leavesOut(change, now())) return
    const verdict = flaps.judge(change, now())
    if (verdict === "LeaveOut") return
    if (verdict !== "Log") return yield* Effect.logWarning(new ChangeMessage(verdict.instead, change))
    const addresses = new Map<NodeId, NetAddress.InetAddress>()
    for (const id of mentioned(change)) {
      const member = yield* membership.get(id)
      if (Option.isSome(member)) addresses.set(id, member.value.address)
    }
    const line = changeLine(change, (id) => addresses.get(id))
    if (line === undefined) return
    if (budget.take(line.what, change._tag === "Missed" ? change.count : 1, now())) {
      return yield* Effect.logWithLevel(line.level)(new ChangeMessage(line.text, change))
    }
    yield* Queue.offer(leftOut, undefined)
  })
})

const leaveAtSignal = Effect.gen(function* () {
  const { leave } = yield* Cluster
  const { signal } = yield* Host
  const reason = Option.match(yield* signal, { onNone: () => "", onSome: (name) => `${name}: ` })
  yield* Effect.logInfo(`${reason}leaving the cluster; a second signal exits at once`)
  const [took] = yield* Effect.timed(leave)
  yield* Effect.logInfo(`left the cluster after ${durationText(took)}`)
})
