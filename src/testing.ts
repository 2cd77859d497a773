/**
 * Clusters of full nodes in virtual time, for tests of this library and of services that use it.
 *
 * `Simulation.run` runs a scenario. Inside it, the service `Simulation.Simulation` has the verbs and waiters, which
 * `Verbs` documents. `PlanRunner.run` carries out a plan. One seed gives one history, in every process.
 *
 * @module effect-gossip/testing
 */
export * as Agenda from "./simulation/network/Agenda.ts"
export * as Agreement from "./simulation/Agreement.ts"
export * as Conditions from "./simulation/network/Conditions.ts"
export * as Distribution from "./simulation/network/Distribution.ts"
export * as Host from "./simulation/network/Host.ts"
export * as Invariants from "./simulation/invariants/Invariants.ts"
export * as Level0Node from "./simulation/level0/Level0Node.ts"
export * as Level0SimNode from "./simulation/level0/Level0SimNode.ts"
export * as Measure from "./simulation/report/Measure.ts"
export * as MemberVerdicts from "./simulation/report/MemberVerdicts.ts"
export * as NameServer from "./simulation/network/NameServer.ts"
export * as NodeBase from "./simulation/NodeBase.ts"
export * as Packet from "./simulation/network/Packet.ts"
export * as Plan from "./simulation/plan/Plan.ts"
export * as PlanFile from "./simulation/plan/PlanFile.ts"
export * as PlanRunner from "./simulation/plan/PlanRunner.ts"
export * as Recorder from "./simulation/report/Recorder.ts"
export * as Report from "./simulation/report/Report.ts"
export * as SimNode from "./simulation/SimNode.ts"
export * as Simulation from "./simulation/Simulation.ts"
export * as SimulationError from "./simulation/SimulationError.ts"
export * as Timeline from "./simulation/time/Timeline.ts"
export * as Trace from "./simulation/report/Trace.ts"
export * as Verbs from "./simulation/Verbs.ts"
export * as VirtualClock from "./simulation/time/VirtualClock.ts"
export * as VirtualNetwork from "./simulation/network/VirtualNetwork.ts"
