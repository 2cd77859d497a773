/** What simulated nodes of every kind have in common. */
import type { Duration, Effect } from "effect"
import type { StartError } from "../cluster/Cluster.ts"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import type { MemberStatus } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { TransitionKind } from "../membership/ViewObserver.ts"
import type { VirtualClock } from "./time/VirtualClock.ts"
import type { Host } from "./network/VirtualHost.ts"

/** How a node is. */
export type Condition =
  /** It runs. */
  | "up"
  /** Its process is stopped, as by SIGSTOP. */
  | "frozen"
  /** It says goodbye. */
  | "leaving"
  /** It left, and nothing of it is there any more. */
  | "left"
  /** It ended without a word. */
  | "killed"

/** What a node knows of a member; `unknown` also once a dead one is listed no more. */
export type Known = MemberStatus | "unknown"

/** What a node learned of a member. */
export interface Learned {
  readonly kind: TransitionKind
  readonly incarnation: number
  /** How it came to know: the tag of the change's cause. */
  readonly cause: string
}

/** What the simulation can do to a node, whatever its condition is. */
export interface Control {
  /** Ends its life without a word. */
  readonly kill: () => void
  /** Leaves, and ends when nothing of the node is left. */
  readonly stop: Effect.Effect<void>
  readonly freeze: () => void
  readonly thaw: () => void
  /** Ends what runs on the node besides it, and tells nobody. */
  readonly abandon: Effect.Effect<void>
}

/** What nodes of every kind have, for waiters, verbs and measurements. */
export interface NodeBase {
  /** Counts machines from 1. */
  readonly number: number
  /** Which life of its machine this is, from 1. */
  readonly life: number
  /** `n` and the number. */
  readonly name: string
  readonly id: NodeId
  /** Address and port that the others are told. */
  readonly address: string
  readonly host: Host
  readonly clock: VirtualClock
  readonly condition: Condition
  readonly control: Control
  /** When its life began, in ms of virtual time. */
  readonly startedAt: number
  /** How many fibers it has. */
  readonly fibers: number
  /** What it knows of a member. */
  readonly knows: (id: NodeId) => Known
  /** Calls back with every change of what it knows of a member; a dead one that it lists no more stays dead. */
  readonly onLearned: (learned: (id: NodeId, known: Known, learned: Learned) => void) => void
  /** How many members it holds alive and suspect, itself included. */
  readonly live: () => { readonly alive: number; readonly suspect: number }
  /** Starts the next life of its machine. */
  readonly again: (options: RestartOptions) => Effect.Effect<NodeBase, StartFailure>
}

/** How a node starts again. */
export interface RestartOptions {
  /** Whether it has the id of its former life, as by default, or one that was never there. */
  readonly identity?: "same" | "new"
  /** How far its wall clock is behind; by default it is not. */
  readonly clockBehind?: Duration.Input
  /** Beyond what the former life had. */
  readonly config?: ClusterConfig.ClusterOptions
}

/** Why a node does not start. */
export type StartFailure = StartError | ClusterConfig.ClusterConfigError
