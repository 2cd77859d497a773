/**
 * A hash table from keys to slots: open addressing with linear probing, in one typed array. The keys stay where the slots
 * keep them, so an entry takes four bytes: a slot plus one, and bits of the hash above it, so that a lookup seldom reads the
 * key of another slot. Subclasses hash and compare keys.
 */

const Empty = 0
/** Bits of an entry that hold the slot plus one. A table has far fewer. */
const SlotMask = 0x3fffff

export abstract class SlotIndex {
  /** The entries; `Empty` where there is none. */
  protected entries: Int32Array
  /** The number of entries minus one; the number is a power of two. */
  protected mask: number
  #size = 0

  constructor(capacity: number) {
    this.mask = capacity - 1
    this.entries = new Int32Array(capacity)
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
    // A short array costs little more than none, so the first ones are left out.
    const capacity = (this.mask < 64 ? 4 : 2) * (this.mask + 1)
    const entries = new Int32Array(capacity)
    const mask = capacity - 1
    for (const entry of before) {
      if (entry === Empty) continue
      let place = this.hashOf(this.slotIn(entry)) & mask
      while (entries[place] !== Empty) place = (place + 1) & mask
      entries[place] = entry
    }
    this.mask = mask
    this.entries = entries
  }

  /** Whether an entry may be that of a key with this hash. */
  protected mayBe(entry: number, hash: number): boolean {
    return ((entry ^ hash) & ~SlotMask) === 0
  }

  /** The slot of an entry, or -1 if it is empty. */
  protected slotIn(entry: number): number {
    return (entry & SlotMask) - 1
  }

  /** Puts a slot into the entry where a lookup of its key ended. */
  protected put(at: number, hash: number, slot: number): void {
    if (this.entries[at] === Empty) this.#size++
    this.entries[at] = (hash & ~SlotMask) | (slot + 1)
  }

  /** Empties the entry where a lookup ended, and closes the gap, so that no later lookup ends too early. */
  protected clear(at: number): void {
    const { entries, mask } = this
    if (entries[at] === Empty) return
    this.#size--
    let gap = at
    let next = (gap + 1) & mask
    while (entries[next] !== Empty) {
      const home = this.hashOf(this.slotIn(entries[next]!)) & mask
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
