// Every command is interrupted in the same way: one module listens for signals of the system.
import { join } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodes, parse, root, sources } from "../../scripts/lint/syntax.js";

const test = suite("interrupt");

/** Whether a node is a call such as `.on("SIGINT", ...)`. */
const listens = (node: ts.Node): boolean =>
  ts.isCallExpression(node) &&
  ts.isPropertyAccessExpression(node.expression) &&
  /^(on|once|addListener|prependListener|prependOnceListener)$/.test(node.expression.name.text) &&
  node.arguments.length > 0 &&
  ts.isStringLiteralLike(node.arguments[0]) &&
  /^SIG[A-Z]+$/.test(node.arguments[0].text);

test("only lib/cli/interrupt.ts listens for signals", () => {
  const files = sources(join(root, "lib")).filter((file) => [...nodes(parse(join(root, "lib", file)))].some(listens));
  assert.equal(files, [join("cli", "interrupt.ts")]);
});

test.run();
