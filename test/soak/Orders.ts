/** What the soak test and its processes say to each other. */

/** What a process is told to do. */
export type Order =
  | {
      readonly do: "start"
      readonly node: number
      readonly key: string
      readonly peers: ReadonlyArray<number>
      readonly tags: Readonly<Record<string, string>>
    }
  /** Leaves, or ends as a crash does. */
  | { readonly do: "stop" | "crash"; readonly node: number }
  /** From now on nothing passes between these nodes and all others. None heals. */
  | { readonly do: "split"; readonly side: ReadonlyArray<number> }
  | { readonly do: "tags"; readonly node: number; readonly tags: Readonly<Record<string, string>> }
  | { readonly do: "publish"; readonly node: number; readonly payload: string }
  /** One of the three steps from one key to another. */
  | { readonly do: "rotate"; readonly step: "add" | "use" | "remove"; readonly key: string }
  | { readonly do: "look"; readonly node: number }
  | { readonly do: "measure" }

/** What a node sees. */
export interface View {
  /** Status and tags of each member that is not dead, and has not left, by id. */
  readonly members: Readonly<
    Record<string, { readonly status: string; readonly tags: Readonly<Record<string, string>> }>
  >
  /** Events that came twice. */
  readonly twice: number
  readonly events: number
}

/** What a process uses, after a collection of garbage. */
export interface Usage {
  readonly nodes: number
  /** Bytes. */
  readonly heap: number
  /** Sockets, timers and the like that keep the process alive. */
  readonly handles: number
  readonly fibers: number
}

/** An order with its number, which the answer repeats. */
export interface Numbered {
  readonly number: number
  readonly order: Order
}

/** How an order ended. */
export interface Answer {
  readonly number: number
  readonly error?: string
  readonly value?: unknown
}
