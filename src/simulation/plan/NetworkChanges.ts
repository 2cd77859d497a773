/**
 * Changes to the conditions of a network, each of which can be undone whatever came after it. The conditions of a place
 * are always those at the beginning with the remaining changes applied, the newest last.
 */
import { type Conditions, neutral } from "../network/Conditions.ts"
import type { VirtualNetwork } from "../network/VirtualNetwork.ts"
import type { AnyNode } from "../SimNode.ts"

/** A part of the network with conditions of its own. */
export type Place =
  | { readonly _tag: "All" }
  | { readonly _tag: "Link"; readonly from: string; readonly to: string }
  | { readonly _tag: "Inbound" | "Outbound"; readonly name: string }

type Change = Partial<Conditions>

interface Link {
  readonly from: string
  readonly to: string
  readonly changes: Array<Change>
  /** The steps that cut it at present. */
  readonly cuts: Set<object>
}

interface Ends {
  readonly Inbound: Array<Change>
  readonly Outbound: Array<Change>
}

export class NetworkChanges {
  readonly #network: VirtualNetwork
  readonly #beginning: Conditions
  readonly #changes: Array<Change> = []
  readonly #links = new Map<string, Link>()
  readonly #ends = new Map<string, Ends>()
  readonly #nodes = new Map<string, AnyNode>()
  #partitions: Array<ReadonlyArray<ReadonlyArray<string>>> = []

  constructor(network: VirtualNetwork) {
    this.#network = network
    this.#beginning = { ...network.defaults }
  }

  /** Applies the changes of a machine to its new host. */
  attached(node: AnyNode): void {
    this.#nodes.set(node.name, node)
    if (this.#ends.has(node.name)) this.#refreshEnds(node.name)
  }

  /** Changes places, and returns what undoes that. */
  change(places: ReadonlyArray<Place>, change: Change): () => void {
    const undos = places.map((place) => {
      const changes = this.#changesOf(place)
      const own = { ...change }
      changes.push(own)
      this.#refresh(place)
      return () => {
        changes.splice(changes.indexOf(own), 1)
        this.#refresh(place)
      }
    })
    return () => {
      for (const undo of undos) undo()
    }
  }

  /**
   * Cuts links. The returned function restores those that no other step cuts, and returns whether anything was left to
   * restore.
   */
  cut(links: ReadonlyArray<readonly [from: string, to: string]>): () => boolean {
    const token = {}
    const cut = links.map(([from, to]) => this.#link(from, to))
    for (const link of cut) {
      link.cuts.add(token)
      this.#refreshLink(link)
    }
    return () => {
      let restored = false
      for (const link of cut) {
        restored = link.cuts.delete(token) || restored
        this.#refreshLink(link)
      }
      return restored
    }
  }

  /** Partitions the network. The returned function restores the previous partition, unless this one has ended. */
  partition(groups: ReadonlyArray<ReadonlyArray<string>>): () => boolean {
    const own = [...groups]
    this.#partitions.push(own)
    this.#network.partition(own)
    return () => {
      const present = this.#partitions.includes(own)
      this.#partitions = this.#partitions.filter((other) => other !== own)
      if (present) this.#network.partition(this.#partitions.at(-1) ?? [])
      return present
    }
  }

  /** Ends all partitions, cuts and rejections. */
  heal(): void {
    this.#partitions = []
    for (const { changes, cuts } of this.#links.values()) {
      cuts.clear()
      endRejections(changes)
    }
    for (const { Inbound, Outbound } of this.#ends.values()) {
      endRejections(Inbound)
      endRejections(Outbound)
    }
    endRejections(this.#changes)
  }

  #link(from: string, to: string): Link {
    const key = `${from} ${to}`
    let link = this.#links.get(key)
    if (link === undefined) this.#links.set(key, (link = { from, to, changes: [], cuts: new Set() }))
    return link
  }

  #changesOf(place: Place): Array<Change> {
    switch (place._tag) {
      case "All":
        return this.#changes
      case "Link":
        return this.#link(place.from, place.to).changes
      default: {
        let ends = this.#ends.get(place.name)
        if (ends === undefined) this.#ends.set(place.name, (ends = { Inbound: [], Outbound: [] }))
        return ends[place._tag]
      }
    }
  }

  #refresh(place: Place): void {
    switch (place._tag) {
      case "All":
        Object.assign(this.#network.defaults, this.#beginning, ...this.#changes)
        for (const link of this.#links.values()) this.#refreshLink(link)
        return
      case "Link":
        return this.#refreshLink(this.#link(place.from, place.to))
      default:
        return this.#refreshEnds(place.name)
    }
  }

  #refreshLink({ changes, cuts, from, to }: Link): void {
    const cut = { cut: cuts.size > 0 }
    Object.assign(this.#network.link(from, to), this.#beginning, ...this.#changes, ...changes, cut)
  }

  #refreshEnds(name: string): void {
    const host = this.#nodes.get(name)?.host
    const ends = this.#ends.get(name)
    if (host === undefined || ends === undefined) return
    Object.assign(host.ingress(), neutral, ...ends.Inbound)
    Object.assign(host.egress(), neutral, ...ends.Outbound)
  }
}

const endRejections = (changes: ReadonlyArray<Change>): void => {
  for (const change of changes) delete change.reject
}
