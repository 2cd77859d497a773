/** Wrong tokens over HTTP: each source may try a few at once, then one a second, and the log says so once a minute. */
import { setNewest } from "../domain/OldestKey.ts"
import { refilled } from "../domain/TokenBucket.ts"

/** Wrong tokens that one source may try at once. */
export const Burst = 20
/** Wrong tokens a second that one source may try after that. */
export const PerSecond = 1
/** Sources that are remembered. Beyond, the one that failed longest ago is forgotten. */
export const MaxSources = 1024
/** Time between two log lines, in ms. */
export const LogEvery = 60_000

interface Source {
  tokens: number
  at: number
}

export class TokenGuesses {
  readonly #sources = new Map<string, Source>()
  #loggedAt = -Infinity
  #count = 0

  /** Whether a source has tried too often. Then no token of it is looked at, right or wrong. */
  isBlocked(source: string, now: number): boolean {
    return this.#refilled(source, now) < 1
  }

  /** Counts a token that is not looked at. Returns a text for the log, if there is to be a line. */
  refused(source: string, now: number): string | undefined {
    this.#count++
    if (now - this.#loggedAt < LogEvery) return undefined
    const times = this.#count === 1 ? "a wrong token" : `${this.#count} wrong tokens`
    this.#count = 0
    this.#loggedAt = now
    return `${times} over HTTP, the last one from ${source}`
  }

  /** Counts a wrong token. Returns a text for the log, if there is to be a line. */
  failed(source: string, now: number): string | undefined {
    const tokens = this.#refilled(source, now) - 1
    setNewest(this.#sources, source, { tokens, at: now }, MaxSources)
    return this.refused(source, now)
  }

  #refilled(source: string, now: number): number {
    const known = this.#sources.get(source)
    return known === undefined ? Burst : refilled(known.tokens, known.at, now, PerSecond / 1000, Burst)
  }
}
