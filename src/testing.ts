/**
 * Real nodes in virtual time, for tests: of this library, and of services that are
 * built on it.
 *
 * `Simulation.run` runs a scenario; the service `Simulation` inside it has the verbs
 * and the waiters. One seed gives one history, in every process and on every day.
 */
export { disagreements } from "./simulation/Agreement.ts"
export * as Conditions from "./simulation/network/Conditions.ts"
export * as Distribution from "./simulation/network/Distribution.ts"
export { InvariantBroken, NotInTime, VirtualTimeStuck as TimeStandsStill, WrongCondition } from "./simulation/Errors.ts"
export { type InvariantName, invariants } from "./simulation/invariants/Invariants.ts"
export type { MachineServices } from "./simulation/Machine.ts"
export { Measure } from "./simulation/report/Measure.ts"
export type {
  NodeControl as Control,
  KnownStatus as Known,
  ViewChange as Learned,
  NodeBase,
  RestartOptions,
  StartFailure
} from "./simulation/NodeBase.ts"
export type { Level0SimNode as OldSimNode } from "./simulation/level0/Level0SimNode.ts"
export * as Opinions from "./simulation/report/MemberVerdicts.ts"
export type { Endpoint, Packet, PacketDropReason, PacketObserver } from "./simulation/network/Packet.ts"
export * as Plan from "./simulation/plan/Plan.ts"
export * as PlanRunner from "./simulation/plan/PlanRunner.ts"
export { Recorder } from "./simulation/report/Recorder.ts"
export type { SimulationReport } from "./simulation/report/Report.ts"
export type { AnyNode, NodeLayer, NodeServices, SimNode } from "./simulation/SimNode.ts"
export * as Simulation from "./simulation/Simulation.ts"
export { TraceHash, type TraceRecord } from "./simulation/report/Trace.ts"
export type {
  UntilCondition as Condition,
  Envelope as Journey,
  StartOptions,
  Verbs,
  SimulationObserver as Watcher
} from "./simulation/Verbs.ts"
export { VirtualNetwork } from "./simulation/network/VirtualNetwork.ts"
