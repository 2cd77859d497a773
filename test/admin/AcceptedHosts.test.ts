import { describe, expect, it } from "vitest"
import { AcceptedHosts, type Headers } from "../../src/admin/AcceptedHosts.ts"

const headers = (some: Partial<Headers>): Headers => ({
  host: undefined,
  origin: undefined,
  site: undefined,
  mode: undefined,
  ...some
})

describe("accepted names", () => {
  const hosts = new AcceptedHosts(["Web-1.example.com", ".lan.example"])

  it.each([
    "localhost",
    "LOCALHOST:9100",
    "a.localhost:1",
    "127.0.0.1",
    "127.8.9.1:9100",
    "10.0.0.5:9100",
    "[::1]",
    "[fd00::5]:9100",
    "web-1.example.com",
    "WEB-1.example.com.:9100",
    "lan.example",
    "a.b.lan.example:80"
  ])("%s is one", (host) => {
    expect(hosts.refuses(headers({ host }))).toBeUndefined()
  })

  it.each([
    "evil.example",
    "evil.example:9100",
    "web-2.example.com",
    "x.web-1.example.com",
    "notlan.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1:9100@evil.example",
    "[::1].evil.example",
    "notlocalhost",
    ""
  ])("%j is none", (host) => {
    expect(hosts.refuses(headers({ host }))).toBe("Host")
  })

  it("are all names where the list says so", () => {
    expect(new AcceptedHosts(["*"]).refuses(headers({ host: "evil.example" }))).toBeUndefined()
  })
})

describe("the origin of a page", () => {
  const hosts = new AcceptedHosts(["nodes.example"])

  it.each([
    ["http://127.0.0.1:9100", "127.0.0.1:9100"],
    ["http://localhost", "localhost:80"],
    ["https://[fd00::5]", "[fd00::5]"],
    // A proxy that changes the header.
    ["https://nodes.example", "127.0.0.1:9100"]
  ])("%s may ask %s", (origin, host) => {
    expect(hosts.refuses(headers({ origin, host }))).toBeUndefined()
  })

  it.each([
    ["http://evil.example", "127.0.0.1:9100"],
    ["http://localhost:8080", "localhost:9100"],
    ["http://127.0.0.1:9100", "localhost:9100"],
    ["http://127.0.0.1", "127.0.0.1:9100"],
    ["null", "127.0.0.1:9100"],
    ["", "127.0.0.1:9100"],
    ["file://", "127.0.0.1:9100"]
  ])("%s may not ask %s", (origin, host) => {
    expect(hosts.refuses(headers({ origin, host }))).toBe("Origin")
  })

  it("is not trusted because every name is accepted", () => {
    const all = new AcceptedHosts(["*"])
    expect(all.refuses(headers({ origin: "http://evil.example", host: "127.0.0.1" }))).toBe("Origin")
  })

  it("may link to the node, and not load anything else of it", () => {
    const host = "127.0.0.1:9100"
    expect(hosts.refuses(headers({ host, site: "cross-site", mode: "navigate" }))).toBeUndefined()
    expect(hosts.refuses(headers({ host, site: "cross-site", mode: "no-cors" }))).toBe("Origin")
    expect(hosts.refuses(headers({ host, site: "same-site", mode: "cors" }))).toBe("Origin")
    for (const site of ["same-origin", "none"]) {
      expect(hosts.refuses(headers({ host, site, mode: "cors" }))).toBeUndefined()
    }
  })
})
