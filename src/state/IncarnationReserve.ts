/**
 * The incarnations that a node may use.
 *
 * An incarnation must be on disk before anybody hears of it, or a node that crashes comes back with one that it has used.
 * But a refutation cannot wait for a disk. So the disk holds a limit that is ahead of the incarnation, and is raised in the
 * background long before it is reached. Only a claim that is far ahead of ours, of a former run or made up, has to wait.
 */
import * as SerialNumber from "../domain/SerialNumber.ts"

/**
 * How far the limit is ahead. A crash skips at most this many incarnations of 2^32, and a node refutes less often than this
 * in the time that a disk needs.
 */
export const Block = 64

/**
 * The limit up to which incarnations may be used, and when it is raised.
 *
 * @category models
 * @since 0.2.0
 */
export class IncarnationReserve {
  #used: number
  #limit: number
  /** The limit that was asked for and not granted yet. */
  #asked: number | undefined
  readonly #ask: (limit: number) => boolean
  readonly #listeners: Array<() => void> = []

  /**
   * The node uses the incarnation `used`, and may use all up to `limit`. `ask` asks for a higher limit: it returns whether
   * that is granted at once. Otherwise `grant` must follow.
   */
  constructor(used: number, limit: number, ask: (limit: number) => boolean) {
    this.#used = used
    this.#limit = limit
    this.#ask = ask
  }

  /** The highest incarnation that was taken. */
  get used(): number {
    return this.#used
  }

  /**
   * Takes an incarnation that is higher than those before. Returns whether the node may use it now. Otherwise the limit is
   * raised over it, and it can be taken when `onGranted` tells.
   */
  take(incarnation: number): boolean {
    if (this.#left(incarnation) < Block / 2) this.#raise(SerialNumber.add(incarnation, Block))
    if (this.#left(incarnation) < 0) return false
    this.#used = incarnation
    return true
  }

  /** How many may be used after an incarnation; negative if it may not be used itself. */
  #left(incarnation: number): number {
    const left = (this.#limit - incarnation) >>> 0
    return left > Block ? -1 : left
  }

  #raise(limit: number): void {
    if (this.#asked !== undefined) return
    if (this.#ask(limit)) this.#limit = limit
    else this.#asked = limit
  }

  /** This limit may be used from now on, if it is the one that was asked for. */
  grant(limit: number): void {
    if (this.#asked !== limit) return
    this.#limit = limit
    this.#asked = undefined
    for (const listener of this.#listeners) listener()
  }

  /** `listener` is called whenever a limit was granted later than it was asked for. */
  onGranted(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
