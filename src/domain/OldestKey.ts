/** Maps of bounded size. A `Map` keeps its keys in the order in which they were added. */

/** Deletes the key that was added first, if there is any. */
export const deleteOldest = <K>(map: Map<K, unknown>): void => {
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
