// Syntax trees of the sources in lib/, for tests of what may be called where.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

let sources: ts.SourceFile[] | undefined;

/** Every source of lib/ with its path from there, `/` between folders. */
export function librarySources(): readonly ts.SourceFile[] {
  return (sources ??= readdirSync("lib", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .sort()
    .map((name) => parseSource(name.replaceAll("\\", "/"), readFileSync(join("lib", name), "utf8"))));
}

/** The syntax tree of a source. */
export const parseSource = (name: string, text: string): ts.SourceFile =>
  ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true);

/** Every node of a tree. */
function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  node.forEachChild((child) => void children.push(child));
  for (const child of children) yield* nodesOf(child);
}

/** Calls in a source: the name of what is called (the last one of `a.b.c()`) and the call. */
export function* callsOf(source: ts.SourceFile): Generator<{ name: string; call: ts.CallExpression }> {
  for (const node of nodesOf(source)) {
    if (!ts.isCallExpression(node)) continue;
    const { expression } = node;
    if (ts.isIdentifier(expression)) yield { name: expression.text, call: node };
    if (ts.isPropertyAccessExpression(expression)) yield { name: expression.name.text, call: node };
  }
}

/** Names that a source imports from a module, as the module calls them; `*` for all of it. */
export function importsOf(source: ts.SourceFile, module: RegExp): string[] {
  return source.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    if (!module.test((statement.moduleSpecifier as ts.StringLiteral).text)) return [];
    const { name: whole, namedBindings: bindings } = statement.importClause ?? {};
    if (whole || (bindings && ts.isNamespaceImport(bindings))) return ["*"];
    const elements = (bindings as ts.NamedImports | undefined)?.elements ?? [];
    return elements.map(({ name, propertyName }) => (propertyName ?? name).text);
  });
}
