// Chunks through the embedding cache give the gradient of the entire batch.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { differentiate } from "#lib/autodiff/differentiate.js";
import { filled } from "#lib/autodiff/arithmetic.js";
import { compile } from "#lib/runtime/compile.js";
import type { Tensor } from "#lib/graph/tensor.js";
import { input, parameter, trace } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { infoNce } from "#lib/nn/losses.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { EmbeddingCache } from "#lib/train/embedding_cache.js";
import { relativeL2 } from "../support/numbers.js";

const test = suite("embedding cache");
const [N, D] = [48, 16];
const PARAMETERS = [
  { key: "video.weight", shape: [D, 20] },
  { key: "video.bias", shape: [D] },
  { key: "norm.weight", shape: [D] },
  { key: "text.weight", shape: [D, 12] },
  { key: "unused.weight", shape: [3] },
];
const inputs = {
  video: { data: hashValues("cache", "video", N * 20), shape: [N, 20] },
  text: { data: hashValues("cache", "text", N * 12), shape: [N, 12] },
};

function encode({ video, text }: Record<string, Tensor>) {
  const a = nn.layerNorm(nn.unary(nn.linear(video, "video", D), "gelu"), "norm", 1e-5);
  return { a, b: nn.linear(text, "text", D, { bias: false }) };
}
const loss = (a: Tensor, b: Tensor) => infoNce(a, b);

function device() {
  const made = createDevice({ device: "cpu", threads: 2 });
  for (const { key, shape } of [...PARAMETERS, { key: "norm.bias", shape: [D] }]) {
    made.parameters.set(key, shape, hashParameter("cache/", key, shape));
  }
  return made;
}

test("gradients equal those of the entire batch", async () => {
  const on = device();
  const whole = compile(
    trace(() => {
      const { a, b } = encode({ video: input("video", [N, 20]), text: input("text", [N, 12]) });
      const value = loss(a, b);
      const tensors = PARAMETERS.map(({ key, shape }) => parameter(key, shape));
      const gradients = differentiate([{ value, gradient: filled([1], 1) }], tensors);
      return { value, ...Object.fromEntries(gradients.map((g, i) => [PARAMETERS[i].key, g ?? filled([3], 0)])) };
    }),
    on,
  );
  const { value, ...expected } = await whole.run({ video: inputs.video.data, text: inputs.text.data });
  for (const chunk of [16, 48, 1]) {
    const cache = new EmbeddingCache({ device: on, encode, loss, parameters: PARAMETERS, chunk });
    for (let round = 0; round < 2; round++) {
      const got = await cache.run(inputs);
      assert.ok(Math.abs(got - value[0]) <= 1e-6 * Math.abs(value[0]), `${got} against ${value[0]}`);
    }
    for (const [key, want] of Object.entries(expected)) {
      const got = await on.parameters.get(`gradient.${key}`);
      const difference = Math.hypot(...want.map((v, i) => v - got[i]));
      const size = Math.hypot(...want);
      assert.ok(difference <= 1e-5 * size, `${key}: relative L2 ${difference / size} with chunks of ${chunk}`);
      assert.is(size === 0, key === "unused.weight", key);
    }
    cache.dispose();
  }
  on.dispose();
});

test("dropout is the same in both passes over a chunk, and the loss scale multiplies gradients", async () => {
  const on = device();
  const dropped = (x: Record<string, Tensor>) => {
    const { a, b } = encode(x);
    return { a: nn.dropout(a), b: nn.dropout(b) };
  };
  const training = { dropout: 0.4 };
  const whole = compile(
    trace(
      () => {
        const { a, b } = dropped({ video: input("video", [N, 20]), text: input("text", [N, 12]) });
        const [gradient] = differentiate(
          [{ value: loss(a, b), gradient: filled([1], 8) }],
          [parameter("video.weight", [D, 20])],
        );
        return { gradient: gradient! };
      },
      { training },
    ),
    on,
  );
  const key: [number, number] = [3, 17];
  const { gradient } = await whole.run({ video: inputs.video.data, text: inputs.text.data, random_key: key });
  const cache = new EmbeddingCache({ device: on, encode: dropped, loss, parameters: PARAMETERS, chunk: N, training });
  await cache.run(inputs, { lossScale: 8, randomKey: () => key });
  const got = on.parameters.get("gradient.video.weight");
  const error = relativeL2(got, gradient);
  assert.ok(error <= 1e-5, `relative L2 ${error}`);
  cache.dispose();
  on.dispose();
});

test("chunks must divide the batch", async () => {
  const on = device();
  const cache = new EmbeddingCache({ device: on, encode, loss, parameters: PARAMETERS, chunk: 7 });
  let message = "";
  await cache.run(inputs).catch((error: Error) => (message = error.message));
  assert.match(message, /multiple of the chunk 7/);
  assert.throws(() => new EmbeddingCache({ device: on, encode, loss, parameters: [], chunk: 0 }), /chunk/);
  on.dispose();
});

test("InfoNCE of 32768 pairs and its gradients need less than 64 MB beside inputs and outputs", () => {
  const on = createDevice({ device: "cpu", threads: 2 });
  const graph = trace(() => {
    const [a, b] = [input("a", [32768, 512]), input("b", [32768, 512])];
    const value = loss(a, b);
    const [da, db] = differentiate([{ value, gradient: filled([1], 1) }], [a, b]);
    return { value, da: da!, db: db! };
  });
  const { bytes } = compile(graph, on);
  assert.ok(bytes <= 64 * 2 ** 20, `${bytes} bytes`);
  on.dispose();
});

test.run();
