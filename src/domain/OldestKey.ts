/** Maps and sets of bounded size. Both keep their keys in the order in which they were added. */

/** Deletes the key that was added first, if there is any. */
export const deleteOldest = <K>(from: { keys(): Iterable<K>; delete(key: K): boolean }): void => {
  for (const oldest of from.keys()) {
    from.delete(oldest)
    return
  }
}

/** Sets a key as the newest one. If there are more than `most` then, the oldest is deleted. */
export const setNewest = <K, V>(map: Map<K, V>, key: K, value: V, most: number): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) deleteOldest(map)
}
