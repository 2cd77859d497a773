/** The dashboard of a running node in a real browser. */
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { Events } from "../../src/events/Events.ts"
import { startServed, withQuick } from "../integration/RealNodes.ts"
import { openAddress, type Page, timeout } from "./Chromium.ts"

const quick = withQuick({})
const ready = `document.documentElement?.dataset.read === "yes" || document.getElementById("failure")?.hidden === false`

const statusesInTable = `[...document.querySelectorAll("#rows tr")].map((row) => row.cells[1].textContent)`
const texts = (page: Page, selector: string) =>
  page.texts(`[...document.querySelectorAll("${selector}")].map((element) => element.textContent)`)
const shows = (page: Page, counts: Readonly<Record<string, number>>) =>
  page.until(
    `it shows ${JSON.stringify(counts)}`,
    Object.entries(counts)
      .map(([status, count]) => `document.getElementById("count-${status}").textContent === "${count}"`)
      .join(" && ")
  )

describe("the dashboard", () => {
  it.live(
    "shows the members as they are, and follows changes with their reasons",
    () =>
      Effect.gen(function* () {
        const first = yield* startServed(quick)
        const second = yield* startServed({ ...quick, peers: [first.address] })
        const third = yield* startServed({ ...quick, peers: [first.address] })
        const page = yield* openAddress(`${first.url}/ui`, ready)
        yield* shows(page, { alive: 3, suspect: 0, dead: 0, left: 0 })
        assert.deepStrictEqual(yield* page.texts(statusesInTable), ["alive", "alive", "alive"])
        const table = (yield* texts(page, "#rows td:first-child")).join()
        for (const { address } of [first, second, third]) assert.include(table, address)
        assert.include(table, `${first.address} this node`)
        assert.strictEqual(yield* page.number(`Number(document.getElementById("picture").dataset.drawn)`), 3)

        yield* second.membership.setTags({ zone: "a" })
        yield* page.until("it shows the tag", `document.querySelector("#rows .tag")?.textContent === "zone=a"`)
        yield* Context.get(third.services, Events).publishBytes("deploy", new TextEncoder().encode("1.2"))
        yield* page.until(
          "it shows the event",
          `[...document.querySelectorAll("#changes li")].some(({ textContent }) => textContent.includes("event deploy") && textContent.endsWith("published it: 1.2"))`
        )

        yield* third.stop
        yield* shows(page, { alive: 2, left: 1 })
        yield* second.crash
        yield* shows(page, { alive: 1, dead: 1, left: 1 })
        const changes = yield* texts(page, "#changes li")
        assert.isTrue(
          changes.some((text) => text.includes(`${third.address} left`)),
          changes.join("\n")
        )
        assert.isTrue(
          changes.some((text) => text.includes(`${second.address} is suspected`)),
          changes.join("\n")
        )
        const died = changes.find((text) => text.includes(`${second.address} died`))
        assert.include(died, "it did not refute the suspicion within")

        assert.deepStrictEqual(page.mistakes(), [])
        // Nothing but the routes of the node.
        for (const url of page.requests()) assert.isTrue(url.startsWith(first.url), url)
      }),
    timeout
  )

  it.live(
    "filters and sorts, and shows text of members as text",
    () =>
      Effect.gen(function* () {
        const first = yield* startServed(quick)
        const second = yield* startServed({ ...quick, peers: [first.address] })
        const page = yield* openAddress(`${first.url}/ui`, ready)
        yield* shows(page, { alive: 2 })
        const type = (text: string) =>
          page.value(
            `(() => { const input = document.getElementById("words"); input.value = ${JSON.stringify(text)}; input.dispatchEvent(new Event("input")) })()`
          )
        yield* type(second.address)
        yield* page.until("one is left", `document.querySelectorAll("#rows tr").length === 1`)
        yield* type("nobody has this")
        yield* page.until("nobody is left", `document.getElementById("nobody").hidden === false`)
        yield* type("")
        yield* page.until("all are back", `document.querySelectorAll("#rows tr").length === 2`)
        const click = `document.querySelector("th[data-key=name] button").click()`
        const before = yield* texts(page, "#rows td:first-child")
        yield* page.value(click)
        assert.deepStrictEqual(yield* texts(page, "#rows td:first-child"), before.toReversed())
        // The next time that the members are read, one has a name that would be HTML.
        yield* page.value(`(() => {
          const read = window.fetch
          window.fetch = async (...request) => {
            const { nodes: [node] } = await (await read(...request)).json()
            return Response.json({ nodes: [{ ...node, name: "<b>x</b>" }] })
          }
        })()`)
        yield* page.until("it shows the name", `document.querySelector("#rows .name")?.textContent === "<b>x</b>"`)
        assert.strictEqual(yield* page.number(`document.querySelectorAll("#rows b").length`), 0)
        assert.deepStrictEqual(page.mistakes(), [])
      }),
    timeout
  )

  it.live(
    "fits the width of a phone",
    () =>
      Effect.gen(function* () {
        const first = yield* startServed(quick)
        const page = yield* openAddress(`${first.url}/ui`, ready, { width: 360, dark: true })
        yield* shows(page, { alive: 1 })
        assert.isAtMost(yield* page.number("document.documentElement.scrollWidth"), 360)
        const screenshot = process.env["GOSSIP_TEST_SCREENSHOT"]
        if (screenshot !== undefined) writeFileSync(screenshot, yield* page.screenshot)
      }),
    timeout
  )
})
