// Reverse mode over entire graphs: omitted gradients, sums, blocks that are recomputed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { blockOfLayer, differentiate, type DifferentiateOptions } from "#lib/autodiff/differentiate.js";
import { combined, filled, summed } from "#lib/autodiff/arithmetic.js";
import { Optimizer } from "#lib/train/optimizer.js";
import { traceStep } from "#lib/train/step_program.js";
import type { Task } from "#lib/train/task.js";
import { conv3d, conv3dAttrs, topK } from "#lib/ops/index.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import type { Tensor } from "#lib/graph/tensor.js";
import { applyOp, type Graph, input, parameter, trace } from "#lib/graph/trace.js";
import { bert } from "#lib/models/text/bert.js";
import { textConfig } from "#lib/models/text/text_config.js";
import { crossEntropy, dropout, infoNce, l2Normalize } from "#lib/nn/losses.js";
import * as nn from "#lib/nn/layers.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";

const test = suite("autodiff");
const config = textConfig({
  model_type: "bert",
  vocab_size: 50,
  hidden_size: 32,
  num_attention_heads: 2,
  num_hidden_layers: 4,
  intermediate_size: 64,
  max_position_embeddings: 16,
});
const [N, S] = [6, 12];
const NAMES = ["embeddings.word_embeddings", "encoder.layer.0.attention.self.query", "encoder.layer.3.output.dense"];
const keys = NAMES.map((name) => `bert.${name}.weight`);
const shapes = [
  [50, 32],
  [32, 32],
  [32, 64],
];

/** The loss of a small BERT with dropout, and its gradients for three of the parameters. */
function step(options: DifferentiateOptions = {}): Graph {
  return trace(() => {
    const ids = input("ids", [N, S], "i32");
    const hidden = bert({ ids, types: input("types", [N, S], "i32"), mask: input("mask", [N, S], "u8") }, config);
    const dropped = dropout(hidden, 0.1, input("key", [2], "i32"), 7);
    const loss = crossEntropy(nn.linear(dropped, "head", 5), input("labels", [N, S], "i32"));
    const wrt = keys.map((key, i) => parameter(key, shapes[i]));
    const gradients = differentiate([{ value: loss, gradient: filled([1], 1) }], wrt, options);
    return { loss, ...Object.fromEntries(gradients.map((g, i) => [keys[i], g!])) };
  });
}

const integers = (name: string, n: number, range: number) =>
  Int32Array.from(hashValues("autodiff", name, n), (v) => Math.floor(((v + 1) / 2) * range));
const given = {
  ids: integers("ids", N * S, 50),
  types: integers("types", N * S, 2),
  mask: Uint8Array.from(integers("mask", N * S, 4), (v) => Math.min(v, 1)),
  key: Int32Array.of(11, 3),
  labels: integers("labels", N * S, 5),
};

async function run(graph: Graph, threads: number) {
  const device = createDevice({ device: "cpu", threads });
  try {
    for (const node of graph.nodes) {
      const { key } = node.attrs as { key?: string };
      if (node.op.name !== "parameter" || !key) continue;
      device.parameters.set(key, node.outputs[0].shape, hashParameter("autodiff/", key, node.outputs[0].shape));
    }
    const program = compile(optimize(graph), device);
    return { bytes: program.bytes, results: await program.run(given) };
  } catch (cause) {
    throw new Error((cause as Error).message, { cause }); // the reporter interprets other fields of an error differently
  } finally {
    device.dispose();
  }
}

test("gradients have the same bits for any number of threads", async () => {
  const [one, three] = [await run(step(), 1), await run(step(), 3)];
  for (const [name, value] of Object.entries(one.results)) {
    assert.ok(
      value.some((v) => v !== 0),
      name,
    );
    assert.equal(three.results[name], value, name);
  }
});

test("recomputed blocks need less memory and give the same bits", async () => {
  assert.is(blockOfLayer("layer.3.attention"), "layer.3");
  assert.is(blockOfLayer("video.0"), "video.0");
  assert.is(blockOfLayer("tower.encoder.12.x.1"), "tower.encoder.12");
  assert.is(blockOfLayer("embeddings"), null);
  const [kept, again] = [await run(step(), 2), await run(step({ checkpoint: blockOfLayer }), 2)];
  for (const [name, value] of Object.entries(kept.results)) assert.equal(again.results[name], value, name);
  assert.ok(again.bytes < 0.7 * kept.bytes, `${again.bytes} bytes against ${kept.bytes}`);
});

test("gradients of slices that are all parts of a value are joined, others are padded and added", async () => {
  const cases: [string, number[][][], string[]][] = [
    ["all columns, read out of order", [[[0, 4], [4, 2]], [[0, 0], [4, 4]], [[0, 6], [4, 1]]], ["concat"]], // prettier-ignore
    ["all rows", [[[0, 0], [1, 7]], [[1, 0], [3, 7]]], ["concat"]], // prettier-ignore
    ["a gap", [[[0, 0], [4, 3]], [[0, 4], [4, 3]]], ["pad", "pad"]], // prettier-ignore
    ["an overlap", [[[0, 0], [4, 4]], [[0, 3], [4, 4]]], ["pad", "pad"]], // prettier-ignore
    ["not to the end", [[[0, 0], [4, 3]], [[0, 3], [4, 3]]], ["pad", "pad"]], // prettier-ignore
    ["not from the beginning", [[[0, 1], [4, 3]], [[0, 4], [4, 3]]], ["pad", "pad"]], // prettier-ignore
    ["an overlap, and not to the end", [[[0, 0], [4, 3]], [[0, 2], [4, 4]]], ["pad", "pad"]], // prettier-ignore
    ["corners", [[[0, 0], [2, 4]], [[2, 4], [2, 3]]], ["pad", "pad"]], // prettier-ignore
    ["twice the whole", [[[0, 0], [4, 7]], [[0, 0], [4, 7]]], ["pad", "pad"]], // prettier-ignore
  ];
  const device = createDevice({ device: "cpu" });
  for (const [name, blocks, expected] of cases) {
    const graph = trace(() => {
      const x = input("x", [4, 7]);
      const doubled = nn.unary(x, "relu");
      const seeds = blocks.map(([start, size], i) => {
        const value = nn.slice(doubled, start, size);
        return { value, gradient: input(`g${i}`, value.shape) };
      });
      return { d: differentiate(seeds, [doubled])[0]! };
    });
    const program = compile(graph, device);
    const names = program.instructions.map(({ op }) => op).filter((op) => op === "concat" || op === "pad");
    assert.equal(names, expected, name);
    const want = new Float32Array(28);
    const given: Record<string, Float32Array> = { x: new Float32Array(28) };
    blocks.forEach(([[row, column], [rows, columns]], i) => {
      const g = hashValues("slices", `g${i}`, rows * columns);
      given[`g${i}`] = g;
      g.forEach((v, at) => {
        const to = (row + Math.floor(at / columns)) * 7 + column + (at % columns);
        want[to] += v;
      });
    });
    const { d } = await program.run(given);
    assert.equal([...d], [...want], name);
  }
  device.dispose();
});

test("parts of a joined gradient that are gradients of parameters too reach the optimizer", async () => {
  const device = createDevice({ device: "cpu" });
  const task: Task = {
    forward: ({ x }) => {
      const wide = parameter("wide", [5, 6]);
      const first = combined(nn.slice(wide, [0, 0], [5, 3]), parameter("narrow", [5, 3]), "add");
      const product = combined(combined(first, nn.slice(wide, [0, 3], [5, 3]), "mul"), x, "mul");
      return { loss: nn.reshape(summed(product, [0, 1]), [1]) };
    },
  };
  const x = hashValues("parts", "x", 15);
  const batch = { inputs: { x: { data: x, shape: [5, 3] } }, examples: 1 };
  const optimizer = new Optimizer({ kind: "sgd", momentum: 0 });
  const { graph, trained } = traceStep(task, batch, optimizer, "whole");
  const before: Record<string, Float32Array> = {};
  for (const { key, shape } of trained)
    device.parameters.set(key, shape, (before[key] = hashParameter("parts/", key, shape)));
  optimizer.allocateState(device, trained);
  await compile(graph, device).run({
    x,
    ...optimizer.scalars(
      trained.map(({ key }) => key),
      1,
      0.5,
    ),
    loss_scale: 1,
  });
  const { wide, narrow } = before;
  const at = (row: number, column: number) => row * 3 + column;
  for (let row = 0; row < 5; row++) {
    for (let c = 0; c < 3; c++) {
      const [low, high] = [wide[row * 6 + c], wide[row * 6 + 3 + c]];
      const near = (key: string, i: number, want: number) => {
        const got = device.parameters.get(key)[i];
        assert.ok(Math.abs(got - want) < 1e-6, `${key} ${row} ${c}: ${got} against ${want}`);
      };
      const v = x[at(row, c)];
      near("narrow", at(row, c), narrow[at(row, c)] - 0.5 * high * v);
      near("wide", row * 6 + c, low - 0.5 * high * v);
      near("wide", row * 6 + 3 + c, high - 0.5 * (low + narrow[at(row, c)]) * v);
    }
  }
  device.dispose();
});

const weighted = (x: Tensor, weight: Tensor, groups: number): Tensor => {
  const attrs = conv3dAttrs({ outChannels: 16, kernel: [1, 1, 3], low: [0, 0, 1], high: [0, 0, 1], groups });
  return applyOp(conv3d, [x, weight, null, null, null], attrs)[0];
};
let inputs = 0;
const another = (name: string, shape: number[], dtype?: "i32") => input(`${name}${inputs++}`, shape, dtype);
/** What reads both halves of `wide` along its last axis, of this shape. */
const READERS: Record<string, [number[], (low: Tensor, high: Tensor) => Tensor[]]> = {
  "weights of convolutions": [[16, 16, 1, 1, 6], (...w) => w.map((one) => weighted(another("x", [1, 2, 5, 5, 16]), one, 1))], // prettier-ignore
  "weights of depthwise convolutions": [[16, 1, 1, 1, 6], (...w) => w.map((one) => weighted(another("x", [1, 2, 5, 5, 16]), one, 16))], // prettier-ignore
  "inputs of convolutions": [[1, 2, 5, 5, 32], (...x) => x.map((one) => weighted(one, another("w", [16, 16, 1, 1, 3]), 1))], // prettier-ignore
  "inputs of depthwise convolutions": [[1, 2, 5, 5, 32], (...x) => x.map((one) => weighted(one, another("w", [16, 1, 1, 1, 3]), 16))], // prettier-ignore
  "max-pools": [[1, 2, 6, 6, 10], (...x) => x.map((one) => nn.maxPool3d(one, [1, 3, 3], [1, 2, 2], [0, 1, 1]))],
  "average pools": [[1, 2, 6, 6, 10], (...x) => x.map((one) => nn.avgPool(one, [2, 3, 3]))],
  means: [[2, 2, 3, 3, 10], (...x) => x.map((one) => nn.globalMean(one))],
  "squeezed maxima": [[4, 3, 10], (...x) => x.map((one) => nn.reduceMax(one))],
  normalisation: [[6, 10], (...x) => x.map((one) => l2Normalize(one))],
  permutations: [[3, 4, 10], (...x) => x.map((one) => nn.permute(one, [1, 0, 2]))],
  "cross entropy": [[6, 10], (...x) => x.map((one) => crossEntropy(one, another("labels", [6], "i32")))],
  InfoNCE: [[6, 10], (a, b) => [infoNce(a, b)]],
  products: [[4, 10], (...x) => x.map((one) => combined(one, another("m", [4, 5]), "mul"))],
};

for (const [name, [shape, read]] of Object.entries(READERS)) {
  test(`gradients of both halves of a value equal their references: ${name}`, async () => {
    const device = createDevice({ device: "cpu" });
    const graph = trace(() => {
      const wide = input("wide", shape);
      const width = shape.at(-1)! / 2;
      const half = (at: number) => nn.slice(wide, [...shape.slice(1).fill(0), at], [...shape.slice(0, -1), width]);
      const seeds = read(half(0), half(width)).map((value, i) => ({
        value,
        gradient: input(`g${i}`, value.shape),
      }));
      return { d: differentiate(seeds, [wide])[0]! };
    });
    const given = Object.fromEntries(
      [...graph.inputs].map(
        ([
          label,
          {
            shape: [...sizes],
            dtype,
          },
        ]) => {
          const n = sizes.reduce((a, b) => a * b, 1);
          return [label, dtype === "i32" ? integers(label, n, 5) : hashValues("halves", label, n)];
        },
      ),
    );
    const exact = Object.fromEntries(
      [...graph.inputs].map(([label, t]) => [label, { shape: t.shape, data: Float64Array.from(given[label]) }]),
    );
    const want = evaluate64(graph, exact, () => assert.unreachable() as never).d.data;
    const program = compile(graph, device);
    const used = Object.fromEntries([...program.inputs.keys()].map((label) => [label, given[label]]));
    const { d } = await program.run(used);
    d.forEach((v, i) => assert.ok(Math.abs(v - want[i]) < 1e-4, `${i}: ${v} against ${want[i]}`));
    device.dispose();
  });
}

test("a frozen parameter costs nothing", () => {
  const ops = (frozen: boolean) => {
    const graph = trace(() => {
      const x = input("x", [4, 8]);
      const y = nn.linear(nn.unary(nn.linear(x, "first", 8), "gelu"), "second", 3);
      const wrt = [parameter("second.weight", [3, 8]), ...(frozen ? [] : [parameter("first.weight", [8, 8])])];
      const gradients = differentiate([{ value: y, gradient: filled([4, 3], 1) }], wrt);
      return Object.fromEntries(gradients.map((g, i): [string, Tensor] => [`d${i}`, g!]));
    });
    return graph.nodes.filter((node) => node.op.name === "matmul" || node.op.name === "unary_grad").length;
  };
  assert.is(ops(true), 1);
  assert.is(ops(false), 4);
});

test("a learned scale has the gradient of finite differences", async () => {
  const values = { a: hashValues("", "a", 40), b: hashValues("", "b", 40) };
  const device = createDevice({ device: "cpu" });
  const program = compile(
    trace(() => {
      const [a, b, logScale] = [input("a", [5, 8]), input("b", [5, 8]), input("logScale", [1])];
      const loss = infoNce(a, b, { logScale, reduction: "mean" });
      const [d] = differentiate([{ value: loss, gradient: filled([1], 1) }], [logScale]);
      return { loss, d: d! };
    }),
    device,
  );
  const at = (v: number) => program.run({ ...values, logScale: Float32Array.of(v) });
  const [low, middle, high] = [await at(0.98), await at(1), await at(1.02)];
  device.dispose();
  const difference = (high.loss[0] - low.loss[0]) / 0.04;
  assert.ok(Math.abs(difference - middle.d[0]) < 1e-3 * Math.abs(difference), `${difference} against ${middle.d[0]}`);
});

test("an op without gradient causes an error that names it", () => {
  const wrong = () =>
    trace(() => {
      const query = input("query", [2, 8]);
      const [values] = applyOp(topK, [query, input("rows", [9, 8])], { k: 3, base: 0 });
      const [d] = differentiate([{ value: values, gradient: filled(values.shape, 1) }], [query]);
      return { d: d! };
    });
  assert.throws(wrong, /top_k has no gradient/);
});

test.run();
