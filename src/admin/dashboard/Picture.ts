/**
 * The part of the dashboard's script that draws the cluster: this node in the middle, and each member at a distance that
 * stands for its round trip, on a logarithmic scale, in a direction that its id decides. See `Script.ts`.
 */
export const picture = String.raw`
// --- the picture ---------------------------------------------------------------------------------

const canvas = byId("picture")
/** Round trips at which a circle is drawn, in ms. */
const circles = [0.1, 1, 10, 100, 1000]
/** Where each member is drawn, for the mouse. */
let places = []

/** A direction in [0, 1) that stays the same for a member: the golden ratio spreads what an id has in its low digits. */
const directionOf = (id) => (Number(BigInt(id) % 1_000_003n) * 0.618033988749895) % 1

const drawPicture = (shown) => {
  const size = canvas.clientWidth
  if (size === 0) return
  const ratio = devicePixelRatio
  canvas.width = canvas.height = Math.round(size * ratio)
  const context = canvas.getContext("2d")
  context.scale(ratio, ratio)
  const style = getComputedStyle(document.documentElement)
  const colour = (name) => style.getPropertyValue("--" + name).trim()
  const centre = size / 2
  const outermost = centre - 26
  const innermost = 34
  const others = [...members.values()].filter((member) => !member.self)
  const measured = others.flatMap(({ rtt_ms }) => (typeof rtt_ms === "number" && rtt_ms > 0 ? [rtt_ms] : []))
  const low = Math.log10(Math.min(0.1, ...measured))
  const high = Math.log10(Math.max(10, ...measured) * 1.5)
  const radiusOf = (ms) => innermost + ((Math.log10(ms) - low) / (high - low)) * (outermost - innermost)

  context.font = "11px system-ui, sans-serif"
  context.textAlign = "center"
  context.lineWidth = 1
  context.strokeStyle = colour("line")
  context.fillStyle = colour("muted")
  for (const ms of circles) {
    const radius = radiusOf(ms)
    if (radius < innermost || radius > outermost) continue
    context.beginPath()
    context.arc(centre, centre, radius, 0, 2 * Math.PI)
    context.stroke()
    context.fillText(ms + " ms", centre, centre - radius - 3)
  }

  places = []
  const dot = others.length > 400 ? 3 : others.length > 60 ? 4.5 : 6.5
  for (const member of others) {
    const angle = 2 * Math.PI * directionOf(member.id)
    // A member without a round trip is drawn outside of all circles.
    const radius = member.rtt_ms > 0 ? radiusOf(member.rtt_ms) : outermost + 12
    places.push({ member, x: centre + radius * Math.cos(angle), y: centre + radius * Math.sin(angle) })
  }
  const self = [...members.values()].find((member) => member.self)
  if (self !== undefined) places.push({ member: self, x: centre, y: centre })
  for (const { member, x, y } of places) {
    const extent = member.self ? 9 : dot
    context.globalAlpha = shown.has(member.id) ? 1 : 0.2
    context.fillStyle = context.strokeStyle = colour(member.status)
    context.lineWidth = 2
    context.beginPath()
    if (member.status === "suspect") {
      context.moveTo(x, y - extent * 1.4)
      context.lineTo(x + extent * 1.4, y)
      context.lineTo(x, y + extent * 1.4)
      context.lineTo(x - extent * 1.4, y)
      context.closePath()
    } else if (member.status === "dead") context.rect(x - extent, y - extent, 2 * extent, 2 * extent)
    else context.arc(x, y, extent, 0, 2 * Math.PI)
    if (member.status === "left") context.stroke()
    else context.fill()
    if (member.id === chosen) {
      context.strokeStyle = colour("text")
      context.beginPath()
      context.arc(x, y, extent + 5, 0, 2 * Math.PI)
      context.stroke()
    }
    if (others.length <= 12 || member.id === chosen) {
      context.fillStyle = colour("text")
      context.textAlign = x < 60 ? "left" : x > size - 60 ? "right" : "center"
      context.fillText(nameOf(member), x, Math.min(size - 4, y + extent + 13))
    }
    context.globalAlpha = 1
  }
  canvas.dataset.drawn = places.length
}

const nearest = ({ clientX, clientY }) => {
  const { left, top } = canvas.getBoundingClientRect()
  const distance = ({ x, y }) => Math.hypot(x - clientX + left, y - clientY + top)
  const [found] = places.toSorted((a, b) => distance(a) - distance(b))
  return found !== undefined && distance(found) < 18 ? found.member : undefined
}
canvas.addEventListener("click", (event) => {
  const member = nearest(event)
  if (member !== undefined) choose(member.id)
})
canvas.addEventListener("mousemove", (event) => {
  const member = nearest(event)
  canvas.title = member === undefined ? "" : nameOf(member) + ", " + member.status + ", " + milliseconds(member.rtt_ms)
})
`.trim()
