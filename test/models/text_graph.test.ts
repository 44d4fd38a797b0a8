// The compiled graphs of text encoders: their matrix products, values that are read in place, and weights that programs
// share.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, type Device } from "#lib/runtime/device.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements } from "#lib/graph/tensor.js";
import { textConfig } from "#lib/models/text/text_config.js";
import { textGraph } from "#lib/models/text/text_runner.js";
import { parametersOf } from "#lib/models/parameters.js";
import { hashParameter } from "#lib/nn/random_weights.js";

const test = suite("text graphs");

const sizes = { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 96, vocab_size: 60 };
const CONFIGS = {
  bert: textConfig({ ...sizes, model_type: "bert" }),
  mobilebert: textConfig({ ...sizes, model_type: "mobilebert", embedding_size: 24, intra_bottleneck_size: 32 }),
};
type Family = keyof typeof CONFIGS;
const families = Object.keys(CONFIGS) as Family[];
const weights = (key: string, shape: readonly number[]) => hashParameter("text graphs/", key, shape);

function programOf(device: Device, family: Family, shape: readonly [number, number], rewrite = optimize) {
  const graph = textGraph("tokens", CONFIGS[family], shape);
  for (const [key, size] of parametersOf(graph)) {
    if (!device.parameters.has(key)) device.parameters.set(key, size, weights(key, size));
  }
  return compile(rewrite(graph), device);
}

type Inputs = Record<string, Int32Array | Uint8Array | Float32Array>;

function inputsOf(family: Family, [N, S]: readonly [number, number]): Inputs {
  const ids = Int32Array.from({ length: N * S }, (_, i) => (i * 31 + 7) % 60);
  const mask = Uint8Array.from(ids, (_, i) => Number(i % S < S - 3));
  const inputs: Inputs = { ids, types: new Int32Array(N * S), mask };
  if (family === "mobilebert") inputs.present = Float32Array.from(mask);
  return inputs;
}

for (const family of families) {
  test(`${family}: layers with the same input are one product, read in place, which includes residuals and activations`, () => {
    const device = createDevice({ device: "cpu", threads: 1 });
    const { instructions } = programOf(device, family, [2, 16]);
    const layer = instructions.filter((instruction) => instruction.layer === "layer.1").map(({ op }) => op);
    const mobile = ["linear", "linear", "attention", "linear", ...Array<string>(8).fill("linear"), "linear"];
    const plain = ["linear", "attention", "linear", "layer_norm", "linear", "linear", "layer_norm"];
    assert.equal(layer, family === "bert" ? plain : mobile);
    device.dispose();
  });

  test(`${family}: the rewritten graph computes the same as the traced one`, async () => {
    const shape = [2, 19] as const;
    const graph = textGraph("tokens", CONFIGS[family], shape);
    const inputs = inputsOf(family, shape);
    const values = Object.entries(inputs).map(([name, data]) => {
      return [name, { shape: graph.inputs.get(name)!.shape, data: Float64Array.from(data) }] as const;
    });
    const parameters = (key: string, size: readonly number[]) => {
      return { shape: size, data: Float64Array.from(weights(key, size)) };
    };
    const { y: expected } = evaluate64(graph, Object.fromEntries(values), parameters);
    for (const name of ["cpu", "cuda-emulated"] as const) {
      const device = createDevice({ device: name, threads: 2 });
      const program = programOf(device, family, shape);
      if (family === "bert") assert.not.ok(program.instructions.some(({ op }) => op === "slice"));
      const { y } = await program.run(inputs);
      let difference = 0;
      y.forEach((v, i) => {
        difference = Math.max(difference, Math.abs(v - expected.data[i]));
      });
      console.log(`      ${family} on ${name}: largest difference ${difference.toExponential(1)}`);
      assert.ok(difference < 2e-5, `${name}: ${difference}`);
      device.dispose();
    }
  });

  test(`${family}: programs of other lengths and batches allocate no further weights`, async () => {
    const device = createDevice({ device: "cpu", threads: 2 });
    let held = 0;
    for (const shape of [
      [1, 16],
      [1, 32],
      [4, 64],
    ] as const) {
      await programOf(device, family, shape).run(inputsOf(family, shape));
      const { parameters } = device.memory();
      // position embeddings of another length are separate values
      const places = elements([shape[1], CONFIGS[family].hidden]) * 4;
      if (held) assert.ok(parameters - held <= places, `${parameters - held} bytes more for [${shape.join(", ")}]`);
      held = parameters;
    }
    device.dispose();
  });

  test(`${family}: a row has the same bits for every number of threads and batch`, async () => {
    const shape = [7, 32] as const;
    const inputs = inputsOf(family, shape);
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      const device = createDevice({ device: "cpu", threads });
      results.push((await programOf(device, family, shape).run(inputs)).y);
      const one = Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, data.slice(5 * 32, 6 * 32)]));
      const { y } = await programOf(device, family, [1, 32]).run(one);
      assert.equal(y, results.at(-1)!.slice(5 * y.length, 6 * y.length));
      device.dispose();
    }
    assert.equal(results[1], results[0]);
    assert.equal(results[2], results[0]);
  });
}

test.run();
