// What TypeScript and C++ must agree on without a compiler that sees both: numbers of types and spaces, limits, orders of kinds.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { binaryKinds } from "../../dist/ops/elementwise/binary.js";
import { unaryKinds } from "../../dist/ops/elementwise/unary_kinds.js";
import { MAX_RANK } from "../../dist/graph/operands.js";
import { SPACE } from "../../dist/compile/plan.js";
import { DTYPE, ITEM_SIZE } from "../../dist/graph/tensor.js";
import { root } from "../../scripts/lint/syntax.js";

const test = suite("native agreement");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The names and numbers of an enumeration of C++. */
function enumeration(path: string, name: string): Record<string, number> {
  const body = new RegExp(`enum(?: class)? ${name} : int \\{([^}]*)\\}`).exec(read(path));
  assert.ok(body, `${path} has no enum ${name}`);
  const entries = [...body[1].matchAll(/(\w+) = (-?\d+)/g)].map(([, key, value]) => [key, Number(value)]);
  return Object.fromEntries(entries) as Record<string, number>;
}

/** The number that a constant of a source file has, in C++ or TypeScript. */
function constant(path: string, name: string): number {
  const found = new RegExp(`\\b${name} = (\\d+)`).exec(read(path));
  assert.ok(found, `${path} has no constant ${name}`);
  return Number(found[1]);
}

test("element types", () => {
  assert.equal(enumeration("native/cpp/runtime/tensor.h", "DType"), DTYPE);
  assert.equal(Object.keys(ITEM_SIZE).sort(), Object.keys(DTYPE).sort());
});

test("spaces of operands", () => {
  assert.equal(enumeration("native/cpp/runtime/program.h", "Space"), { ...SPACE });
});

test("limits", () => {
  assert.is(constant("native/cpp/runtime/tensor.h", "kMaxRank"), MAX_RANK);
  const outputs = constant("lib/compile/passes/merge_pointwise.ts", "MAX_OUTPUTS");
  assert.is(constant("native/cpp/cpu/conv/implicit_gemm.h", "kMaxSplits"), outputs);
  for (const [native, ours] of [
    ["kSumPositions", "POSITIONS"],
    ["kSumLines", "LINES"],
  ])
    assert.is(
      constant("native/cpp/ops/conv/conv3d_sums.h", native),
      constant("lib/ops/conv/conv3d_sums.ts", ours),
      ours,
    );
});

test("kinds of unary and binary", () => {
  const list = [
    ...read("native/cpp/ops/elementwise/unary.h").matchAll(
      /(\d) (relu|sigmoid|tanh|gelu_tanh|gelu|swish|exp|softplus)\b/g,
    ),
  ];
  assert.equal(
    list.map(([, at, kind]) => [Number(at), kind]),
    unaryKinds.map((kind, at) => [at, kind]),
  );
  const { kIdentity, ...activations } = enumeration("native/cuda/elementwise/activation.h", "Activation");
  assert.is(kIdentity, -1);
  const names = unaryKinds.map((kind) => `k${kind.replace(/(^|_)(.)/g, (_, __, letter) => letter.toUpperCase())}`);
  assert.equal(activations, Object.fromEntries(names.map((name, at) => [name, at])));
  const kinds = /kind: (.*)$/m.exec(read("native/cpp/ops/elementwise/binary.h"))![1];
  assert.is(kinds, binaryKinds.map((kind, at) => `${at} ${kind}`).join(", "));
});

test.run();
