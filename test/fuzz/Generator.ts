/**
 * Datagrams for fuzzing: noise, valid messages of every kind and form, and mutations of them. All of them follow from a
 * seed.
 */
import * as fs from "node:fs"
import * as Claim from "../../src/domain/Claim.ts"
import { writeU16 } from "../../src/wire/Bytes.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { HeaderLength, Kind, MaxMessage, SectionedKind } from "../../src/wire/Header.ts"
import { MaxChunk, MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { bitmapLength } from "../../src/wire/sections/Bucket.ts"
import { packPairs } from "../../src/wire/sections/MemberTags.ts"
import * as NamedPayload from "../../src/wire/sections/NamedPayload.ts"
import { SectionType } from "../../src/wire/sections/Section.ts"

/** Random numbers that follow from a seed: the generator mulberry32. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 32 random bits. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return this.u32() % n
  }

  /** `true` once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }

  /** Random bytes. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32())
  }
}

/** Packets that nodes of the older implementation sent unsealed. */
export const recorded: ReadonlyArray<Uint8Array> = fs
  .readFileSync(new URL("../vectors/plain.jsonl", import.meta.url), "utf8")
  .split("\n")
  .flatMap((line) => [...line.matchAll(/"hex": "([0-9a-f]+)"/g)].map(([, hex]) => Buffer.from(hex!, "hex")))
  .map((buffer) => Uint8Array.from(buffer))

/** An id as two words. */
export type IdWords = readonly [hi: number, lo: number]

/** Writes the payload length, if `length` is set, and the checksum that fit a message as it is. */
const repair = (bytes: Uint8Array, length: boolean): Uint8Array => {
  if (bytes.length < HeaderLength) return bytes
  if (length) writeU16(bytes, 2, bytes.length - HeaderLength)
  writeU16(bytes, 22, 0)
  writeU16(bytes, 22, internetChecksum(bytes, 0, bytes.length))
  return bytes
}

/** Numbers around which an error in 32-bit arithmetic shows. */
const edges = [0, 1, 2, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff] as const
const lengths = [0, 1, 23, 24, 25, 59, 60, 61, 1399, 1400, 1423, 1424, 1425, 1459, 1460, 1461, 1500] as const
const kinds = Object.values(Kind)
const sectionedKinds = kinds.filter((kind) => kind !== Kind.Leave)
const kindBytes = [...kinds, ...sectionedKinds.map((kind) => kind | SectionedKind)]

export class Generator {
  readonly dice: Dice
  readonly #writer = new MessageWriter()
  readonly #address = new Uint8Array(PackedAddress.MaxLength)
  readonly #ids: ReadonlyArray<IdWords>
  readonly #self: Uint8Array
  readonly #sectionedOneIn: number
  /** The sender of the message before, and its counters. */
  #last: { readonly id: IdWords; readonly heartbeat: number; readonly incarnation: number } | undefined

  /**
   * `self` and `selfAddress` (packed) are those of the node under test, for claims about the node itself. One in
   * `sectionedOneIn` mutated messages is of extension level 1.
   */
  constructor(seed: number, self: IdWords, selfAddress: Uint8Array, sectionedOneIn: number) {
    const dice = new Dice(seed)
    this.dice = dice
    this.#sectionedOneIn = sectionedOneIn
    this.#self = selfAddress
    // There are few ids, so that they occur again: as members, suspects and tombstones, and twice in one message.
    this.#ids = [self, ...Array.from({ length: 60 }, (): IdWords => [dice.u32(), dice.u32()])]
  }

  /** Random bytes. Half of them have the header of a message. */
  noise(): Uint8Array {
    const { dice } = this
    const length = dice.oneIn(4) ? dice.pick(lengths) : dice.oneIn(50) ? dice.below(9000) : dice.below(1500)
    const bytes = dice.bytes(length)
    if (dice.oneIn(2) || length < HeaderLength) return bytes
    if (!dice.oneIn(8)) bytes[0] = 1
    if (!dice.oneIn(8)) bytes[1] = dice.pick(kinds)
    return repair(bytes, !dice.oneIn(8))
  }

  /** A valid message of version 1, written here or recorded. */
  valid(): Uint8Array {
    const { dice } = this
    if (dice.oneIn(16)) return dice.pick(recorded).slice()
    const writer = this.#writer
    const kind = dice.pick(kinds)
    const [idHi, idLo] = this.#sender()
    const flags = dice.oneIn(4) ? dice.below(256) : dice.below(4)
    writer.begin(kind, kind === Kind.AntiEntropy ? 0 : flags, kind === Kind.AntiEntropy ? MaxChunk : undefined)
    if (kind === Kind.AntiEntropy) {
      const version = this.#tableVersion()
      writer.chunk(Math.floor(version / 0x1_0000_0000), version, ...this.#chunk())
    }
    if (kind === Kind.PingReq) {
      const [hi, lo] = this.#id()
      writer.target(hi, lo, this.#anAddress(), 0)
    } else if (kind !== Kind.Leave) {
      const count = dice.oneIn(8) ? dice.below(80) : dice.below(6)
      if (dice.oneIn(2)) this.#entry(idHi, idLo)
      // Sometimes all of many members are Dead.
      const status = count > 20 && dice.oneIn(2) ? Claim.Dead : undefined
      for (let i = 0; i < count; i++) if (!this.#entry(...this.#id(), status)) break
    }
    return writer.finish()
  }

  /** A valid message of extension level 1. */
  sectioned(): Uint8Array {
    const { dice } = this
    const writer = this.#writer
    const kind = dice.pick(sectionedKinds)
    this.#sender()
    writer.beginSectioned(kind, dice.below(4))
    // A PING_REQ must have a probe section.
    if (kind === Kind.PingReq) this.#section(SectionType.Probe, kind)
    for (let i = dice.below(dice.oneIn(8) ? 20 : 5); i > 0; i--) this.#section(dice.pick(sectionTypes), kind)
    return writer.finish()
  }

  /** Half of the senders have sent before: a LEAVE counts only if its sender has spoken from the same address. */
  #sender(): IdWords {
    const { dice } = this
    const { header } = this.#writer
    const again = dice.oneIn(2) ? this.#last : undefined
    const id = again?.id ?? this.#id()
    header.idHi = id[0]
    header.idLo = id[1]
    header.heartbeat = again === undefined ? this.#counter() : (again.heartbeat + 1) >>> 0
    header.incarnation = again?.incarnation ?? this.#counter()
    header.level = dice.oneIn(3) ? dice.below(256) : 0
    this.#last = { id, heartbeat: header.heartbeat, incarnation: header.incarnation }
    return id
  }

  #tableVersion(): number {
    const { dice } = this
    return dice.oneIn(2) ? dice.below(8) : dice.u32() * 0x200000
  }

  #chunk(): readonly [index: number, total: number] {
    const { dice } = this
    const total = dice.oneIn(4) ? dice.below(0x10000) : dice.below(4)
    return [dice.oneIn(4) ? dice.below(0x10000) : dice.below(Math.max(1, total)), total]
  }

  #entry(idHi: number, idLo: number, given?: number): boolean {
    const { dice } = this
    const status = given ?? (dice.oneIn(32) ? dice.below(256) : dice.below(3))
    return this.#writer.entry(idHi, idLo, this.#counter(), this.#counter(), status, this.#anAddress(), 0)
  }

  /** A section of a type, if there is room for it and none of the type yet. */
  #section(type: number, kind: number): void {
    const { dice } = this
    const writer = this.#writer
    const [idHi, idLo] = this.#id()
    const count = dice.oneIn(8) ? dice.below(80) : dice.below(4)
    const bits = dice.below(9)
    const list = (item: () => boolean): void => {
      writer.beginSection(type)
      for (let i = 0; i < count; i++) if (!item()) break
    }
    switch (type) {
      case SectionType.Entries:
        return list(() => this.#entry(...this.#id()))
      case SectionType.Probe:
        if (kind === Kind.Ping) writer.pingProbe(dice.u32(), idHi, idLo)
        if (kind === Kind.Ack) writer.ackProbe(dice.u32())
        if (kind === Kind.PingReq) {
          writer.requestProbe(dice.u32(), dice.below(2000), idHi, idLo, this.#anAddress(), 0)
        }
        return
      case SectionType.Accusations:
        return list(() => {
          const [targetHi, targetLo] = this.#id()
          const [accuserHi, accuserLo] = this.#id()
          const evidence = dice.oneIn(8) ? dice.below(256) : dice.below(3)
          return writer.accusation({
            targetHi,
            targetLo,
            incarnation: this.#counter(),
            accuserHi,
            accuserLo,
            evidence
          })
        })
      case SectionType.Left:
        return list(() => {
          const [idHi, idLo] = this.#id()
          return writer.left({ idHi, idLo, incarnation: this.#counter() })
        })
      case SectionType.Nack:
        writer.nack(dice.u32())
        return
      case SectionType.Chunk:
        writer.chunk(dice.u32(), dice.u32(), ...this.#chunk())
        return
      case SectionType.Digest:
        writer.digest(this.#counter(), dice.u32(), dice.u32())
        return
      case SectionType.Buckets:
        writer.buckets(
          bits,
          Uint32Array.from({ length: 1 << bits }, () => dice.u32())
        )
        return
      case SectionType.Differing: {
        const bitmap = dice.bytes(bitmapLength(bits))
        if (bits < 3) bitmap[0]! &= (1 << (1 << bits)) - 1
        writer.differing(bits, bitmap)
        return
      }
      case SectionType.Tags:
        return list(() => {
          const [idHi, idLo] = this.#id()
          const tags = Array.from({ length: dice.below(4) }, () => [dice.pick(texts), dice.pick(texts)] as const)
          const bytes = packPairs(Object.fromEntries(tags))
          const fields = { idHi, idLo, incarnation: this.#counter(), version: this.#counter() }
          return writer.tags({ ...fields, bytes, pairsAt: 0, pairsEnd: bytes.length })
        })
      case SectionType.Events:
        return list(() => {
          const [originHi, originLo] = this.#id()
          const fields = { originHi, originLo, incarnation: this.#counter(), number: this.#counter() }
          return writer.event({ ...fields, ...this.#namedPayload() })
        })
      case SectionType.Query:
        writer.query({
          originHi: idHi,
          originLo: idLo,
          numberHi: 0,
          numberLo: this.#counter(),
          address: this.#anAddress(),
          addressAt: 0,
          deadlineMs: dice.below(60_000),
          ...this.#namedPayload()
        })
        return
      default: {
        const bytes = dice.bytes(dice.below(40))
        const status = dice.oneIn(8) ? dice.below(256) : dice.below(2)
        const fields = { numberHi: 0, numberLo: this.#counter(), status }
        writer.response({ ...fields, bytes, valueAt: 0, valueEnd: bytes.length })
      }
    }
  }

  #namedPayload(): NamedPayload.NamedPayload {
    const { dice } = this
    const length = dice.oneIn(8) ? dice.below(NamedPayload.MaxPayload + 1) : dice.below(20)
    return NamedPayload.make(dice.pick(texts), dice.bytes(length))
  }

  #id(): IdWords {
    const { dice } = this
    return dice.oneIn(12) ? [dice.u32(), dice.u32()] : dice.oneIn(16) ? this.#ids[0]! : dice.pick(this.#ids)
  }

  /** Mostly small numbers, so that claims about one node compete. */
  #counter(): number {
    const { dice } = this
    return dice.oneIn(6) ? dice.pick(edges) : dice.oneIn(12) ? dice.u32() : dice.below(8)
  }

  /** Mostly on loopback: the node can send there, and the datagrams do not leave this machine. */
  #anAddress(): Uint8Array {
    const { dice } = this
    const address = this.#address
    if (dice.oneIn(16)) address.set(this.#self)
    else if (dice.oneIn(12)) {
      address.set(dice.bytes(address.length))
      address[0] = 6
      if (dice.oneIn(2)) address.fill(0, 1, 17)
      if (dice.oneIn(2)) address.set([0xff, 0xff, 127], 11)
      if (dice.oneIn(2)) address[16] = 1
    } else if (dice.oneIn(24)) {
      address.set(dice.bytes(address.length))
      address[0] = 4
    } else {
      address.set(dice.bytes(address.length))
      address.set([4, 127, 2, dice.below(4)])
    }
    return address
  }

  /**
   * A valid message of either form. One in four stays as it is. The others are changed in one to four places, and half of
   * them get the checksum that fits.
   */
  mutated(): Uint8Array {
    const { dice } = this
    let bytes = dice.oneIn(this.#sectionedOneIn) ? this.sectioned() : this.valid()
    if (dice.oneIn(4)) return bytes
    for (let i = dice.below(4); i >= 0; i--) bytes = this.mutate(bytes)
    return dice.oneIn(2) ? repair(bytes, !dice.oneIn(4)) : bytes
  }

  /** Changes bytes in one place: their values, their number, or their order. */
  mutate(bytes: Uint8Array): Uint8Array {
    const { dice } = this
    const at = dice.below(Math.max(1, dice.oneIn(2) ? Math.min(bytes.length, HeaderLength) : bytes.length))
    switch (dice.below(8)) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << dice.below(8))
        return bytes
      case 1:
        bytes[at] = dice.u32()
        return bytes
      case 2:
        bytes.set(dice.bytes(Math.min(4, bytes.length - at)), at)
        return bytes
      case 3:
        return bytes.slice(0, dice.below(bytes.length + 1))
      case 4: {
        const longer = dice.bytes(bytes.length + 1 + dice.below(dice.oneIn(8) ? MaxMessage : 40))
        longer.set(bytes)
        return longer
      }
      case 5: {
        const other = this.valid()
        const from = dice.below(other.length)
        const spliced = new Uint8Array(at + other.length - from)
        spliced.set(bytes.subarray(0, at))
        spliced.set(other.subarray(from), at)
        return spliced
      }
      case 6:
        return cut(bytes, at, at + 1 + dice.below(8))
      default:
        // Version and kind, which all other checks depend on.
        if (dice.oneIn(2)) bytes[0] = dice.below(8)
        else bytes[1] = dice.oneIn(2) ? dice.below(8) : dice.pick(kindBytes)
        return bytes
    }
  }
}

const sectionTypes = Object.values(SectionType)
const texts = ["", "a", "role", "Zürich", "\u{1f600}", "__proto__", "x".repeat(200)] as const

/** `bytes` without those in [from, to). */
const cut = (bytes: Uint8Array, from: number, to: number): Uint8Array => {
  const end = Math.min(to, bytes.length)
  const rest = new Uint8Array(bytes.length - (end - from))
  rest.set(bytes.subarray(0, from))
  rest.set(bytes.subarray(end), from)
  return rest
}
