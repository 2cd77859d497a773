/**
 * The command line on real networks of the kernel. `npm run test:net` is the long form, in which each fault lasts longer.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { assert, describe, it } from "vitest"
import { Hosts, type Running, v4, v6 } from "./Hosts.ts"

/** Whether each fault lasts longer, as `npm run test:net` asks. */
const isLong = process.env["GOSSIP_TEST_NET"] === "long"

/** For how long nothing wrong may happen under a fault, in ms. */
const Observed = isLong ? 30_000 : 3000

/** Several conditions one after the other. */
const timeout = 600_000

/** Dead members come back soon after their network does, and a machine that is busy with other tests harms nobody. */
const env = { GOSSIP_GOSSIP_HEAL_INTERVAL_MS: "1000", GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "5000" }

const port = 7946

const within = async (use: (hosts: Hosts) => Promise<void>): Promise<void> => {
  const hosts = new Hosts()
  try {
    hosts.open()
    await use(hosts)
  } finally {
    await hosts.close()
  }
}

const startAll = (hosts: Hosts, numbers: ReadonlyArray<number>, address: (host: number) => string, more = {}) =>
  numbers.map((host) =>
    hosts.start(host, ["--bind", `${address(host)}:${port}`, "--peers", `${address(numbers[0] ?? 0)}:${port}`], {
      ...env,
      ...more
    })
  )

const v6Literal = (host: number): string => `[${v6(host)}]`

const deaths = (nodes: ReadonlyArray<Running>): ReadonlyArray<string> =>
  nodes.flatMap(({ log }) =>
    log()
      .split("\n")
      .filter((line) => / WARN {2}dead {4}/.test(line))
  )

/** Lets a fault last, in which no member may be held dead. */
const stay = async (nodes: ReadonlyArray<Running>): Promise<void> => {
  const before = deaths(nodes).length
  await sleep(Observed)
  assert.deepStrictEqual(deaths(nodes).slice(before), [])
}

describe.concurrent("nodes on hosts of one network", () => {
  it("get through loss, a one-way cut, small paths, a split, and a link that goes down and up", { timeout }, () =>
    within(async (hosts) => {
      const numbers = [1, 2, 3, 4, 5]
      for (const number of numbers) {
        hosts.add(number)
        hosts.drop(number, "meta", "l4proto", "udp", "numgen", "random", "mod", "100", "<", "30")
      }
      const nodes = startAll(hosts, numbers, v4)
      const [first, second, third] = nodes
      if (first === undefined || second === undefined || third === undefined) return assert.fail()

      // 30 % of all datagrams are lost.
      await hosts.see(nodes, nodes)
      await stay(nodes)
      for (const number of numbers) hosts.heal(number)
      await hosts.see(nodes, nodes)

      // What 2 sends to 1 is lost: others ask in its place.
      hosts.drop(1, "ip", "saddr", v4(2))
      await stay(nodes)
      hosts.heal(1)

      // Paths that carry no more than this, and do not say so.
      for (const bytes of [1280, 1000]) {
        for (const number of numbers) hosts.drop(number, "ip", "length", ">", `${bytes}`)
        await stay(nodes)
        await hosts.see(nodes, nodes)
        for (const number of numbers) hosts.heal(number)
      }

      // 1 and 2 on one side, the others on the other one.
      const sides = [nodes.slice(0, 2), nodes.slice(2)] as const
      for (const [side, others] of [sides, sides.toReversed()]) {
        for (const { id } of side ?? []) for (const other of others ?? []) hosts.drop(id, "ip", "saddr", v4(other.id))
      }
      for (const side of sides) await hosts.see(side, side)
      if (isLong) await sleep(60_000)
      for (const number of numbers) hosts.heal(number)
      await hosts.see(nodes, nodes)

      const others = nodes.filter((node) => node !== third)
      hosts.inside(3, "ip", "link", "set", "eth0", "down")
      await hosts.see(others, others)
      hosts.inside(3, "ip", "link", "set", "eth0", "up")
      await hosts.see(nodes, nodes)
      // Errors of sending are counted, and end nothing.
      assert.isAbove(await third.metric("swim_write_errors_total"), 0)

      second.process.kill("SIGTERM")
      assert.strictEqual(await hosts.ended(second), 0)
    })
  )

  it("find a crash over IPv6", { timeout }, () =>
    within(async (hosts) => {
      for (const number of [1, 2, 3]) hosts.add(number)
      const nodes = startAll(hosts, [1, 2, 3], v6Literal)
      await hosts.see(nodes, nodes)
      hosts.inside(3, "ip", "link", "set", "eth0", "down")
      const others = nodes.slice(0, 2)
      await hosts.see(others, others)
    })
  )

  it("follow one whose machine gets another address", { timeout }, () =>
    within(async (hosts) => {
      for (const number of [1, 2, 3]) hosts.add(number)
      const nodes = [
        ...startAll(hosts, [1, 2], v4),
        hosts.start(3, ["--bind", `0.0.0.0:${port}`, "--peers", `${v4(1)}:${port}`], env)
      ]
      await hosts.see(nodes, nodes)
      hosts.inside(3, "ip", "address", "delete", `${v4(3)}/24`, "dev", "eth0")
      hosts.inside(3, "ip", "address", "add", `${v4(33)}/24`, "dev", "eth0")
      await hosts.until("the others have its new address", async () => {
        for (const { addressOf } of nodes) if ((await addressOf(3)) !== `${v4(33)}:${port}`) return false
        return true
      })
      await hosts.see(nodes, nodes)
    })
  )

  it("meet one behind a router that translates addresses, by the address that it advertises", { timeout }, () =>
    within(async (hosts) => {
      for (const number of [1, 2]) hosts.add(number)
      hosts.addBehindRouter(3, 9)
      const nodes = [
        ...startAll(hosts, [1, 2], v4),
        hosts.start(
          3,
          ["--bind", "0.0.0.0:7946", "--advertise", `${v4(9)}:${port}`, "--peers", `${v4(1)}:${port}`],
          env
        )
      ]
      await hosts.see(nodes, nodes)
      await stay(nodes)
    })
  )
})

describe.concurrent("nodes far from each other", () => {
  it(
    "hold nobody dead where packets take 100 to 300 ms, overtake each other, and are doubled or damaged",
    { timeout },
    () =>
      within(async (hosts) => {
        const numbers = [1, 2, 3]
        for (const number of numbers) {
          // Twice on each way.
          await hosts.addDistant(number, { delay: 100, jitter: 50, loss: 1, duplicate: 5, damage: 2 })
        }
        const nodes = startAll(hosts, numbers, v4, { GOSSIP_PROFILE: "wan", GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "" })
        await hosts.see(nodes, nodes)
        await stay(nodes)
        await hosts.see(nodes, nodes)
        await hosts.until("a damaged datagram is dropped", async () => {
          for (const { metric } of nodes) if ((await metric("swim_dropped_total")) > 0) return true
          return false
        })
      })
  )
})
