/**
 * A hash table from keys to slots: open addressing with linear probing, in one typed array, so that nothing is allocated
 * per key. Subclasses hash and compare keys.
 */

const Empty = -1

export abstract class SlotIndex {
  /**
   * An entry is the hash of a key, its slot, and words that the subclass keeps with it. An entry without a slot is empty.
   * An offset in here is the first word of an entry.
   */
  protected entries: Int32Array
  /** The number of entries minus one; the number is a power of two. */
  protected mask: number
  readonly #stride: number
  #size = 0

  /** `stride`: words of an entry. */
  constructor(stride: number, capacity: number) {
    this.#stride = stride
    this.mask = capacity - 1
    this.entries = new Int32Array(capacity * stride).fill(Empty)
  }

  /** How many keys there are. */
  get size(): number {
    return this.#size
  }

  /** Makes room for one more key. At most two thirds of the entries are used, so that lookups stay short. */
  protected reserve(): void {
    if (3 * (this.#size + 1) <= 2 * (this.mask + 1)) return
    const before = this.entries
    const stride = this.#stride
    const capacity = 2 * (this.mask + 1)
    const entries = new Int32Array(capacity * stride).fill(Empty)
    this.mask = capacity - 1
    this.entries = entries
    for (let from = 0; from < before.length; from += stride) {
      if (before[from + 1] === Empty) continue
      let place = before[from]! & this.mask
      while (entries[place * stride + 1] !== Empty) place = (place + 1) & this.mask
      for (let word = 0; word < stride; word++) entries[place * stride + word] = before[from + word]!
    }
  }

  /** Puts a slot into the entry where a lookup of its key ended. */
  protected put(at: number, hash: number, slot: number): void {
    if (this.entries[at + 1] === Empty) this.#size++
    this.entries[at] = hash
    this.entries[at + 1] = slot
  }

  /** Empties the entry where a lookup ended, and closes the gap, so that no later lookup ends too early. */
  protected clear(at: number): void {
    const { entries, mask } = this
    const stride = this.#stride
    if (entries[at + 1] === Empty) return
    this.#size--
    let gap = at / stride
    let next = (gap + 1) & mask
    while (entries[next * stride + 1] !== Empty) {
      const home = entries[next * stride]! & mask
      // Move `next` into the gap, unless its home is cyclically after the gap.
      if (((next - home) & mask) >= ((next - gap) & mask)) {
        entries.copyWithin(gap * stride, next * stride, (next + 1) * stride)
        gap = next
      }
      next = (next + 1) & mask
    }
    entries[gap * stride + 1] = Empty
  }
}
