/** A peer without a node: a plain socket that sends what a test tells it to, and keeps what it receives. */
import { createSocket } from "node:dgram"
import { Effect, Result } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as Message from "../../src/wire/Message.ts"
import { untilTrue } from "./RealNodes.ts"

/** `Omit` that keeps the members of a union apart. */
type Without<A, K extends PropertyKey> = A extends unknown ? Omit<A, K> : never

/** A message without the sender's part of its header. */
export type Body = Without<Message.Message, keyof Message.Sender>

/** The message of one kind. */
export type MessageOf<Tag extends Message.Message["_tag"]> = Extract<Message.Message, { readonly _tag: Tag }>

export interface Peer {
  readonly id: NodeId.NodeId
  /** Where it is, as text. */
  readonly address: string
  /** Its own entry at incarnation 0. */
  readonly entry: (status?: Message.MessageEntry["status"]) => Message.MessageEntry
  /** Sends a message of its own; each has a higher heartbeat than the one before, and counts to `bytesOut`. */
  readonly send: (body: Body, to: string, header?: Partial<Message.Sender>) => Effect.Effect<void>
  /** Sends any bytes. */
  readonly sendBytes: (bytes: Uint8Array, to: string) => Effect.Effect<void>
  /** Everything that came, decoded, in order. */
  readonly heard: ReadonlyArray<Message.Message>
  readonly bytesIn: () => number
  readonly bytesOut: () => number
  /** Waits for the next message of a kind and forgets it and what came before it. */
  readonly next: <Tag extends Message.Message["_tag"]>(tag: Tag) => Effect.Effect<MessageOf<Tag>>
  /** Waits until everything has been read that had come by now. */
  readonly settle: Effect.Effect<void>
}

let peers = 0

/** Opens a peer on loopback. It sends nothing by itself. */
export const makePeer = Effect.fnUntraced(function* (host = "127.0.0.1") {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => createSocket(host.includes(":") ? "udp6" : "udp4")),
    (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
  )
  yield* Effect.callback<void>((resume) => void socket.bind(0, host, () => resume(Effect.void)))
  const inet = NetAddress.inetAddressFromIpStringUnsafe(host, socket.address().port)
  const address = NetAddress.formatInet(inet)
  const id = NodeId.fromWords(0x5eed, ++peers)
  const heard: Array<Message.Message> = []
  const marker = new Uint8Array([0])
  let heartbeat = 0
  let bytesIn = 0
  let bytesOut = 0
  let markers = 0
  socket.on("message", (bytes, { port }) => {
    if (port === inet.port) {
      markers++
      return
    }
    bytesIn += bytes.length
    heard.push(Result.getOrThrow(Message.decode(bytes)))
  })

  const write = (bytes: Uint8Array, to: NetAddress.InetAddress): Effect.Effect<void> =>
    Effect.callback((resume) =>
      socket.send(bytes, to.port, NetAddress.formatIp(to.address), (error) =>
        resume(error === null ? Effect.void : Effect.die(error))
      )
    )

  const sendBytes = (bytes: Uint8Array, to: string) =>
    Effect.suspend(() => {
      bytesOut += bytes.length
      return write(bytes, NetAddress.inetAddressFromStringUnsafe(to))
    })

  const isOf = <Tag extends Message.Message["_tag"]>(message: Message.Message, tag: Tag): message is MessageOf<Tag> =>
    message._tag === tag

  const peer: Peer = {
    id,
    address,
    entry: (status = "Alive") => ({ nodeId: id, heartbeat, incarnation: 0, status, address: inet }),
    send: (body, to, header) =>
      Effect.suspend(() => {
        const sender = { senderId: id, heartbeat: heartbeat++, incarnation: 0, flags: 0, level: 0, ...header }
        return sendBytes(Result.getOrThrow(Message.encode({ ...body, ...sender })), to)
      }),
    sendBytes,
    heard,
    bytesIn: () => bytesIn,
    bytesOut: () => bytesOut,
    next: <Tag extends Message.Message["_tag"]>(tag: Tag) =>
      Effect.gen(function* () {
        yield* untilTrue(`${address} heard ${tag}`, () => heard.some((message) => message._tag === tag))
        while (true) {
          const message = heard.shift()
          if (message === undefined) return yield* Effect.die(new Error(`${tag} was there and is not`))
          if (isOf(message, tag)) return message
        }
      }),
    settle: Effect.suspend(() => {
      // Datagrams on loopback are handed over in order, so what was sent here before the marker is read before it.
      const before = markers
      return Effect.andThen(
        write(marker, inet),
        untilTrue("its own marker came", () => markers > before)
      )
    })
  }
  return peer
})
