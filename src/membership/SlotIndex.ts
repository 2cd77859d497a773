/**
 * A hash table from keys to slots: open addressing with linear probing, in one typed array. The keys stay where the slots
 * keep them, so an entry takes four bytes. Subclasses hash and compare keys.
 */

const Empty = -1

export abstract class SlotIndex {
  /** The slot of each entry, or `Empty`. */
  protected entries: Int32Array
  /** The number of entries minus one; the number is a power of two. */
  protected mask: number
  #size = 0

  constructor(capacity: number) {
    this.mask = capacity - 1
    this.entries = new Int32Array(capacity).fill(Empty)
  }

  /** The hash of the key that a slot has. */
  protected abstract hashOf(slot: number): number

  /** How many keys there are. */
  get size(): number {
    return this.#size
  }

  /** Makes room for one more key. At most two thirds of the entries are used, so that lookups stay short. */
  protected reserve(): void {
    if (3 * (this.#size + 1) <= 2 * (this.mask + 1)) return
    const before = this.entries
    const capacity = 2 * (this.mask + 1)
    const entries = new Int32Array(capacity).fill(Empty)
    const mask = capacity - 1
    for (const slot of before) {
      if (slot === Empty) continue
      let place = this.hashOf(slot) & mask
      while (entries[place] !== Empty) place = (place + 1) & mask
      entries[place] = slot
    }
    this.mask = mask
    this.entries = entries
  }

  /** Puts a slot into the entry where a lookup of its key ended. */
  protected put(at: number, slot: number): void {
    if (this.entries[at] === Empty) this.#size++
    this.entries[at] = slot
  }

  /** Empties the entry where a lookup ended, and closes the gap, so that no later lookup ends too early. */
  protected clear(at: number): void {
    const { entries, mask } = this
    if (entries[at] === Empty) return
    this.#size--
    let gap = at
    let next = (gap + 1) & mask
    while (entries[next] !== Empty) {
      const home = this.hashOf(entries[next]!) & mask
      // Move `next` into the gap, unless its home is cyclically after the gap.
      if (((next - home) & mask) >= ((next - gap) & mask)) {
        entries[gap] = entries[next]!
        gap = next
      }
      next = (next + 1) & mask
    }
    entries[gap] = Empty
  }
}
