/**
 * Real nodes in virtual time, for tests: of this library, and of services that are
 * built on it.
 *
 * `Simulation.run` runs a scenario; the service `Simulation` inside it has the verbs
 * and the waiters. One seed gives one history, in every process and on every day.
 */
export { disagreements } from "./Agreement.ts"
export * as Conditions from "./Conditions.ts"
export * as Distribution from "./Distribution.ts"
export { InvariantBroken, NotInTime, TimeStandsStill, WrongCondition } from "./Errors.ts"
export { type InvariantName, invariants } from "./Invariants.ts"
export type { MachineServices } from "./Machine.ts"
export { Measure } from "./Measure.ts"
export type { Control, Known, Learned, NodeBase, RestartOptions, StartFailure } from "./NodeBase.ts"
export type { OldSimNode } from "./OldSimNode.ts"
export * as Opinions from "./Opinions.ts"
export type { DropReason, Endpoint, Observer, Packet } from "./Packet.ts"
export * as Plan from "./Plan.ts"
export * as PlanRunner from "./PlanRunner.ts"
export { Recorder } from "./Recorder.ts"
export type { SimulationReport } from "./Report.ts"
export type { AnyNode, NodeLayer, NodeServices, SimNode } from "./SimNode.ts"
export { Simulation, type SimulationOptions } from "./Simulation.ts"
export { TraceHash, type TraceRecord } from "./Trace.ts"
export type { Condition, Journey, StartOptions, Verbs, Watcher } from "./Verbs.ts"
export { VirtualNetwork } from "./VirtualNetwork.ts"
