// TypeScript and C++ agree on the numbers of types and spaces, limits, orders of kinds, and attributes, although no
// compiler sees both.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Fields } from "#lib/graph/attribute_layout.js";
import { binaryKinds } from "#lib/ops/elementwise/binary.js";
import "#lib/ops/index.js";
import { activationNumber, unaryKinds } from "#lib/ops/elementwise/unary_kinds.js";
import { MAX_RANK } from "#lib/graph/operands.js";
import { SPACE } from "#lib/compile/plan.js";
import { DTYPE, ITEM_SIZE, opDefinitions } from "#lib/graph/tensor.js";
import { contracts } from "../../scripts/op_attributes.js";
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

/** The value of a constant of a source file, in C++ or TypeScript. */
function constant(path: string, name: string): number {
  const found = new RegExp(`\\b${name} = (\\d+)`).exec(read(path));
  assert.ok(found, `${path} has no constant ${name}`);
  return Number(found[1]);
}

test("element types have the same numbers", () => {
  assert.equal(enumeration("native/cpp/runtime/tensor.h", "DType"), DTYPE);
  assert.equal(Object.keys(ITEM_SIZE).sort(), Object.keys(DTYPE).sort());
});

test("spaces of operands have the same numbers", () => {
  assert.equal(enumeration("native/cpp/runtime/program.h", "Space"), { ...SPACE });
});

test("limits are equal", () => {
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

/** `gelu_tanh` is `kGeluTanh`. */
const enumerator = (kind: string) => `k${kind.replace(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase())}`;

test("kinds of unary and binary have the same order", () => {
  const numbered = (kinds: readonly string[]) => Object.fromEntries(kinds.map((kind, i) => [enumerator(kind), i]));
  assert.equal(enumeration("native/cpp/ops/elementwise/unary.h", "Activation"), {
    kIdentity: -1,
    ...numbered(unaryKinds),
  });
  assert.is(activationNumber("none"), -1);
  assert.equal(enumeration("native/cpp/ops/elementwise/binary.h", "BinaryKind"), numbered(binaryKinds));
});

test("the structs of attributes in C++ equal the layouts of the definitions (npm run ops:attributes)", () => {
  const ops = opDefinitions();
  const written = contracts(ops);
  for (const { path, text } of written) assert.is(read(path), text, path);
  const structs = written.flatMap(({ text }) => [...text.matchAll(/^struct (\w+)Attributes \{/gm)]);
  const layouts = [...ops.values()].flatMap((op) => op.layout ?? []);
  assert.is(structs.length, new Set(layouts).size, "every layout has one struct");
});

test("a changed layout is found", () => {
  const name = "layer_norm";
  const changed = new Map<string, { layout?: { fields: Fields } | undefined }>(opDefinitions());
  changed.set(name, { layout: { fields: { eps: "float", centred: "bool" } } });
  const differences = contracts(changed).filter(({ path, text }) => read(path) !== text);
  assert.equal(
    differences.map(({ path }) => basename(path)),
    [`${name}.h`],
  );
});

test("kernels read attributes only by name", () => {
  const files = readdirSync(join(root, "native"), { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.(h|cc|cu)$/.test(file) && !file.endsWith("attribute_reader.h"),
  );
  assert.ok(files.length > 200, `read ${files.length} files`);
  assert.equal(
    files.filter((file) => /\battrs\s*(\[|\+)/.test(read(join("native", file)))),
    [],
  );
});

test.run();
