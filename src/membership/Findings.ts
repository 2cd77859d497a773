/** What merging one message found out, besides the changes of the table. */

/** The most corrections of one message. */
const MaxCorrections = 8

/**
 * The findings about one message. A receiver keeps one object and reuses it for
 * every message, so the contents hold only until the next message is merged.
 *
 * @category models
 * @since 0.2.0
 */
export class Findings {
  /** Slot of the sender, or -1 when the sender is this node or is unknown. */
  sender = -1
  /** The message is older than one that the sender itself sent us, or its heartbeat no longer advances: it proves nothing. */
  replay = false
  /** The sender should be told the claim that we hold about it: it is Suspect, Dead, a tombstone, or newer elsewhere. */
  tellSender = false
  /** Whether the sender says that it is elsewhere than another node with its id and incarnation, whose claim wins. */
  rival = false
  /**
   * Slots whose entry answers this message: tombstones that refused an Alive or Suspect claim of it, and members that left
   * of which it says only that they are dead.
   */
  readonly corrections: Array<number> = []

  /** Forgets the findings about the previous message. */
  reset(): void {
    this.sender = -1
    this.replay = false
    this.tellSender = false
    this.rival = false
    // Setting a length costs more than the rest.
    if (this.corrections.length > 0) this.corrections.length = 0
  }

  /** Notes that the sender should get the entry of a slot. */
  correct(slot: number): void {
    if (this.corrections.length < MaxCorrections) this.corrections.push(slot)
  }
}
