/** The member table of a node as its reported changes describe it. */

export class ReportedTable {
  /** By slot, as all of these. */
  status = new Uint8Array(16)
  incarnation = new Uint32Array(16)
  /** At the newest change of status. */
  heartbeat = new Uint32Array(16)
  #listed = new Uint8Array(16)
  /** When the present status and incarnation began, in ms of the node's clock. */
  since = new Float64Array(16)

  /** Whether the slot has a listed member. */
  isListed(slot: number): boolean {
    return this.#listed[slot] === 1
  }

  list(slot: number): void {
    this.#reserve(slot)
    this.#listed[slot] = 1
  }

  unlist(slot: number): void {
    this.#reserve(slot)
    this.#listed[slot] = 0
  }

  set(slot: number, status: number, incarnation: number, heartbeat: number): void {
    this.#reserve(slot)
    this.status[slot] = status
    this.incarnation[slot] = incarnation
    this.heartbeat[slot] = heartbeat
  }

  #reserve(slot: number): void {
    if (slot < this.status.length) return
    const length = Math.max(slot + 1, 2 * this.status.length)
    const status = new Uint8Array(length)
    const incarnation = new Uint32Array(length)
    const heartbeat = new Uint32Array(length)
    const listed = new Uint8Array(length)
    const since = new Float64Array(length)
    status.set(this.status)
    incarnation.set(this.incarnation)
    heartbeat.set(this.heartbeat)
    listed.set(this.#listed)
    since.set(this.since)
    this.status = status
    this.incarnation = incarnation
    this.heartbeat = heartbeat
    this.#listed = listed
    this.since = since
  }
}
