// The definition of an op has all facts about it: no other file of lib/ lists ops or compares the name of an op.
import { join } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "#lib/ops/index.js";
import { opDefinitions } from "#lib/graph/tensor.js";
import { nodes, parse, root, sources } from "../../scripts/lint/syntax.js";

const test = suite("op facts");
const names: ReadonlySet<string> = new Set(opDefinitions().keys());

/** Names that a file imports from the folder of ops. */
function definitionsIn(file: ts.SourceFile): Set<string> {
  const found = new Set<string>();
  for (const node of file.statements) {
    if (
      !ts.isImportDeclaration(node) ||
      !/graph\/ops\/|^\.\.?\/ops\//.test((node.moduleSpecifier as ts.StringLiteral).text)
    )
      continue;
    const bindings = node.importClause?.namedBindings;
    if (!bindings || !ts.isNamedImports(bindings)) continue;
    for (const { name, propertyName } of bindings.elements) {
      const op = (propertyName ?? name).text.replace(/[A-Z]|(?<=[a-z])(?=\d)/g, (c) =>
        /[A-Z]/.test(c) ? `_${c.toLowerCase()}` : c,
      );
      if (names.has(op)) found.add(name.text);
    }
  }
  return found;
}

const isOpName = (node: ts.Node): boolean => ts.isStringLiteral(node) && names.has(node.text);

/** Lists of two or more ops, by name or by definition, and comparisons with an op's name. */
function faults(file: ts.SourceFile): string[] {
  const definitions = definitionsIn(file);
  const isOp = (node: ts.Node): boolean =>
    isOpName(node) ||
    (ts.isIdentifier(node) && definitions.has(node.text)) ||
    (ts.isAsExpression(node) && isOp(node.expression));
  const found: string[] = [];
  for (const node of nodes(file)) {
    const list = ts.isArrayLiteralExpression(node)
      ? node.elements.map((each) =>
          ts.isArrayLiteralExpression(each) && each.elements.length > 0 ? each.elements[0] : each,
        )
      : ts.isObjectLiteralExpression(node)
        ? node.properties.flatMap((each) => (each.name && ts.isStringLiteral(each.name) ? [each.name] : []))
        : [];
    const isOfOps = list.length > 1 && list.every(isOp);
    const asksName =
      ts.isBinaryExpression(node) &&
      /^[!=]==?$/.test(node.operatorToken.getText()) &&
      [node.left, node.right].some(isOpName) &&
      [node.left, node.right].some((side) => /\bop(\.name)?$/.test(side.getText()));
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    if (isOfOps || asksName) found.push(`${line + 1}: ${node.getText().slice(0, 80)}`);
  }
  return found;
}

test("no file outside of lib/ops lists ops or compares the name of an op", () => {
  const lib = join(root, "lib");
  const files = sources(lib).filter((file) => !file.startsWith("ops/"));
  assert.ok(files.length > 250, `read ${files.length} files`);
  const found = files.flatMap((file) => faults(parse(join(lib, file))).map((fault) => `${file}:${fault}`));
  assert.equal(found, []);
});

test("such a list is found", () => {
  const text = `
    import { conv3d, linear as dense } from "../ops/index.js";
    const SLOW = new Set(["conv3d", "linear"]);
    const SLOTS: Record<string, number[]> = { "layer_norm": [0], "attention": [1] };
    const BOTH = [conv3d, dense as never];
    const MAP = new Map([["conv3d", 1], ["matmul", 2]]);
    if (node.op.name === "reshape") skip();
    const fine = ["x", "y"];
  `;
  const file = ts.createSourceFile("made.ts", text, ts.ScriptTarget.Latest, true);
  assert.equal(
    faults(file).map((fault) => Number(fault.split(":")[0])),
    [3, 4, 5, 6, 7],
  );
});

test.run();
