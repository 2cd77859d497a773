/**
 * What simulated nodes of every kind have in common.
 *
 * @since 0.2.0
 */
import type { Duration, Effect } from "effect"
import type { Kdf, SecureRandom } from "effect/crypto"
import type { Dns } from "effect/net"
import type { StartError } from "../cluster/Cluster.ts"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import type { MemberStatus } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { TransitionKind } from "../membership/ViewObserver.ts"
import type { Network } from "../transport/Network.ts"
import type { Host } from "./network/Host.ts"
import type { VirtualClock } from "./time/VirtualClock.ts"

/**
 * The services of a machine, for what runs on it.
 *
 * @category models
 * @since 0.2.0
 */
export type MachineServices = Network | Dns.Dns | Kdf.Kdf | SecureRandom.SecureRandom

/**
 * The condition of a node.
 *
 * @category models
 * @since 0.2.0
 */
export type NodeCondition =
  /** It runs. */
  | "up"
  /** Its process is stopped, as by SIGSTOP. */
  | "frozen"
  /** It is leaving the cluster. */
  | "leaving"
  /** It has left, and its process has ended. */
  | "left"
  /** Its process was killed, as by SIGKILL. The machine refuses datagrams. */
  | "killed"
  /** Its machine failed, as without power. Datagrams to it get no answer of any kind. */
  | "crashed"

/**
 * The status of a member in the view of another node; `unknown` also after a dead member is no longer listed.
 *
 * @category models
 * @since 0.2.0
 */
export type KnownStatus = MemberStatus | "unknown"

/**
 * A change in a node's view of a member.
 *
 * @category models
 * @since 0.2.0
 */
export interface ViewChange {
  readonly kind: TransitionKind
  readonly incarnation: number
  /** The tag of the change's cause. */
  readonly cause: string
}

/**
 * What the simulation can do to a node. Nothing here checks the condition of the node, and observers are not told; use
 * `Verbs` instead.
 *
 * @category models
 * @since 0.2.0
 */
export interface NodeControl {
  /** Ends the process. No finalizer runs. */
  readonly kill: () => void
  /** Ends the machine. No finalizer runs. */
  readonly crash: () => void
  /** Leaves the cluster and ends the process. */
  readonly stop: Effect.Effect<void>
  readonly freeze: () => void
  readonly thaw: () => void
  /** Closes the layer that runs on the node beside the cluster. Other nodes are not told. */
  readonly closeLayer: Effect.Effect<void>
}

/**
 * A node of any kind, for verbs, waiters and measurements. It is one life of its machine: a restart makes a new one.
 *
 * @category models
 * @since 0.2.0
 */
export interface NodeBase {
  /** Counts machines from 1. */
  readonly number: number
  /** Counts the lives of its machine from 1. */
  readonly life: number
  /** `n` and the number. */
  readonly name: string
  readonly id: NodeId
  /** The advertised address with port. */
  readonly address: string
  readonly host: Host
  readonly clock: VirtualClock
  readonly condition: NodeCondition
  readonly control: NodeControl
  /** When this life began, in ms of virtual time. */
  readonly startedAt: number
  /** The incarnation at the beginning of this life. A claim with a lower one is about a former life. */
  readonly firstIncarnation: number
  /** The number of its running fibers. */
  readonly fibers: number
  /** The status of a member in this node's view. */
  readonly statusOf: (id: NodeId) => KnownStatus
  /** Calls back at every change of this node's view. The end of a dead member's retention is no such change. */
  readonly onViewChange: (listener: (id: NodeId, status: KnownStatus, change: ViewChange) => void) => void
  /** The numbers of alive and suspect members in this node's view, itself included. */
  readonly liveCounts: () => { readonly alive: number; readonly suspect: number }
  /** Starts the next life of its machine. */
  readonly restart: (options: RestartOptions) => Effect.Effect<NodeBase, StartFailure>
}

/**
 * How a node starts again.
 *
 * @category models
 * @since 0.2.0
 */
export interface RestartOptions {
  /** The id of its former life, which is the default, or an unused one. */
  readonly identity?: "same" | "new"
  /** How far its wall clock is behind; 0 by default. */
  readonly clockBehind?: Duration.Input
  /** Changes to the configuration of the former life. */
  readonly config?: ClusterConfig.ClusterOptions
}

/**
 * Why a node does not start.
 *
 * @category errors
 * @since 0.2.0
 */
export type StartFailure = StartError | ClusterConfig.ClusterConfigError
