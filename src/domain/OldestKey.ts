/** Maps of bounded size. A `Map` keeps its keys in the order in which they were added. */

/** Deletes the key that was added first, if there is any. */
export const deleteOldest = <K>(map: Map<K, unknown>): void => {
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}

/** Sets a key as the newest one. If there are more than `most` then, the oldest is deleted. */
export const setNewest = <K, V>(map: Map<K, V>, key: K, value: V, most: number): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) deleteOldest(map)
}
