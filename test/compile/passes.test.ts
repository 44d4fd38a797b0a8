// Each pass rewrites a small graph as stated and keeps the float64 results (or the bits, through the device).
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { ShapeError } from "#lib/base/errors.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { conv3d, conv3dAttrs } from "#lib/ops/index.js";
import { chooseBf16 } from "#lib/compile/passes/choose_bf16.js";
import { joinGates } from "#lib/compile/passes/join_gates.js";
import { meansFromSums } from "#lib/compile/passes/means_from_sums.js";
import { chooseWinograd } from "#lib/compile/passes/choose_winograd.js";
import { fuseExpansion } from "#lib/compile/passes/fuse_expansion.js";
import { swishInputs } from "#lib/compile/passes/swish_inputs.js";
import * as passes from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements, type Tensor } from "#lib/graph/tensor.js";
import { applyOp, type Graph, input, parameter, sortGraph, trace, update } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { isError } from "../support/errors.js";

const test = suite("passes");
const parameters = (key: string, shape: readonly number[]) => ({
  shape,
  data: Float64Array.from(hashParameter("passes/", key, shape)),
});
const names = (graph: Graph) =>
  sortGraph(graph)
    .nodes.map((node) => node.op.name)
    .filter((name) => !["input", "parameter"].includes(name));

/** Results before and after a rewrite agree to float64 rounding. */
function same(build: () => Record<string, Tensor>, rewrite: (graph: Graph) => unknown): Graph {
  const before = trace(build);
  const after = trace(build);
  rewrite(after);
  const inputs = Object.fromEntries(
    [...before.inputs].map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from(hashValues("passes/", name, elements(shape))) },
    ]),
  );
  const expected = evaluate64(before, inputs, parameters);
  const got = evaluate64(after, inputs, parameters);
  for (const [name, { data }] of Object.entries(expected)) {
    data.forEach((v, i) => {
      assert.ok(
        Math.abs(v - got[name].data[i]) <= 1e-12 * Math.max(1, Math.abs(v)),
        `${name}[${i}]: ${v} and ${got[name].data[i]}`,
      );
    });
  }
  return after;
}

const x = () => input("x", [2, 3, 4, 4, 6]);
const point = (t: Tensor, key: string, width: number) => nn.conv3d(t, key, width, { kernel: [1, 1, 1], bias: true });

test("BatchNorm is folded into the convolution before it", () => {
  const graph = same(
    () => ({ y: nn.batchNorm(nn.conv3d(x(), "c", 5, { kernel: [1, 3, 3], low: [0, 1, 1] }), "bn", { eps: 1e-3 }) }),
    passes.foldBatchNorm,
  );
  assert.not.ok(names(graph).includes("batch_norm"));
});

test("activations, biases and residuals move into the epilogue", () => {
  const graph = same(() => ({ y: nn.relu(nn.binary(point(x(), "c", 6), x(), "add")) }), passes.fuseEpilogue);
  assert.equal(names(graph), ["conv3d"]);
  const gate = same(() => ({ y: nn.unary(nn.linear(input("v", [3, 7]), "l", 4), "sigmoid") }), passes.fuseEpilogue);
  assert.equal(names(gate), ["linear"]);
});

test("a residual, with or without a factor per channel, moves into the linear layer before it", () => {
  const rows = () => input("x", [2, 5, 6]);
  const plain = same(() => {
    const t = rows();
    return { y: nn.relu(nn.binary(t, nn.linear(t, "l", 6), "add")) };
  }, passes.fuseEpilogue);
  assert.equal(names(plain), ["linear"]);
  const scaled = () => {
    const t = rows();
    return { y: nn.binary(nn.linear(t, "l", 6), nn.binary(t, parameter("factor", [6]), "mul"), "add") };
  };
  const graph = same(scaled, passes.optimize);
  assert.equal(names(graph), ["linear"]);
  // a scaled value with another reader is not moved, and neither is a factor per row
  const kept = same(() => {
    const t = rows();
    const both = nn.binary(t, parameter("factor", [6]), "mul");
    const perRow = nn.binary(t, input("factors", [2, 5, 1]), "mul");
    return { y: nn.binary(nn.linear(t, "l", 6), both, "add"), z: nn.binary(nn.linear(t, "m", 6), perRow, "add"), both };
  }, passes.optimize);
  assert.equal(names(kept).sort(), ["binary", "binary", "linear", "linear"]);
});

for (const kind of ["swish", "gelu", "gelu_tanh", "tanh", "sigmoid"] as const) {
  test(`${kind} moves into a convolution that has no other reader`, () => {
    const depthwise = { kernel: [1, 3, 3], low: [0, 1, 1], groups: 6 } as const;
    for (const convolution of [() => point(x(), "c", 6), () => nn.conv3d(x(), "c", 6, depthwise)]) {
      const fused = same(() => ({ y: nn.unary(convolution(), kind) }), passes.fuseEpilogue);
      passes.deadCode(fused);
      assert.equal(names(fused), ["conv3d"]);
    }
    const kept = same(() => {
      const z = point(x(), "c", 6);
      return { z, y: nn.unary(z, kind) };
    }, passes.fuseEpilogue);
    assert.equal(names(kept), ["conv3d", "unary"]);
  });
}

test("swishInputs moves the gate and swish of squeeze-and-excitation into the following convolution", () => {
  const gate = () => nn.unary(nn.globalMean(x()), "sigmoid");
  const graph = same(
    () => ({ y: point(nn.unary(nn.scaleChannels(x(), gate()), "swish"), "c", 6) }),
    (made) => {
      swishInputs(made);
      passes.deadCode(made);
    },
  );
  assert.equal(names(graph), ["global_mean", "unary", "swish_conv3d"]);
  const shared = same(() => {
    const active = nn.unary(x(), "swish");
    return { active, y: point(active, "c", 6) };
  }, swishInputs);
  assert.not.ok(names(shared).includes("swish_conv3d"), "a swish with another reader is not moved");
});

test("fuseExpansion joins an expansion and a depthwise convolution with many values between them", () => {
  const chosen = (size: number) => {
    const graph = trace(() => {
      const inner = nn.relu(nn.conv3d(input("x", [1, 13, size, size, 24]), "a", 54, { kernel: [1, 1, 1], bias: true }));
      return { y: nn.conv3d(inner, "b", 54, { kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 54 }) };
    });
    passes.fuseEpilogue(graph);
    fuseExpansion(graph);
    passes.deadCode(graph);
    return names(graph);
  };
  assert.equal(chosen(80), ["expand_depthwise"]);
  assert.equal(chosen(40), ["conv3d", "conv3d"]);
});

test("a value with another reader is not fused", () => {
  const graph = same(() => {
    const y = point(x(), "c", 6);
    return { y, z: nn.relu(y) };
  }, passes.fuseEpilogue);
  assert.equal(names(graph).sort(), ["conv3d", "unary"]);
});

test("a cropped convolution computes only the kept positions", () => {
  const graph = same(() => {
    const y = nn.conv3d(x(), "c", 5, { kernel: [2, 4, 4], low: [1, 2, 2] });
    return { y: nn.slice(y, [0, 1, 1, 1, 0], [2, 3, 4, 4, 5]) };
  }, passes.foldCrop);
  assert.equal(names(graph), ["conv3d"]);
});

test("pointwise convolutions of one input are merged", () => {
  const graph = same(
    () => {
      const t = x();
      return { a: nn.relu(point(t, "a", 5)), b: nn.relu(point(t, "b", 3)), c: point(t, "c", 4) };
    },
    (g) => {
      passes.fuseEpilogue(g);
      passes.mergePointwise(g);
    },
  );
  assert.is(names(graph).filter((name) => name === "conv3d").length, 2); // c has another activation
});

test("linear layers of one input are merged, and their channels are read in place", () => {
  const build = () => {
    const t = input("x", [2, 5, 6]);
    const linear = (key: string, width: number) => nn.linear(t, key, width);
    return { a: nn.relu(linear("a", 5)), b: nn.relu(linear("b", 3)), c: linear("c", 4) };
  };
  const graph = same(build, (g) => {
    passes.fuseEpilogue(g);
    passes.deadCode(g);
    passes.mergeLinear(g);
  });
  assert.is(names(graph).filter((name) => name === "linear").length, 2); // c has another activation
  // a weight with another reader is unchanged
  const tied = same(() => {
    const t = input("x", [2, 5, 6]);
    const weight = parameter("w", [4, 6]);
    return { a: nn.linearWith(t, weight, null), b: nn.linearWith(t, weight, null) };
  }, passes.mergeLinear);
  assert.equal(names(tied), ["linear", "linear"]);
});

const gated = () => {
  const t = x();
  const both = nn.concat([nn.selfGate(point(t, "a", 5), "ga"), nn.selfGate(point(t, "b", 3), "gb")], 4);
  return { y: point(nn.maxPool3d(both, [3, 3, 3], [1, 1, 1], [1, 1, 1]), "c", 4) };
};

test("self-gates move behind concat and max-pool into the next convolution", () => {
  const graph = same(gated, passes.lazyGate);
  assert.not.ok(names(graph).includes("scale_channels"));
});

test("means of convolutions are computed from sums of their epilogues, except for depthwise ones along frames", () => {
  const graph = same(() => {
    const t = x();
    const attrs = conv3dAttrs({ outChannels: 8, kernel: [1, 1, 1], split: [5, 3] });
    const weight = parameter("w", [8, 6, 1, 1, 1]);
    const [a, b] = applyOp(conv3d, [t, weight, null, null, null], attrs);
    const frames = nn.conv3d(t, "d", 6, { kernel: [3, 1, 1], low: [1, 0, 0], groups: 6 });
    return { a, b, meanA: nn.globalMean(a), meanB: nn.globalMean(b), meanD: nn.globalMean(frames) };
  }, meansFromSums);
  assert.equal(names(graph).sort(), ["conv3d", "conv3d_sums", "global_mean", "mean_of_sums", "mean_of_sums"]);
});

test("squeeze-and-excitation gets its mean from the depthwise convolution", () => {
  const graph = same(() => {
    const y = nn.conv3d(x(), "d", 6, { kernel: [3, 3, 3], low: [1, 1, 1], groups: 6 });
    return { y: nn.scaleChannels(y, nn.unary(nn.globalMean(y), "sigmoid")) };
  }, meansFromSums);
  assert.equal(names(graph), ["conv3d_sums", "mean_of_sums", "unary", "scale_channels"]);
});

test("self-gates of joined branches are computed together with their means, and others alone", () => {
  const build = () => {
    const { y } = gated();
    const t = point(y, "d", 6);
    return { y, gate: nn.relu(nn.linear(nn.globalMean(t), "alone", 7)), t };
  };
  const graph = same(build, (g) => {
    passes.optimize(g);
    meansFromSums(g);
    joinGates(g);
  });
  const got = names(graph).filter((name) => !["concat", "max_pool3d", "conv3d_sums", "conv3d"].includes(name));
  assert.equal(got, ["gates_of_sums", "gates_of_sums"]);
});

test("gates stay apart where their means or their layers are read again", () => {
  const graph = same(
    () => {
      const t = point(x(), "a", 6);
      const mean = nn.globalMean(t);
      return { t, mean, y: nn.linear(mean, "g", 6) };
    },
    (g) => {
      meansFromSums(g);
      joinGates(g);
    },
  );
  assert.equal(names(graph), ["conv3d_sums", "mean_of_sums", "linear"]);
});

test("nodes that no output needs are dropped", () => {
  const graph = trace(() => {
    const t = x();
    point(t, "unused", 9);
    return { y: nn.relu(t) };
  });
  passes.deadCode(graph);
  assert.equal(names(graph), ["unary"]);
});

test("programs: concat has no instruction, memory is shared, results agree with the references", async () => {
  const device = createDevice({ threads: 2 });
  const build = () => {
    const t = x();
    const joined = nn.concat(
      [nn.relu(point(t, "a", 5)), nn.relu(nn.conv3d(t, "d", 3, { kernel: [1, 3, 3], low: [0, 1, 1] }))],
      4,
    );
    return { y: point(nn.reshape(nn.relu(joined), [2, 12, 4, 1, 8]), "c", 4), z: nn.globalMean(joined), t };
  };
  const graph = trace(build);
  for (const node of graph.nodes) {
    if (node.op.name !== "parameter") continue;
    const [{ shape }] = node.outputs;
    device.parameters.set(node.attrs.key as string, shape, hashParameter("passes/", node.attrs.key as string, shape));
  }
  const data = hashValues("passes/", "x", 2 * 3 * 4 * 4 * 6);
  const expected = evaluate64(
    trace(build),
    { x: { shape: [2, 3, 4, 4, 6], data: Float64Array.from(data) } },
    parameters,
  );
  const program = compile(passes.optimize(graph), device);
  assert.not.ok(program.instructions.some(({ op }) => op === "concat" || op === "reshape"));
  const check = async () => {
    const got = await program.run({ x: data });
    for (const [name, { data: want }] of Object.entries(expected)) {
      want.forEach((v, i) => {
        assert.ok(Math.abs(v - got[name][i]) < 1e-5, `${name}[${i}]`);
      });
    }
    return got;
  };
  const first = await check();
  // the next run uses a changed parameter, and one that was changed back
  device.parameters.set("c.bias", [4], new Float32Array(4).fill(100));
  assert.not.equal((await program.run({ x: data })).y, first.y);
  device.parameters.set("c.bias", [4], hashParameter("passes/", "c.bias", [4]));
  assert.equal((await check()).y, first.y);
  device.dispose();
});

test("shape errors name the layer", () => {
  assert.throws(
    () => trace(() => ({ y: nn.conv3d(input("x", [1, 1, 2, 2, 3]), "stem", 4, { kernel: [3, 3, 3] }) })),
    isError(ShapeError, /at least 3 positions along T/),
  );
});

const separable = (channels: number, outChannels: number, T: number, size: number) => {
  const x = input("x", [2, T, size, size, channels]);
  const y = nn.relu(nn.conv3d(x, "s", outChannels, { kernel: [1, 3, 3], low: [0, 1, 1], bias: true }));
  return { y: nn.relu(nn.conv3d(y, "t", outChannels, { kernel: [3, 1, 1], low: [1, 0, 0], bias: true })) };
};

test("chooseWinograd chooses cheaper forms, and takes the taps that padding saves into account", () => {
  const chosen = (...size: [number, number, number, number]) => names(same(() => separable(...size), chooseWinograd));
  assert.equal(chosen(64, 64, 8, 4), ["winograd_conv3d", "unary", "winograd_conv3d", "unary"]);
  // two frames: the direct form multiplies 4 of 6 taps, Winograd's 6 points
  assert.equal(chosen(64, 64, 2, 4), ["winograd_conv3d", "unary", "conv3d", "unary"]);
  // few channels: the transforms cost more than they save
  assert.equal(chosen(3, 8, 4, 8), ["conv3d", "unary", "conv3d", "unary"]);
});

test("chooseWinograd does not change weights that are inputs", () => {
  const graph = trace(() => {
    const x = input("x", [1, 4, 8, 8, 64]);
    const weight = input("weight", [64, 64, 1, 3, 3]);
    const attrs = conv3dAttrs({ outChannels: 64, kernel: [1, 3, 3], low: [0, 1, 1] });
    return { y: applyOp(conv3d, [x, weight, null, null, null], attrs)[0] };
  });
  chooseWinograd(graph);
  chooseBf16(graph);
  assert.equal(names(graph), ["conv3d"]);
});

test("in bf16, training computes linear layers as matrix products, and inference as pointwise convolutions", () => {
  const build = (trains: boolean) =>
    trace(() => {
      const y = nn.relu(nn.linear(input("x", [2, 3, 8]), "layer", 4));
      if (trains) update(parameter("layer.bias", [4]), nn.reshape(nn.slice(y, [0, 0, 0], [1, 1, 4]), [4]));
      return { y };
    });
  const [training, inference] = [build(true), build(false)];
  for (const graph of [training, inference]) chooseBf16(graph);
  assert.equal(names(inference), ["reshape", "reshape", "conv3d_bf16", "reshape", "unary"]);
  assert.equal(names(training), ["reshape", "matmul_bf16", "binary", "reshape", "unary", "slice", "reshape"]);
});

test("in bf16 the direct form is twice as fast, so Winograd is chosen less often, and the rest is bf16", () => {
  const graph = trace(() => separable(64, 64, 4, 16));
  chooseWinograd(graph, 2);
  chooseBf16(graph);
  assert.equal(names(graph), ["winograd_conv3d", "unary", "conv3d_bf16", "unary"]);
});

test.run();
