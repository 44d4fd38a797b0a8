// docs/errors.md explains every code that lib/ throws, and no other code.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ERROR_CODES } from "#lib/base/error_codes.js";
import { errorDocs } from "../../scripts/error_docs.js";
import { nodes, parse, root, sources } from "../../scripts/lint/syntax.js";

const test = suite("error codes");
const CODE = /^ERR_[A-Z_]+$/;

interface Use {
  code: string;
  where: string;
  /** The class whose constructor receives the code, if the source shows it. */
  kind?: string;
}

/** The class that receives a literal: `new X("ERR_...")`, or `super("ERR_...")` inside of class X. */
function classOf(literal: ts.Node): string | undefined {
  const call = literal.parent;
  if (ts.isNewExpression(call) && call.arguments?.[0] === literal) return call.expression.getText();
  if (!ts.isCallExpression(call) || call.expression.kind !== ts.SyntaxKind.SuperKeyword) return undefined;
  let at: ts.Node = call;
  while (!ts.isClassDeclaration(at)) at = at.parent;
  return at.name?.text;
}

/** A comparison with a code does not throw it; the code may be one of Node's. */
const isCompared = ({ parent }: ts.Node) =>
  ts.isBinaryExpression(parent) &&
  [ts.SyntaxKind.EqualsEqualsEqualsToken, ts.SyntaxKind.ExclamationEqualsEqualsToken].includes(
    parent.operatorToken.kind,
  );

const trees = sources(join(root, "lib"))
  .filter((file) => file !== "error_codes.ts")
  .map((file) => ({ file, tree: parse(join(root, "lib", file)) }));

const uses = trees.flatMap(({ file, tree }) =>
  [...nodes(tree)].flatMap((node): Use[] => {
    if (!ts.isStringLiteralLike(node) || !CODE.test(node.text) || isCompared(node)) return [];
    return [{ code: node.text, where: `lib/${file}: ${node.text}`, kind: classOf(node) }];
  }),
);

test("every code that is thrown is in the table, and every code of the table is thrown", () => {
  assert.ok(uses.length > 80, `found ${uses.length} codes`);
  assert.equal(
    uses.filter(({ code }) => !(code in ERROR_CODES)).map(({ where }) => where),
    [],
    "not in lib/base/error_codes.ts",
  );
  const thrown = new Set(uses.map(({ code }) => code));
  assert.equal(
    Object.keys(ERROR_CODES).filter((code) => !thrown.has(code)),
    [],
    "codes that nothing throws",
  );
});

test("every code is thrown with the class that the table names", () => {
  const wrong = uses.filter(({ code, kind }) => kind && kind !== ERROR_CODES[code as keyof typeof ERROR_CODES].class);
  assert.equal(
    wrong.map(({ where, kind }) => `${where} with ${kind}`),
    [],
  );
});

test("lib throws no error without a code", () => {
  const plain = trees.flatMap(({ file, tree }) =>
    [...nodes(tree)]
      .filter(ts.isThrowStatement)
      .map(({ expression }) => expression)
      .filter(ts.isNewExpression)
      .map(({ expression }) => expression.getText())
      .filter((name) => ["Error", "TypeError", "RangeError", "SyntaxError"].includes(name))
      .map((name) => `lib/${file}: ${name}`),
  );
  assert.equal(plain, []);
});

test("docs/errors.md equals the table of codes", () => {
  assert.is(readFileSync(join(root, "docs/errors.md"), "utf8"), errorDocs(), "run: npm run docs:errors");
});

test.run();
