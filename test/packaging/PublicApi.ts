/** Reads the public symbols of the package from its sources: their documentation, and what their signatures name. */
import { readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { parseAst } from "vitest/node"

interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && "start" in value

const nodeAt = (node: Node | undefined, field: string): Node | undefined => {
  const value = node?.[field]
  return isNode(value) ? value : undefined
}

const nodesAt = (node: Node | undefined, field: string): ReadonlyArray<Node> => {
  const value = node?.[field]
  return Array.isArray(value) ? value.filter(isNode) : []
}

const textAt = (node: Node | undefined, field: string): string => {
  const value = node?.[field]
  return typeof value === "string" ? value : ""
}

/** A name of a file: in it, or in the file that it is imported from. */
interface Origin {
  readonly file: string
  /** The name there; "*" is the whole module. */
  readonly name: string
}

/** A declaration at the top of a file. */
interface Declaration {
  readonly name: string
  readonly exported: boolean
  readonly node: Node
  /** Where its statement begins. */
  readonly start: number
}

interface Module {
  readonly file: string
  readonly source: string
  readonly declarations: ReadonlyArray<Declaration>
  readonly imports: ReadonlyMap<string, Origin>
  /** What it exports of other files, by the name that it has here. */
  readonly reexports: ReadonlyMap<string, Origin>
}

const root = join(import.meta.dirname, "../..")

const declared = (statement: Node): ReadonlyArray<readonly [string, Node]> => {
  if (statement.type === "VariableDeclaration") {
    return nodesAt(statement, "declarations").map((node) => [textAt(nodeAt(node, "id"), "name"), node])
  }
  const name = textAt(nodeAt(statement, "id"), "name")
  return name === "" ? [] : [[name, statement]]
}

const modules = new Map<string, Module>()

/** The module at a path from the root. */
const moduleAt = (file: string): Module => {
  const known = modules.get(file)
  if (known !== undefined) return known
  const source = readFileSync(join(root, file), "utf8")
  const program: unknown = parseAst(source, { lang: "ts" })
  const declarations: Array<Declaration> = []
  const imports = new Map<string, Origin>()
  const reexports = new Map<string, Origin>()
  const fileOf = (node: Node): string => {
    const specifier = textAt(nodeAt(node, "source"), "value")
    return specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier) : specifier
  }
  for (const statement of nodesAt(isNode(program) ? program : undefined, "body")) {
    if (statement.type === "ImportDeclaration") {
      for (const specifier of nodesAt(statement, "specifiers")) {
        const local = textAt(nodeAt(specifier, "local"), "name")
        const whole = specifier.type === "ImportNamespaceSpecifier"
        const name = whole ? "*" : textAt(nodeAt(specifier, "imported"), "name")
        imports.set(local, { file: fileOf(statement), name })
      }
    } else if (statement.type === "ExportAllDeclaration") {
      reexports.set(textAt(nodeAt(statement, "exported"), "name"), { file: fileOf(statement), name: "*" })
    } else if (statement.type === "ExportNamedDeclaration") {
      const inner = nodeAt(statement, "declaration")
      for (const [name, node] of inner === undefined ? [] : declared(inner)) {
        declarations.push({ name, exported: true, node, start: statement.start })
      }
      for (const specifier of nodesAt(statement, "specifiers")) {
        const local = textAt(nodeAt(specifier, "local"), "name")
        const exported = textAt(nodeAt(specifier, "exported"), "name")
        reexports.set(exported, {
          file: nodeAt(statement, "source") === undefined ? file : fileOf(statement),
          name: local
        })
      }
    } else {
      for (const [name, node] of declared(statement)) {
        declarations.push({ name, exported: false, node, start: statement.start })
      }
    }
  }
  const module = { file, source, declarations, imports, reexports }
  modules.set(file, module)
  return module
}

/** A symbol that users of the package can name. */
export interface PublicSymbol {
  readonly file: string
  readonly name: string
  readonly line: number
  /** The text of the comment in front of it; "" if there is none. */
  readonly comment: string
  /** Names in its signature that users cannot name. */
  readonly unnameable: ReadonlyArray<string>
}

const entryFiles = [
  "src/index.ts",
  "src/testing.ts",
  "src/node/index.ts",
  "src/admin/index.ts",
  "src/effect-cluster/index.ts"
]
const extraModules = ["src/node/NodeAdmin.ts"]

/** Follows re-exports to where a name is declared. */
const originOf = (file: string, name: string): Origin => {
  const { reexports } = moduleAt(file)
  const next = reexports.get(name)
  return next === undefined || (next.file === file && next.name === name)
    ? { file, name }
    : originOf(next.file, next.name)
}

const exportsOf = (file: string): ReadonlyArray<Origin> => {
  const { declarations, reexports } = moduleAt(file)
  const own = declarations.filter(({ exported }) => exported).map(({ name }) => ({ file, name }))
  const others = [...reexports.values()].flatMap((origin) =>
    origin.name === "*" ? exportsOf(origin.file) : [originOf(origin.file, origin.name)]
  )
  return [...own, ...others]
}

const keyOf = ({ file, name }: Origin): string => `${file} ${name}`

const commentBefore = (source: string, start: number): string => {
  const before = source.slice(0, start).trimEnd()
  if (!before.endsWith("*/")) return ""
  return before.slice(before.lastIndexOf("/*"))
}

/** Type names in the signature of a declaration: not in the bodies of functions, nor in private members. */
const namesIn = (declaration: Node): ReadonlyArray<string> => {
  const names: Array<string> = []
  const parameters: Array<ReadonlySet<string>> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item)
      return
    }
    if (!isNode(value)) return
    const own = new Set(
      nodesAt(nodeAt(value, "typeParameters"), "params").map((parameter) => textAt(nodeAt(parameter, "name"), "name"))
    )
    if (value.type === "TSMappedType") own.add(textAt(nodeAt(value, "key"), "name"))
    if (value.type === "TSInferType")
      parameters.push(new Set([textAt(nodeAt(nodeAt(value, "typeParameter"), "name"), "name")]))
    parameters.push(own)
    switch (value.type) {
      case "TSTypeReference": {
        const name = nodeAt(value, "typeName")
        const text =
          name?.type === "TSQualifiedName"
            ? `${textAt(nodeAt(name, "left"), "name")}.${textAt(nodeAt(name, "right"), "name")}`
            : textAt(name, "name")
        if (!parameters.some((set) => set.has(text))) names.push(text)
        visit(value["typeArguments"])
        break
      }
      case "TSExpressionWithTypeArguments":
      case "TSInterfaceHeritage": {
        const name = textAt(nodeAt(value, "expression"), "name")
        if (name !== "" && !parameters.some((set) => set.has(name))) names.push(name)
        visit(value["typeArguments"])
        break
      }
      case "VariableDeclarator": {
        const annotation = nodeAt(nodeAt(value, "id"), "typeAnnotation")
        visit(annotation ?? value["init"])
        break
      }
      case "ArrowFunctionExpression":
      case "FunctionExpression":
      case "FunctionDeclaration":
      case "TSDeclareFunction":
        visit(value["params"])
        visit(value["returnType"])
        break
      case "BlockStatement":
        break
      case "MethodDefinition":
      case "PropertyDefinition":
        if (nodeAt(value, "key")?.type === "PrivateIdentifier" || value["accessibility"] === "private") break
        visit(value["typeAnnotation"])
        if (value.type === "MethodDefinition") visit(value["value"])
        break
      default:
        Object.values(value).forEach(visit)
    }
    parameters.pop()
  }
  visit(declaration)
  return [...new Set(names)]
}

/** Every symbol that users of the package can name. */
export const publicSymbols = (): ReadonlyArray<PublicSymbol> => {
  const origins = new Map<string, Origin>()
  for (const file of [...entryFiles, ...extraModules]) {
    for (const origin of exportsOf(file)) origins.set(keyOf(origin), origin)
  }
  const nameable = (module: Module, text: string): boolean => {
    const [first = "", second] = text.split(".")
    const imported = module.imports.get(first)
    if (imported === undefined) {
      const local = module.declarations.find(({ name }) => name === first)
      if (local === undefined || origins.has(keyOf({ file: module.file, name: first }))) return true
      // An alias is another way to write its type, which users can write too.
      return local.node.type === "TSTypeAliasDeclaration" && namesIn(local.node).every((name) => nameable(module, name))
    }
    if (!imported.file.startsWith("src/")) return true
    const origin = originOf(imported.file, imported.name === "*" ? (second ?? "*") : imported.name)
    return origins.has(keyOf(origin))
  }
  return [...origins.values()].flatMap(({ file, name }) => {
    const module = moduleAt(file)
    return module.declarations
      .filter((declaration) => declaration.name === name && declaration.exported)
      .map(({ node, start }) => ({
        file,
        name,
        line: module.source.slice(0, start).split("\n").length,
        comment: commentBefore(module.source, start),
        unnameable: namesIn(node).filter((text) => !nameable(module, text))
      }))
  })
}

const summaryOf = (comment: string): string =>
  comment
    .split("\n")
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*)\s?/, "").trim())
    .find((line) => line !== "" && line !== "/") ?? ""

/** What is wrong with the documentation of a public symbol, or with its signature. */
export const faultsOf = ({ comment, unnameable }: PublicSymbol): ReadonlyArray<string> => {
  const names = unnameable.map((name) => `its signature names ${name}, which is not exported`)
  if (!comment.startsWith("/**")) return [...names, "it has no documentation"]
  return [
    ...names,
    ...(/^[A-Z`]/.test(summaryOf(comment)) ? [] : ["its documentation does not begin with a sentence"]),
    ...(/^ \* @since \d+\.\d+\.\d+$/m.test(comment) ? [] : ["it has no @since"]),
    ...(/^ \* @category \S/m.test(comment) ? [] : ["it has no @category"])
  ]
}
