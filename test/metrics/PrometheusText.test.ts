import { describe, expect, it } from "vitest"
import { parse, valuesOf } from "./PrometheusText.ts"

describe("the reader of Prometheus' text that tests use", () => {
  it("reads correct text", () => {
    const text = `# HELP a A.\n# TYPE a counter\na{x="1\\"\\\\\\n",y="2"} 1\na 2.5e3\n# HELP b B.\n# TYPE b gauge\nb -Inf\n`
    expect(parse(text).get("a")?.samples[0]?.labels).toEqual({ x: `1"\\\n`, y: "2" })
    expect([...valuesOf(text).values()]).toEqual([1, 2500, -Infinity])
  })

  const histogram = (lines: string) => `# HELP h H.\n# TYPE h histogram\n${lines}`

  it.each([
    `a 1\n`,
    `# HELP a A.\na 1\n`,
    `# TYPE a counter\na 1\n`,
    `# HELP a A.\n# TYPE a counter\na 1`,
    `# HELP a A.\n# TYPE a counter\n`,
    `# HELP a A.\n# TYPE a number\na 1\n`,
    `# HELP a A.\n# TYPE a counter\na -1\n`,
    `# HELP a A.\n# TYPE a counter\na one\n`,
    `# HELP a A.\n# TYPE a counter\na 1\na 2\n`,
    `# HELP a A.\n# TYPE a counter\na{x="1",} 1\n`,
    `# HELP a A.\n# TYPE a counter\na{x="1",x="2"} 1\n`,
    `# HELP a A.\n# TYPE a counter\na{x="\\t"} 1\n`,
    `# HELP a A.\n# TYPE a counter\nb 1\n`,
    `# HELP a A.\n# TYPE a counter\na 1\n# HELP a A.\n# TYPE a counter\na 1\n`,
    `# HELP a A.\n# TYPE a counter\na 1\n\n`,
    histogram(`h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`),
    histogram(`h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`),
    histogram(`h_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`),
    histogram(`h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`),
    histogram(`h_bucket{le="+Inf"} 1\nh_count 1\n`)
  ])("refuses %j", (text) => {
    expect(() => parse(text)).toThrow(": ")
  })
})
