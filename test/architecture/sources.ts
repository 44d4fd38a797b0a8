// Syntax trees of the sources in lib/, for tests of rules about calls and imports.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { nodes, parseSource, sources } from "../../scripts/lint/syntax.js";

let trees: ts.SourceFile[] | undefined;

/** Every source of lib/; its name is the path from there, with `/` between folders. */
export function librarySources(): readonly ts.SourceFile[] {
  return (trees ??= sources("lib").map((name) =>
    parseSource(name.replaceAll("\\", "/"), readFileSync(join("lib", name), "utf8")),
  ));
}

/** Calls in a source with the name of the function (the last one of `a.b.c()`). */
export function* callsOf(source: ts.SourceFile): Generator<{ name: string; call: ts.CallExpression }> {
  for (const node of nodes(source)) {
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
