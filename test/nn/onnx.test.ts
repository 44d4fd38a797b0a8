// User-defined models as ONNX: the content of the file, and the same results in onnxruntime.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as nn from "#lib/nn/index.js";
import { missing, runPeer } from "../onnx/peer.js";
import { relativeL2 } from "../support/numbers.js";
import { readOnnx } from "../onnx/read_onnx.js";
import { CLIP, separable, unsettle, values } from "./nets.js";
import { rejection } from "../support/errors.js";

const test = suite("own models as onnx");
const LIMIT = 1e-5;

const pools = (video: nn.Tensor) => {
  const x = nn.conv3d(video, "stem", 8, { kernel: 3, stride: [1, 2, 2], padding: "same", init: { normal: 0.2 } });
  const y = nn.selfGate(nn.maxPool3d(nn.swish(x), { kernel: 3, stride: 1, padding: 1 }), "gate");
  const depthwise = nn.conv3d(y, "depthwise", 8, { kernel: [3, 1, 1], padding: [1, 0, 0], groups: 8 });
  const means = nn.avgPool3d(nn.add(depthwise, y), { kernel: 2, padding: "same" });
  return {
    map: means,
    top: nn.softmax(nn.linear(nn.concat([nn.globalMax(means), nn.globalMean(means)], -1), "head", 3)),
  };
};

const words = (ids: nn.Tensor, mask: nn.Tensor) => {
  const places = nn.parameter("places", [6, 8], { init: { normal: 1 } });
  let x = nn.add(nn.embedding(ids, "words", 11, 8), places);
  for (const i of [0, 1]) x = nn.transformerLayer(x, `layers.${i}`, { heads: 2, mask, normFirst: i === 1, hidden: 12 });
  return {
    y: nn.l2Normalize(nn.linear(nn.layerNorm(x, "norm"), "out", 4)),
    first: nn.flatten(nn.slice(x, [0, 0, 0], [-1, 1, -1])),
  };
};

const frames = (video: nn.Tensor) => {
  const x = nn.spaceToDepth(nn.preprocess(video, { preset: "x3d-s" }));
  return { y: nn.gelu(nn.mean(nn.conv3d(x, "conv", 5, { kernel: 1 }), [1, 2, 3])) };
};

const NETS = {
  separable: { net: separable, inputs: { video: CLIP } },
  pools: { net: pools, inputs: { video: [4, 7, 9, 3] } },
  words: { net: words, inputs: { ids: [6], mask: [6] }, dtypes: { ids: "i32", mask: "u8" } },
  frames: { net: frames, inputs: { video: [2, 4, 6, 3] }, dtypes: { video: "u8" } },
} as const;

const make = (name: keyof typeof NETS) => {
  const { net, ...options } = NETS[name];
  const model = nn.Model.create(net as nn.Net, { ...options, seed: 2, device: "cpu" } as nn.ModelOptions);
  unsettle(model);
  return model;
};

/** Inputs of two examples. */
function inputsOf(model: nn.Model) {
  return Object.fromEntries(
    Object.entries(model.inputs).map(([name, { shape, dtype }]) => {
      const v = values(name, 2, ...shape);
      const data =
        dtype === "f32"
          ? v
          : dtype === "u8"
            ? Uint8Array.from(v, (x, i) => (name === "mask" ? Number(i % 6 < 4) : 128 + 127 * x))
            : Int32Array.from(v, (x) => 5 + 5 * x);
      return [name, { data, shape: [2, ...shape] }];
    }),
  );
}

test("the file has the net's inputs and outputs", () => {
  const model = make("words");
  const { inputs, outputs, metadata } = readOnnx(model.toOnnx({ batch: 2, metadata: { by: "me" } }).toBytes());
  assert.equal(inputs.map(({ name, shape }) => [name, shape]), [["ids", [2, 6]], ["mask", [2, 6]]]); // prettier-ignore
  assert.equal(outputs.map(({ name }) => name), ["y", "first"]); // prettier-ignore
  assert.is(metadata.by, "me");
  assert.equal(JSON.parse(metadata.inputs), model.inputs);
  model.dispose();
});

test("options work, and nets without ONNX form are refused", async () => {
  const model = make("words");
  assert.match((await rejection(() => model.toOnnx({ batch: 0 }))).message, /batch: expected a positive whole number/);
  model.dispose();
  const same = nn.Model.create((x: nn.Tensor) => ({ x: nn.relu(x) }), { inputs: { x: [3] } });
  assert.match((await rejection(() => same.toOnnx())).message, /x is the name of an input and of an output/);
  same.dispose();
});

if (missing) {
  console.log(`SKIP: own models in onnxruntime: ${missing}`);
  test.skip("own models in onnxruntime", () => {});
} else {
  for (const name of Object.keys(NETS) as (keyof typeof NETS)[]) {
    test(`${name}: results equal the model's, folded and as traced`, async () => {
      const model = make(name);
      const inputs = inputsOf(model);
      const expected = await model.run(inputs);
      for (const fold of [true, false]) {
        const got = await runPeer(model.toOnnx({ batch: 2, fold }).toBytes(), inputs);
        for (const [output, { data, shape }] of Object.entries(expected)) {
          assert.equal([...got[output].dims].map(Number), shape);
          const error = relativeL2(got[output].data, data);
          console.log(`${name} ${output}: relative L2 ${error.toExponential(2)}`);
          assert.ok(error <= LIMIT, `${output}: relative L2 ${error}`);
        }
      }
      model.dispose();
    });
  }
}

test.run();
