// The root door has few names, and every type in a public signature can be imported.
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("doors");
const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, string | { types: string; default: string }>;
};
const doors = Object.entries(exports).flatMap(([name, entry]) =>
  typeof entry === "object" ? [{ name, types: join(root, entry.types), module: join(root, entry.default) }] : [],
);

test("the root has at most 62 names", async () => {
  const names = Object.keys((await import(pathToFileURL(join(root, "dist/index.js")).href)) as object);
  assert.ok(names.length <= 62, `${names.length} names: ${names.join(" ")}`);
});

test("every subpath opens", async () => {
  for (const { name, module } of doors) {
    const names = Object.keys((await import(pathToFileURL(module).href)) as object);
    assert.ok(names.length > 0, `${name} exports nothing`);
  }
});

/** Whether a declaration or member is marked `@internal`, or is private. */
function hidden(node: ts.Node): boolean {
  if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) {
    return true;
  }
  if (ts.isClassElement(node) && node.name && ts.isPrivateIdentifier(node.name)) return true;
  return ts.getJSDocTags(node).some((tag) => tag.tagName.text === "internal");
}

/** Types of this package that the public declarations of the doors name, but no door exports. */
function unexportedTypes(): string[] {
  const program = ts.createProgram(
    doors.map(({ types }) => types),
    { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, skipLibCheck: true },
  );
  const checker = program.getTypeChecker();
  const resolved = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = new Set<ts.Symbol>();
  const add = (symbol: ts.Symbol) => {
    const target = resolved(symbol);
    if (exported.has(target)) return;
    exported.add(target);
    // `export * as name`: the content of the namespace can be imported too
    if (target.flags & ts.SymbolFlags.ValueModule) for (const inner of checker.getExportsOfModule(target)) add(inner);
  };
  for (const { types } of doors) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(types)!)!;
    for (const symbol of checker.getExportsOfModule(module)) add(symbol);
  }
  const missing = new Set<string>();
  const ours = (file: string) => file.startsWith(join(root, "dist"));
  const visit = (node: ts.Node, within: string): void => {
    if (hidden(node)) return;
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : ts.isImportTypeNode(node)
          ? node.qualifier
          : undefined;
    const symbol = name && checker.getSymbolAtLocation(name);
    if (symbol) {
      const target = resolved(symbol);
      const declaration = target.declarations?.[0];
      const file = declaration?.getSourceFile().fileName;
      const parameter = declaration && ts.isTypeParameterDeclaration(declaration);
      if (file && ours(file) && !parameter && !exported.has(target) && !hidden(declaration!)) {
        missing.add(`${target.name} (${relative(root, file)}), in ${within}`);
      }
    }
    ts.forEachChild(node, (child) => visit(child, within));
  };
  for (const symbol of exported) {
    for (const declaration of symbol.declarations ?? []) {
      if (ours(declaration.getSourceFile().fileName) && !ts.isSourceFile(declaration)) visit(declaration, symbol.name);
    }
  }
  return [...missing].sort();
}

test("every type in a public signature is exported by a door", () => {
  const missing = unexportedTypes();
  assert.is(missing.length, 0, `${missing.length} types cannot be imported:\n${missing.join("\n")}`);
});

test.run();
