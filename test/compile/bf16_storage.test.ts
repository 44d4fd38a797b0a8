// The types of values in programs of precision bf16 on a CPU.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lower } from "#lib/compile/lower.js";
import type { DType } from "#lib/graph/tensor.js";
import { applyOp, type Graph, input, parameter, trace, update } from "#lib/graph/trace.js";
import { binary, cast, concat, conv3d, conv3dAttrs, unary } from "#lib/ops/index.js";
import * as nn from "#lib/nn/index.js";

const test = suite("bf16 storage");

const target = { isGpu: false, precision: "bf16", winograd: false, panelWidth: 8, tileDepth: 0 } as const;
const lowered = (build: Parameters<typeof trace>[0]): Graph => {
  const graph = trace(build);
  lower(graph, target);
  return graph;
};
const nodesOf = (graph: Graph, op: string) => graph.nodes.filter((node) => node.op.name === op);
const inputTypes = (graph: Graph, op: string): (DType | undefined)[][] =>
  nodesOf(graph, op).map(({ inputs }) => inputs.map((x) => x?.dtype));

const add = (x: Parameters<typeof nn.relu>[0]) => applyOp(binary, [x, x], { kind: "add" })[0];

test("a concat of f32 values stays f32", () => {
  const graph = lowered(() => {
    const x = input("x", [2, 4]);
    return { y: applyOp(concat, [add(x), add(x)], { axis: 0 })[0] };
  });
  assert.equal(inputTypes(graph, "concat"), [["f32", "f32"]]);
  assert.is(nodesOf(graph, "cast").length, 0);
});

test("a concat with a value of bf16 is bf16", () => {
  const graph = lowered(() => {
    const x = input("x", [2, 4]);
    return { y: applyOp(concat, [applyOp(unary, [x], { kind: "exp" })[0], add(x)], { axis: 0 })[0] };
  });
  assert.equal(inputTypes(graph, "concat"), [["bf16", "bf16"]]);
});

test("readers of bf16 and of f32 get separate casts of one f16 value", () => {
  const graph = lowered(() => {
    const x = applyOp(cast, [input("x", [2, 4])], { to: "f16" })[0];
    return { y: applyOp(unary, [x], { kind: "exp" })[0], z: add(x) };
  });
  assert.equal(inputTypes(graph, "unary"), [["bf16"]]);
  assert.equal(inputTypes(graph, "binary"), [["f32", "f32"]]);
});

test("in training, a convolution multiplies bf16 and keeps residual and outputs in f32", () => {
  const graph = lowered(() => {
    const x = input("x", [1, 2, 4, 4, 8]);
    const weight = parameter("weight", [8, 8, 1, 3, 3]);
    const attrs = conv3dAttrs({ outChannels: 8, kernel: [1, 3, 3], low: [0, 1, 1], high: [0, 1, 1] });
    const y = applyOp(conv3d, [x, weight, null, x, null], attrs)[0];
    update(parameter("bias", [1]), nn.reshape(nn.slice(y, [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]), [1]));
    return { y };
  });
  const [conv] = nodesOf(graph, "conv3d_bf16");
  assert.is(conv.inputs[0]!.dtype, "bf16");
  assert.is(conv.inputs[3]!.dtype, "f32");
  assert.is(conv.outputs[0].dtype, "f32");
});

test.run();
