import { NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import * as Runner from "./Runner.ts"

const [port = "7953", database = "", ...peers] = process.argv.slice(2)

NodeRuntime.runMain(Layer.launch(Runner.layer(Number(port), peers, database)))
