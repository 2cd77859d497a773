/**
 * Tags that many nodes of one process hold, each once. A simulation of 1000 nodes holds a million otherwise, which fit into
 * no cache of the processor.
 */
import { Context } from "effect"
import { compare, HeldTags } from "./HeldTags.ts"

/** The most different tags that are kept; beyond, it begins anew. */
const MaxKept = 65_536

/**
 * The tags that nodes of one process share.
 *
 * @category models
 * @since 0.2.0
 */
export class TagPool {
  readonly #byHash = new Map<number, ReadonlyArray<HeldTags>>()

  /** Tags with the pairs in `bytes[start, end)`, the same value whenever they are the same. */
  take(incarnation: number, version: number, bytes: Uint8Array, start: number, end: number): HeldTags {
    let hash = Math.imul(incarnation ^ Math.imul(version, 0x85ebca6b), 0xc2b2ae35)
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
    const known = this.#byHash.get(hash) ?? []
    const same = known.find((held) => compare(held, incarnation, version, bytes, start, end) === 0)
    if (same !== undefined) return same
    if (this.#byHash.size >= MaxKept) this.#byHash.clear()
    const held = new HeldTags(incarnation, version, bytes.slice(start, end))
    this.#byHash.set(hash, [...known, held])
    return held
  }
}

/**
 * The pool that a node takes tags from; none by default, since a node alone in its process has nobody to share them with.
 *
 * @category references
 * @since 0.2.0
 */
export const SharedTags: Context.Reference<TagPool | undefined> = Context.Reference<TagPool | undefined>(
  "effect-gossip/membership/TagPool/SharedTags",
  { defaultValue: () => undefined }
)
