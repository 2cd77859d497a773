/**
 * Which connections of an HTTP server are kept when there are many. A full server takes a new connection all the same, at
 * the expense of whoever has most, so that no client can keep the others out.
 */

/** The most connections of a server. */
export const Max = 256
/** The most connections of one source. */
export const MaxOfSource = 64
/** After this time a client that reads nothing of what waits for it is disconnected, in ms. */
export const StallLimit = 60_000
/** Bytes of answers that may wait for slow readers, in all connections together. */
export const MaxBacklog = 67_108_864

/** A connection, as far as it is judged. */
export interface Connection {
  /** Bytes of answers that its client has not read. */
  readonly writableLength: number
}

interface State<C> {
  readonly connection: C
  readonly source: string
  /** Requests whose answer is not complete. */
  requests: number
  /** What waited for the client at the last look, and since when it has been as much, in ms. */
  backlog: number
  since: number
}

export class Connections<C extends Connection> {
  /** In the order in which they were opened. */
  readonly #all = new Map<C, State<C>>()
  readonly #bySource = new Map<string, number>()

  /** How many there are. */
  get size(): number {
    return this.#all.size
  }

  /** Adds a connection. Returns the one that has to be closed for it, which may be itself, if there are too many. */
  add(connection: C, source: string): C | undefined {
    this.#all.set(connection, { connection, source, requests: 0, backlog: 0, since: 0 })
    const count = (this.#bySource.get(source) ?? 0) + 1
    this.#bySource.set(source, count)
    if (count > MaxOfSource) return this.#oldestIdle(source) ?? connection
    if (this.#all.size <= Max) return undefined
    let largest = source
    for (const [other, count] of this.#bySource) if (count > (this.#bySource.get(largest) ?? 0)) largest = other
    return this.#oldestIdle(largest) ?? this.#oldest(largest) ?? connection
  }

  remove(connection: C): void {
    const state = this.#all.get(connection)
    if (state === undefined) return
    this.#all.delete(connection)
    const count = (this.#bySource.get(state.source) ?? 0) - 1
    if (count > 0) this.#bySource.set(state.source, count)
    else this.#bySource.delete(state.source)
  }

  /** A request has come, or its answer is complete. */
  requested(connection: C, change: 1 | -1): void {
    const state = this.#all.get(connection)
    if (state !== undefined) state.requests += change
  }

  /** The readers that have to be closed: those that have stopped, and the slowest, so that what waits is within the bound. */
  tooSlow(now: number): ReadonlyArray<C> {
    const states = [...this.#all.values()]
    let sum = 0
    for (const state of states) {
      const { writableLength } = state.connection
      if (writableLength === 0 || writableLength !== state.backlog) state.since = now
      state.backlog = writableLength
      sum += writableLength
    }
    const closed: Array<C> = []
    for (const { backlog, connection, since } of states.sort((a, b) => b.backlog - a.backlog)) {
      if (sum <= MaxBacklog && now - since < StallLimit) continue
      sum -= backlog
      closed.push(connection)
    }
    return closed
  }

  #oldestIdle(source: string): C | undefined {
    for (const state of this.#all.values()) {
      if (state.source === source && state.requests === 0) return state.connection
    }
    return undefined
  }

  #oldest(source: string): C | undefined {
    for (const state of this.#all.values()) if (state.source === source) return state.connection
    return undefined
  }
}
