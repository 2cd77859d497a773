/**
 * The script of the dashboard: it reads the members, follows the events of the node and draws both. It is text and not a
 * module, because the page must contain it. Text from the network is only ever set as text, never as HTML. All addresses
 * are relative to the page, so that the routes can be mounted under any path.
 */
import { picture } from "./Picture.ts"

const beginning = String.raw`
"use strict"
/** More rows than this are counted and not shown: the filter finds them. */
const MostRows = 500
/** More changes than this are forgotten. */
const MostChanges = 200
/** How often the members are read again, for their round trips, in ms. Large clusters are read less often. */
const refreshAfter = () => (members.size <= 200 ? 5000 : 30_000)

const byId = (id) => document.getElementById(id)
const element = (tag, className, ...children) => {
  const made = document.createElement(tag)
  if (className !== "") made.className = className
  made.append(...children)
  return made
}
const fail = (message) => {
  byId("failure").textContent = message
  byId("failure").hidden = message === ""
}
window.addEventListener("error", ({ message }) => fail(message))
window.addEventListener("unhandledrejection", ({ reason }) => fail(String(reason)))

/** The members, by id. */
const members = new Map()
let sorting = { key: "name", ascending: true }
let chosen

// --- words ---------------------------------------------------------------------------------------

/** How many members have each name. By default it is that of the host, so members on one host share it. */
const names = new Map()
const countNames = () => {
  names.clear()
  for (const { name } of members.values()) names.set(name, (names.get(name) ?? 0) + 1)
}
/** The name of a member, with its address where others have that name too. */
const nameOf = ({ addr, name }) =>
  name === undefined ? addr : names.get(name) > 1 ? name + " (" + addr + ")" : name
const nameOfId = (id) => (members.has(id) ? nameOf(members.get(id)) : id)
const milliseconds = (ms) => (ms === null || ms === undefined ? "" : Number(ms.toPrecision(3)) + " ms")
const ago = (time) => {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000))
  if (seconds < 120) return seconds + " s"
  if (seconds < 7200) return Math.floor(seconds / 60) + " min"
  if (seconds < 172_800) return Math.floor(seconds / 3600) + " h"
  return Math.floor(seconds / 86_400) + " d"
}
const reasonOf = (cause) => {
  switch (cause?.kind) {
    case undefined:
      return ""
    case "Heard":
      return "it sent a message itself"
    case "Claimed":
      return nameOfId(cause.by) + " reported it"
    case "ProbeFailed":
      return cause.relays.length === 0
        ? "it did not answer a probe"
        : "it did not answer a probe, nor through " + cause.relays.map(nameOfId).join(" and ")
    case "SuspicionExpired":
      return "it did not refute the suspicion within " + Number((cause.after_ms / 1000).toFixed(1)) + " s"
    case "DeathConfirmed":
      return nameOfId(cause.by) + " reported it, and it did not answer " + cause.pings + " probes"
    case "LeaveReceived":
      return "it left"
    case "Replaced":
      return nameOfId(cause.by) + " answers at its address"
    case "Forgotten":
      return nameOfId(cause.by) + " was asked to forget it"
    case "RetentionExpired":
      return "it had been gone for " + Number((cause.after_ms / 1000).toFixed(1)) + " s"
    case "OtherKey":
      return "it encrypts with another key"
    case "Plaintext":
      return "it does not encrypt"
    default:
      return cause.kind
  }
}
const verbs = {
  Joined: "joined",
  Suspected: "is suspected",
  Recovered: "recovered",
  Died: "died",
  Left: "left",
  Updated: "was updated",
  Removed: "was removed from the list",
  Conflict: "conflicts with another node",
  Unreadable: "sends what cannot be read"
}
const statuses = ["alive", "suspect", "dead", "left"]

// --- the table -----------------------------------------------------------------------------------

const valueOf = {
  name: (member) => nameOf(member).toLowerCase(),
  status: (member) => statuses.indexOf(member.status),
  since: (member) => -Date.parse(member.since),
  rtt: (member) => member.rtt_ms ?? Infinity
}
const compare = (a, b) => {
  const value = valueOf[sorting.key]
  const [one, other] = [value(a), value(b)]
  const order = one < other ? -1 : one > other ? 1 : a.id < b.id ? -1 : 1
  return sorting.ascending ? order : -order
}
const textOf = (member) =>
  [member.id, member.addr, member.name ?? "", member.status]
    .concat(Object.entries(member.tags ?? {}).map(([key, value]) => key + "=" + value))
    .join(" ")
    .toLowerCase()

const rowOf = (member) => {
  const name = element("td", "words", element("span", "name", member.name ?? member.addr))
  if (member.self) name.append(element("span", "small", " this node"))
  if (member.name !== undefined) name.append(element("div", "small", member.addr))
  for (const [key, value] of Object.entries(member.tags ?? {})) name.append(element("span", "tag", key + "=" + value))
  const status = element("span", "status", member.status)
  status.dataset.status = member.status
  const row = element(
    "tr",
    (member.self ? "self " : "") + (member.id === chosen ? "chosen" : ""),
    name,
    element("td", "", status),
    element("td", "number", ago(member.since)),
    element("td", "number", milliseconds(member.rtt_ms)),
    element("td", "words optional small", reasonOf(member.cause)),
    element("td", "number optional small", member.id)
  )
  row.addEventListener("click", () => choose(member.id))
  return row
}

const choose = (id) => {
  chosen = chosen === id ? undefined : id
  draw()
}

const draw = () => {
  countNames()
  const all = [...members.values()]
  for (const status of statuses) {
    byId("count-" + status).textContent = all.filter((member) => member.status === status).length
  }
  const words = byId("words").value.trim().toLowerCase().split(/\s+/)
  const found = all.filter((member) => words.every((word) => textOf(member).includes(word))).sort(compare)
  byId("rows").replaceChildren(...found.slice(0, MostRows).map(rowOf))
  byId("shown").textContent =
    found.length > MostRows ? "the first " + MostRows + " of " + found.length : found.length + " of " + all.length
  byId("nobody").hidden = found.length > 0
  for (const header of document.querySelectorAll("th")) {
    if (header.dataset.key !== sorting.key) header.removeAttribute("aria-sort")
    else header.setAttribute("aria-sort", sorting.ascending ? "ascending" : "descending")
  }
  const self = all.find((member) => member.self)
  if (self !== undefined) {
    byId("title").textContent = nameOf(self)
    document.title = nameOf(self) + " · effect-gossip"
  }
  drawPicture(new Set(found.map(({ id }) => id)))
}

/** Several changes are drawn once. */
let drawing = false
const drawSoon = () => {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    draw()
  })
}
`.trim()

const ending = String.raw`
// --- what happens --------------------------------------------------------------------------------

const tell = (at, text, status, reason) => {
  const line = element("span", "status", text)
  line.dataset.status = status
  const item = element("li", "", element("time", "", new Date(at).toLocaleTimeString()), " ", line)
  if (reason !== "") item.append(element("div", "small", reason))
  byId("changes").prepend(item)
  while (byId("changes").children.length > MostChanges) byId("changes").lastChild.remove()
  byId("quiet").hidden = true
}

const apply = (change) => {
  const { cause, kind, member } = change
  if (member === undefined) {
    tell(change.at, nameOfId(change.id) + " " + (verbs[kind] ?? kind), "suspect", reasonOf(cause))
    return
  }
  const before = members.get(member.id)
  const changed = change.changed === undefined ? "" : ": " + change.changed.join(", ")
  if (kind === "Removed") members.delete(member.id)
  else members.set(member.id, { ...before, ...member, cause })
  tell(change.at, nameOf({ ...before, ...member }) + " " + (verbs[kind] ?? kind) + changed, member.status, reasonOf(cause))
  drawSoon()
}

/** Changes that came before the members were read: what was read includes some of them. */
let early
let refreshing

const read = async () => {
  clearTimeout(refreshing)
  early = []
  try {
    const answer = await fetch("membership", { cache: "no-store" })
    if (!answer.ok) throw new Error("the node answered " + answer.status)
    const { nodes } = await answer.json()
    const changes = early
    members.clear()
    for (const node of nodes) members.set(node.id, node)
    // Each has the state of its member as it was then. What is older than the state that was read changes nothing.
    for (const { at, cause, kind, member } of changes) {
      const known = member === undefined ? undefined : members.get(member.id)
      if (kind === "Removed" && known !== undefined && Date.parse(known.since) <= Date.parse(at)) {
        members.delete(member.id)
      } else if (known !== undefined && Date.parse(known.since) < Date.parse(member.since)) {
        members.set(member.id, { ...known, ...member, cause })
      }
    }
    fail("")
    document.documentElement.dataset.read = "yes"
    drawSoon()
  } catch (error) {
    fail("The members cannot be read: " + error.message)
  } finally {
    early = undefined
    refreshing = setTimeout(() => void read(), refreshAfter())
  }
}

const link = (state, text) => {
  byId("link").dataset.state = state
  byId("link").textContent = text
}
const source = new EventSource("events")
source.onopen = () => {
  link("live", "live")
  void read()
}
source.onerror = () => link("lost", "reconnecting")
source.onmessage = ({ data }) => {
  const change = JSON.parse(data)
  early?.push(change)
  apply(change)
}
source.addEventListener("published", ({ data }) => {
  const { at, name, origin, payload } = JSON.parse(data)
  tell(at, "event " + name, "event", nameOfId(origin) + " published it" + (payload === "" ? "" : ": " + payload))
})
source.addEventListener("missed", ({ data }) => {
  const { count } = JSON.parse(data)
  tell(Date.now(), (count ?? "Some") + " changes were missed", "suspect", "")
  void read()
})

byId("words").addEventListener("input", drawSoon)
for (const header of document.querySelectorAll("th[data-key] button")) {
  header.addEventListener("click", () => {
    const { key } = header.parentElement.dataset
    sorting = { key, ascending: sorting.key !== key || !sorting.ascending }
    draw()
  })
}
// Ages grow, even if nothing changes.
setInterval(drawSoon, 1000)
addEventListener("resize", drawSoon)
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSoon)
`.trim()

/** The whole script. */
export const script = [beginning, picture, ending].join("\n\n")
