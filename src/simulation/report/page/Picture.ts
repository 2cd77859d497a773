/** The part of the page's script that paints the verdicts on nodes: see `Script.ts`. */
export const picture = String.raw`
// --- nodes by time -------------------------------------------------------------------------------

/** The order of nodes from top to bottom, and the row of each node. Rows count from 1. */
let order = nodes.map((_, i) => i)
const rowOf = new Int32Array(nodes.length)
const arrange = (worstFirst) => {
  order = nodes.map((_, i) => i)
  if (worstFirst) {
    const worst = shades.length - 1
    const badness = nodes.map(
      ({ lives, ranks }) =>
        ranks.reduce((sum, rank) => sum + Math.max(0, rank - worst + 3), 0) + (lives.length > 1 ? 0.5 : 0)
    )
    order.sort((a, b) => badness[b] - badness[a] || a - b)
  }
  order.forEach((node, i) => (rowOf[node] = i + 1))
}

/** A sample represents the time around it, half way to its neighbours. */
const edges = times.map((at, i) =>
  i > 0 ? (times[i - 1] + at) / 2 : Math.max(0, at - ((times[1] ?? 3 * at) - at) / 2)
)
if (times.length > 0) edges.push(end)
const sampleAt = (ms) => {
  if (!(ms >= edges[0] && ms <= edges.at(-1))) return -1
  let [low, high] = [0, times.length]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (edges[middle] <= ms) low = middle
    else high = middle
  }
  return low
}

/**
 * Paints verdicts pixel by pixel: thousands of nodes would need a million rectangles, which are blurred where they are
 * thinner than a pixel. Where several nodes or samples share a pixel, the most severe is shown.
 */
const paint = (width, height, fromTime, toTime, fromRow, toRow) => {
  const canvas = document.createElement("canvas")
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext("2d")
  const image = context.createImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  const colours = shades.map(({ dark, light }) => {
    const rgb = Number.parseInt((darkness.matches ? dark : light).slice(1), 16)
    return (0xff000000 | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0
  })

  /** The first and the last sample of each column of pixels. */
  const columns = Array.from({ length: width }, (_, x) => {
    const at = (pixel) => fromTime + ((toTime - fromTime) * pixel) / width
    const middle = sampleAt(at(x + 0.5))
    if (middle < 0) return [0, -1]
    let [first, last] = [middle, middle]
    while (first > 0 && times[first - 1] >= at(x)) first--
    while (last + 1 < times.length && times[last + 1] < at(x + 1)) last++
    return [first, last]
  })
  const rowAt = (pixel) => fromRow + ((toRow - fromRow) * pixel) / height
  const clamp = (row) => Math.min(nodes.length, Math.max(1, row))
  const span = (y) => {
    const middle = Math.round(rowAt(y + 0.5))
    return [clamp(Math.min(middle, Math.ceil(rowAt(y)))), clamp(Math.max(middle, Math.ceil(rowAt(y + 1)) - 1))]
  }
  const parted = height / (toRow - fromRow) >= 7 * devicePixelRatio
  const worst = new Uint8Array(times.length)
  let before = [-1, -1]
  for (let y = 0; y < height; y++) {
    const [first, last] = span(y)
    const next = span(y + 1)
    if (parted && next[0] !== first && y + 1 < height) continue
    const line = y * width
    if (first === before[0] && last === before[1]) {
      pixels.copyWithin(line, line - width, line)
      continue
    }
    before = [first, last]
    worst.fill(0)
    for (let row = first; row <= last; row++) {
      const { ranks } = nodes[order[row - 1]]
      for (let i = 0; i < worst.length; i++) if (ranks[i] > worst[i]) worst[i] = ranks[i]
    }
    for (let x = 0; x < width; x++) {
      const [from, to] = columns[x]
      if (to < from) continue
      let rank = 0
      for (let i = from; i <= to; i++) if (worst[i] > rank) rank = worst[i]
      pixels[line + x] = colours[rank]
    }
  }
  context.putImageData(image, 0, 0)
  return canvas
}
`.trim()
