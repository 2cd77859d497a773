/**
 * Many nodes in several processes, to which things happen at random for a long time. In the end all must have one view,
 * and the processes must not have grown. Needs Linux, where every address of 127.0.0.0/8 is there.
 */
import { type ChildProcess, fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { setTimeout as sleep } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import { Dice } from "../fuzz/Generator.ts"
import type { Answer, Order, Usage, View } from "./Orders.ts"

const worker = fileURLToPath(new URL("worker.ts", import.meta.url))

export interface Options {
  readonly minutes: number
  /** How much happens at least, however long it takes. */
  readonly steps: number
  /** The longest time from one event to the next, in ms. */
  readonly pause: number
  readonly seed: number
  readonly processes: number
  readonly nodesOfEach: number
  readonly say: (line: string) => void
}

export interface Report {
  readonly problems: ReadonlyArray<string>
  /** How often each thing happened. */
  readonly happened: Readonly<Record<string, number>>
  /** What the processes that were never killed used at first and at last. */
  readonly growth: ReadonlyArray<{ readonly before: Usage; readonly after: Usage }>
}

/** How long the nodes may take until all have one view, in ms. */
const Patience = 180_000
/** What a process may use more at the end than at the beginning, with as many nodes. */
const MoreHeap = 16 * 2 ** 20
const MoreHandles = 8
const MoreFibers = 8

class Process {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #orders = 0

  constructor(subnet: string) {
    this.#child = fork(worker, [subnet], { execArgv: ["--expose-gc"] })
    this.#child.on("message", (answer: Answer) => this.#waiting.get(answer.number)?.(answer))
    this.#child.on("exit", (code) => {
      for (const [number, resolve] of this.#waiting) resolve({ number, error: `the process ended with ${code}` })
    })
  }

  /** Waits until it takes orders. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(0, ({ error }) => (error === undefined ? resolve() : reject(new Error(error))))
    })
  }

  async ask(order: Order): Promise<unknown> {
    const number = ++this.#orders
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(number, resolve)
      this.#child.send({ number, order })
    })
    this.#waiting.delete(number)
    if (answer.error !== undefined) throw new Error(`${order.do}: ${answer.error}`)
    return answer.value
  }

  async kill(): Promise<void> {
    const ended = new Promise<void>((resolve) => void this.#child.once("exit", () => resolve()))
    this.#waiting.clear()
    this.#child.kill("SIGKILL")
    await ended
  }
}

/** What every node must see in the end: each node alive, with the tags that it was given last. */
type Expected = Readonly<Record<string, { readonly status: string; readonly tags: Readonly<Record<string, string>> }>>

export const run = async ({
  minutes,
  nodesOfEach,
  pause,
  processes: count,
  say,
  seed,
  steps
}: Options): Promise<Report> => {
  const dice = new Dice(seed)
  const subnet = `${64 + (process.pid % 128)}.${(process.pid >> 7) % 256}`
  const all = Array.from({ length: count * nodesOfEach }, (_, n) => n + 1)
  const indexOf = (node: number): number => Math.floor((node - 1) / nodesOfEach)
  const processes = await Promise.all(Array.from({ length: count }, () => opened(subnet)))
  const processOf = (node: number): Process => {
    const found = processes[indexOf(node)]
    if (found === undefined) throw new Error(`there is no process of node ${node}`)
    return found
  }
  const everywhere = (order: Order) => Promise.all(processes.map((one) => one.ask(order)))
  const pick = <A>(some: ReadonlyArray<A>): A => {
    const found = some[dice.below(some.length)]
    if (found === undefined) throw new Error("nothing to choose from")
    return found
  }

  const up = new Set<number>()
  const tags = new Map<number, Readonly<Record<string, string>>>(all.map((node) => [node, {}]))
  const killed = new Set<number>()
  const happened: Record<string, number> = {}
  const happen = (what: string): void => {
    happened[what] = (happened[what] ?? 0) + 1
  }
  let key = newKey()
  let side: ReadonlyArray<number> = []
  /** In how many steps the split ends. */
  let splitSteps = 0

  const start = async (node: number): Promise<void> => {
    const others = all.filter((other) => other !== node)
    const peers = [pick(others), pick(others), pick(others)]
    await processOf(node).ask({ do: "start", node, key, peers, tags: tags.get(node) ?? {} })
    up.add(node)
  }
  const rotate = async (): Promise<void> => {
    const next = newKey()
    await everywhere({ do: "rotate", step: "add", key: next })
    await everywhere({ do: "rotate", step: "use", key: next })
    await everywhere({ do: "rotate", step: "remove", key })
    key = next
  }
  const killProcess = async (index: number): Promise<void> => {
    const old = processes[index]
    if (old === undefined) return
    await old.kill()
    for (const node of all) if (indexOf(node) === index) up.delete(node)
    killed.add(index)
    const fresh = await opened(subnet)
    processes[index] = fresh
    await fresh.ask({ do: "split", side })
  }

  /** Waits until all nodes that run see each other, and returns what is wrong if they never do. */
  const converged = async (): Promise<string | undefined> => {
    const expected: Expected = Object.fromEntries(
      [...up].map((node) => [String(node), { status: "alive", tags: tags.get(node) ?? {} }])
    )
    const deadline = performance.now() + Patience
    let problem: string | undefined
    while (performance.now() < deadline) {
      problem = undefined
      for (const node of up) {
        const { members } = asView(await processOf(node).ask({ do: "look", node }))
        if (!isDeepStrictEqual(members, expected)) problem ??= `node ${node} sees ${difference(members, expected)}`
      }
      if (problem === undefined) return undefined
      await sleep(500)
    }
    return problem
  }

  /** One thing that happens. */
  const step = async (): Promise<void> => {
    const down = all.filter((node) => !up.has(node))
    if (down.length > 0 && dice.oneIn(2)) {
      await start(pick(down))
      return happen("starts")
    }
    const node = pick([...up])
    const mayEnd = up.size > (2 * all.length) / 3
    switch (dice.below(12)) {
      case 0:
      case 1: {
        if (!mayEnd) return
        up.delete(node)
        await processOf(node).ask({ do: "crash", node })
        return happen("crashes")
      }
      case 2:
      case 3: {
        if (!mayEnd) return
        up.delete(node)
        await processOf(node).ask({ do: "stop", node })
        return happen("leaves")
      }
      case 4: {
        // The first one lives to the end, so that its growth can be measured.
        if (!mayEnd || count < 2 || !dice.oneIn(2)) return
        await killProcess(1 + dice.below(count - 1))
        return happen("processes killed")
      }
      case 5: {
        if (side.length > 0) return
        side = all.filter(() => dice.oneIn(2))
        splitSteps = 5 + dice.below(20)
        await everywhere({ do: "split", side })
        return happen("splits")
      }
      case 6: {
        await rotate()
        return happen("key rotations")
      }
      case 7:
      case 8: {
        const fresh = { zone: `z${dice.below(5)}`, turn: String(happened["tag changes"] ?? 0) }
        tags.set(node, fresh)
        await processOf(node).ask({ do: "tags", node, tags: fresh })
        return happen("tag changes")
      }
      default: {
        await processOf(node).ask({ do: "publish", node, payload: String(happened["events"] ?? 0) })
        return happen("events")
      }
    }
  }

  const usages = async (): Promise<ReadonlyArray<Usage>> =>
    (await everywhere({ do: "measure" })).map((usage) => asUsage(usage))

  const problems: Array<string> = []
  const note = (problem: string | undefined): void => {
    if (problem === undefined) return
    problems.push(problem)
    say(`WRONG: ${problem}`)
  }
  try {
    for (const node of all) await start(node)
    note(await converged())
    // Whatever a start leaves behind for a while is gone by then.
    await sleep(Math.min(30_000, minutes * 10_000))
    const before = await usages()
    say(`${all.length} nodes in ${count} processes, seed ${seed}`)

    const end = performance.now() + minutes * 60_000
    let sayAt = performance.now() + 60_000
    for (let n = 0; n < steps || performance.now() < end; n++) {
      await step()
      if (side.length > 0 && --splitSteps === 0) {
        side = []
        await everywhere({ do: "split", side })
      }
      if (performance.now() >= sayAt) {
        sayAt += 60_000
        say(inWords(happened))
      }
      await sleep(dice.below(pause))
    }

    side = []
    await everywhere({ do: "split", side })
    for (const node of all) if (!up.has(node)) await start(node)
    note(await converged())
    let heard = 0
    for (const node of up) {
      const { events, twice } = asView(await processOf(node).ask({ do: "look", node }))
      heard += events
      if (twice > 0) note(`node ${node} heard ${twice} events twice`)
    }
    if ((happened["events"] ?? 0) > 0 && heard === 0) note("no node heard an event")
    // What the last events started takes a while to end.
    const deadline = performance.now() + Patience
    let growth = grown(before, await usages(), killed)
    while (growth.some(({ problem }) => problem !== undefined) && performance.now() < deadline) {
      await sleep(1000)
      growth = grown(before, await usages(), killed)
    }
    for (const { problem } of growth) note(problem)
    return { problems, happened, growth }
  } finally {
    await Promise.all(processes.map((one) => one.kill()))
  }
}

interface Growth {
  readonly before: Usage
  readonly after: Usage
  readonly problem: string | undefined
}

/** What the processes that were never killed use more than before. */
const grown = (
  before: ReadonlyArray<Usage>,
  after: ReadonlyArray<Usage>,
  killed: ReadonlySet<number>
): ReadonlyArray<Growth> =>
  before.flatMap((before, index) => {
    const now = after[index]
    if (killed.has(index) || now === undefined) return []
    const problem =
      now.heap > before.heap + MoreHeap
        ? `the heap grew from ${before.heap} to ${now.heap} bytes`
        : now.handles > before.handles + MoreHandles
          ? `handles grew from ${before.handles} to ${now.handles}`
          : now.fibers > before.fibers + MoreFibers
            ? `fibers grew from ${before.fibers} to ${now.fibers}`
            : undefined
    return [{ before, after: now, problem }]
  })

const opened = async (subnet: string): Promise<Process> => {
  const one = new Process(subnet)
  await one.ready()
  return one
}

const newKey = (): string => randomBytes(32).toString("hex")

/** Counts as a line of text. */
export const inWords = (happened: Readonly<Record<string, number>>): string =>
  Object.entries(happened)
    .map(([what, times]) => `${times} ${what}`)
    .join(", ")

const difference = (members: View["members"], expected: Expected): string => {
  const ids = new Set([...Object.keys(members), ...Object.keys(expected)])
  const wrong = [...ids].filter((id) => !isDeepStrictEqual(members[id], expected[id]))
  return wrong.map((id) => `${id}: ${JSON.stringify(members[id])} for ${JSON.stringify(expected[id])}`).join(", ")
}

const asView = (value: unknown): View => {
  const { events, members, twice } = Object(value)
  return { events, members, twice }
}

const asUsage = (value: unknown): Usage => {
  const { fibers, handles, heap, nodes } = Object(value)
  return { fibers, handles, heap, nodes }
}
