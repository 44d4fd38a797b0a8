// Every op has an ONNX form (or a reason for having none) with standard operators, and onnxruntime agrees with the
// float64 reference in every case of the shape table.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as definitions from "#lib/ops/index.js";
import { casesOf } from "../ops/cases/index.js";
import type { CaseInput } from "../ops/cases/case_table.js";
import { elements, type OpDefinition, opDefinitions, type Tensor } from "#lib/graph/tensor.js";
import { applyOp, input, parameter, trace } from "#lib/graph/trace.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { toOnnx } from "#lib/onnx/to_onnx.js";
import { makeInput } from "../ops/case_input.js";
import { missing, runPeer } from "./peer.js";
import { relativeL2 } from "../support/numbers.js";
import { floats, readOnnx } from "./read_onnx.js";

const test = suite("onnx ops");
const only = process.env.VIDEOCLIP_OPS?.split(",");
const LIMIT = 1e-6;

type AnyOp = OpDefinition<Record<string, unknown>>;
const all = [...opDefinitions().values()] as unknown as AnyOp[];

const none = () => {
  throw new Error("there are no parameters");
};

test("every op has an ONNX form or a reason why not", () => {
  for (const { name, toOnnx: write, notInOnnx } of all) {
    assert.ok((write === undefined) !== (notInOnnx === undefined), `${name}: toOnnx or notInOnnx`);
    assert.ok(write || notInOnnx!.length > 20, `${name}: a reason in words`);
  }
});

test("ops over parameters alone are replaced by their results", () => {
  const weights = (key: string, shape: readonly number[]) => hashValues("onnx/", key, elements(shape)).map(Math.abs);
  const keys = ["w", "weight", "variance"];
  const build = () => {
    const [w, weight, variance] = keys.map((key) => parameter(key, key === "w" ? [7, 5, 1, 3, 3] : [7]));
    return { y: applyOp(definitions.foldConvWeight, [w, weight, variance], { eps: 1e-3 })[0] };
  };
  const model = readOnnx(toOnnx(trace(build), weights).toBytes());
  assert.equal(
    model.nodes.map(({ type }) => type),
    ["Identity"],
  );
  const [stored] = model.tensors;
  assert.is(stored.name, "w/fold_conv_weight");
  const [w, weight, variance] = keys.map((key, i) => weights(key, i === 0 ? [7, 5, 1, 3, 3] : [7]));
  const expected = Float32Array.from(w, (v, i) => {
    const o = Math.floor(i / 45);
    return v * (weight[o] / Math.sqrt(variance[o] + 1e-3)); // in float64, rounded once
  });
  assert.equal(floats(stored), expected);
});

/** The op alone, or after a relu and a permute: on values that are known to be >= 0 and are channels-first. */
function model(op: AnyOp, inputs: (CaseInput | null)[], attrs: Record<string, unknown>, behind: boolean) {
  const graph = trace(() => {
    const tensors = inputs.map((rule, i): Tensor | null => {
      if (!rule) return null;
      const { shape, dtype } = rule;
      if (!behind || shape.length !== 5 || dtype) return input(`x${i}`, shape, dtype);
      const [N, T, H, W, C] = shape;
      const first = input(`x${i}`, [N, C, T, H, W]);
      const [last] = applyOp(definitions.permute, [first], { order: [0, 2, 3, 4, 1] });
      return applyOp(definitions.unary, [last], { kind: "relu" })[0];
    });
    return Object.fromEntries(applyOp(op, tensors, attrs).map((y, i) => [`y${i}`, y]));
  });
  return toOnnx(graph, none, { fold: false });
}

/** Converts channels-last to channels-first. */
function channelsFirst({ shape: [N, T, H, W, C], data }: { shape: readonly number[]; data: Float32Array }) {
  const P = T * H * W;
  const out = Float32Array.from(
    { length: data.length },
    (_, i) => data[(Math.floor(i / (C * P)) * P + (i % P)) * C + (Math.floor(i / P) % C)],
  );
  return { shape: [N, C, T, H, W], data: out };
}

const writable = all.filter((op) => op.toOnnx && (!only || only.includes(op.name)));

if (missing) {
  console.log(`SKIP: op cases through onnxruntime: ${missing}`);
  test.skip("cases through onnxruntime", () => {});
} else {
  for (const op of writable) {
    for (const row of casesOf(op)) {
      if (row.attrs.dtype !== undefined) continue; // exported graphs are f32 throughout
      test(`${op.name}: ${row.name}: onnxruntime equals the reference`, async () => {
        const inputs = row.inputs.map((rule, i) => rule && makeInput(rule, `onnx/${op.name}/${row.name}/${i}`));
        for (const behind of [false, true]) {
          const relu = (x: (typeof inputs)[number], v: number) =>
            behind && x!.shape.length === 5 && x!.data instanceof Float32Array ? Math.max(0, v) : v;
          const expected = op.reference(
            inputs.map((x) => x && { shape: x.shape, data: x.values.map((v) => relu(x, v)) }),
            row.attrs,
          );
          const given = Object.fromEntries(
            inputs.flatMap((x, i) => {
              if (!x) return [];
              const turn = behind && x.shape.length === 5 && x.data instanceof Float32Array;
              return [[`x${i}`, turn ? channelsFirst(x as { shape: readonly number[]; data: Float32Array }) : x]];
            }),
          );
          const got = await runPeer(model(op, row.inputs, row.attrs, behind).toBytes(), given);
          assert.is(Object.keys(got).length, expected.length);
          expected.forEach(({ shape, data }, i) => {
            assert.equal([...got[`y${i}`].dims], [...shape]);
            const error = relativeL2(got[`y${i}`].data, data);
            assert.ok(error <= LIMIT, `relative L2 ${error}, behind relu: ${behind}`);
          });
        }
      });
    }
  }
}

test.run();
