/** What the process of `Live.ts` and its parent agree on. */

/** A bare socket, a node, or a node that encrypts. */
export const responders = ["echo", "plaintext", "sealed"] as const

export type Responder = (typeof responders)[number]

export const isResponder = (text: string | undefined): text is Responder =>
  responders.some((responder) => responder === text)

/** What a responder tells: its port at first, and its CPU time in microseconds whenever it is asked. */
export interface Told {
  readonly port?: number
  readonly cpu?: number
}

export const clusterKey = "07".repeat(32)
