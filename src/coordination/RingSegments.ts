/**
 * Who owns which hashes on a ring, and what a change of the ring moves.
 *
 * `HashRing.get` gives a key to the point of the ring that is nearest to its hash. So
 * each point owns the hashes from half way to the point below it, to half way to the
 * point above it.
 *
 * @since 0.2.0
 */
import type { HashRing, PrimaryKey } from "effect"

/** The lowest and the highest hash that `Hash.string` gives. */
export const LowestHash = -0x8000_0000
export const HighestHash = 0x7fff_ffff

/** Neighbouring hashes with one owner. `to` is the last of them. `owner` is `undefined` on an empty ring. */
export interface Segment<A> {
  readonly from: number
  readonly to: number
  readonly owner: A | undefined
}

/** Neighbouring hashes that had one owner and have another. */
export interface MovedSegment<A> extends Segment<A> {
  readonly previousOwner: A | undefined
}

/** All hashes in ascending order, as segments of one owner each. */
export const segments = <A extends PrimaryKey.PrimaryKey>({
  nodes,
  ring
}: HashRing.HashRing<A>): ReadonlyArray<Segment<A>> => {
  const found: Array<{ from: number; to: number; owner: A | undefined }> = []
  const add = (from: number, key: string): void => {
    const owner = nodes.get(key)?.[0]
    const before = found.at(-1)
    if (before !== undefined && before.owner === owner) return
    if (before !== undefined) before.to = from - 1
    found.push({ from, to: HighestHash, owner })
  }
  ring.forEach(([hash, key], index) => {
    const lower = ring[index - 1]?.[0]
    if (lower === undefined) add(LowestHash, key)
    // A hash half way between two points belongs to the upper one.
    else if (lower < hash) add(Math.ceil((lower + hash) / 2), key)
    // Of several points with one hash, the first owns that hash and what is below, and the last what is above.
    else if (ring[index + 1]?.[0] !== hash && hash < HighestHash) add(hash + 1, key)
  })
  return found.length === 0 ? [{ from: LowestHash, to: HighestHash, owner: undefined }] : found
}

/** The hashes whose owner differs between two rings. `same` says whether two owners are one. */
export const moved = <A>(
  before: ReadonlyArray<Segment<A>>,
  after: ReadonlyArray<Segment<A>>,
  same: (a: A | undefined, b: A | undefined) => boolean
): ReadonlyArray<MovedSegment<A>> => {
  const found: Array<MovedSegment<A>> = []
  let from = LowestHash
  let old = 0
  for (const { owner, to: end } of after) {
    while (from <= end) {
      const { owner: previousOwner, to: oldEnd } = before[old]!
      const to = Math.min(oldEnd, end)
      if (!same(previousOwner, owner)) found.push({ from, to, previousOwner, owner })
      if (to === oldEnd) old++
      from = to + 1
    }
  }
  return found
}

/** The first `count` distinct owners of points, nearest to a hash first. The first one is the owner of the hash. */
export const nearest = <A extends PrimaryKey.PrimaryKey>(
  { nodes, ring }: HashRing.HashRing<A>,
  hash: number,
  count: number
): ReadonlyArray<A> => {
  let above = 0
  for (let end = ring.length; above < end;) {
    const middle = (above + end) >>> 1
    if (ring[middle]![0] >= hash) end = middle
    else above = middle + 1
  }
  let below = above - 1
  const found = new Map<string, A>()
  while (found.size < count && (below >= 0 || above < ring.length)) {
    const up = above < ring.length ? ring[above]![0] - hash : Infinity
    const down = below >= 0 ? hash - ring[below]![0] : Infinity
    const key = ring[up <= down ? above++ : below--]![1]
    const node = nodes.get(key)?.[0]
    if (node !== undefined && !found.has(key)) found.set(key, node)
  }
  return [...found.values()]
}
