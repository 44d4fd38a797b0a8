// Networks give the CPU's results with the kernels and runtime of a GPU: on the emulator, or on a GPU with
// VIDEOCLIP_DEVICE=cuda. VIDEOCLIP_NETWORKS chooses some networks.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, type Device, type DeviceName, type Precision } from "#lib/runtime/device.js";
import { optimize } from "#lib/compile/passes/index.js";
import { loadAddon } from "#lib/runtime/binding.js";
import { compile } from "#lib/runtime/compile.js";
import { elements, type Tensor } from "#lib/graph/tensor.js";
import { input, trace } from "#lib/graph/trace.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { loadParameters, parametersOf } from "#lib/models/parameters.js";
import { inception, S3D, S3DG, s3dFeatures, s3dgHead, s3dHead } from "#lib/models/video/s3d.js";
import { preprocess } from "#lib/nn/layers.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { resolvePreset } from "#lib/video/presets.js";
import { chosen, recorded } from "../support/journal.js";
import { relativeL2 } from "../support/numbers.js";

const test = suite("networks on a GPU");
const name = (process.env.VIDEOCLIP_DEVICE ?? "cuda-emulated") as DeviceName;
/** Limit of the relative L2 from the CPU in f32: the loss of ten layers of 16-bit activations. */
const LIMIT: Record<Precision, number> = { f32: 1e-5, bf16x3: 0, tf32: 1e-2, f16: 1e-2, bf16: 4e-2 };
const KINETICS = { mean: [0.43, 0.4, 0.38], std: [0.28, 0.27, 0.27] } as const;

const clip = (n: number, frames: number, size: number) => input("x", [n, frames, size, size, 3], "u8");
const crop = (size: number) => ({ ...KINETICS, top: 0, left: 0, height: size, width: size });

const NETWORKS: Record<string, (n: number) => Record<string, Tensor>> = {
  "a narrow S3D": (n) => {
    const video = preprocess(clip(n, 16, 32), { ...crop(32), spaceToDepth: false } as never);
    return { y: s3dHead(s3dFeatures(video, { ...S3D, width: 1 / 8 }), 12, { pool: [2, 1, 1] }).logits };
  },
  "a narrow S3D-G": (n) => {
    const video = preprocess(clip(n, 16, 32), { ...crop(32), spaceToDepth: true } as never);
    return { y: s3dgHead(s3dFeatures(video, { ...S3DG, width: 1 / 8 }, true)).video_embedding };
  },
  "an Inception block as wide as published": (n) => ({
    y: inception(input("x", [n, 2, 4, 5, 192]), S3DG, "3b"),
  }),
};

async function run(device: Device, network: string, n: number, rows: number[]): Promise<Float32Array> {
  const graph = trace(() => NETWORKS[network](n));
  await loadParameters(device.parameters, parametersOf(graph), { model: network, randomWeights: 5, ignored: /^/ });
  const [x] = graph.inputs.values();
  const size = elements(x.shape.slice(1));
  const values = rows.map((row) => hashValues("gpu/", `${row}`, size));
  const data = x.dtype === "u8" ? new Uint8Array(n * size) : new Float32Array(n * size);
  values.forEach((row, i) => data.set(x.dtype === "u8" ? row.map((v) => (v + 1) * 127) : row, i * size));
  const program = compile(optimize(graph), device);
  try {
    return (await program.run({ x: data })).y;
  } finally {
    program.dispose();
  }
}

const isChosen = chosen("VIDEOCLIP_NETWORKS");

test("a batch of S3D-G takes at most 100 launches", async () => {
  const { emulator } = loadAddon().addon;
  if (!isChosen("a narrow S3D-G")) return;
  if (!emulator || name !== "cuda-emulated") return console.log("SKIP: launches are counted on the emulator");
  const device = createDevice({ device: name, precision: "bf16" });
  const graph = trace(() => NETWORKS["a narrow S3D-G"](2));
  await loadParameters(device.parameters, parametersOf(graph), { model: "s3dg", randomWeights: 5, ignored: /^/ });
  const [x] = graph.inputs.values();
  const data = new Uint8Array(elements(x.shape));
  const program = compile(optimize(graph), device);
  await program.run({ x: data }); // also converts the weights
  emulator.counters();
  await program.run({ x: data });
  const { launches } = emulator.counters();
  process.stdout.write(`a narrow S3D-G: ${launches} launches\n`);
  assert.ok(launches > 50 && launches <= 100, `${launches}`);
  program.dispose();
  device.dispose();
});

for (const network of Object.keys(NETWORKS).filter(isChosen)) {
  test(`${network}: two devices at once give the bits of one`, async () => {
    if (name !== "cuda-emulated") return console.log("SKIP: two devices are on the emulator");
    const [first, second] = ([name, `${name}:1`] as const).map((device) => createDevice({ device, precision: "bf16" }));
    try {
      const expected = await run(first, network, 1, [0]);
      const both = await Promise.all([run(first, network, 1, [0]), run(second, network, 1, [0])]);
      assert.equal(both, [expected, expected]);
    } finally {
      first.dispose();
      second.dispose();
    }
  });
}

for (const network of Object.keys(NETWORKS).filter(isChosen)) {
  for (const precision of ["f32", "tf32", "bf16", "f16"] as const) {
    const title = `${network}, ${precision}: the GPU gives the CPU's results`;
    const body = async () => {
      const cpu = createDevice({ device: "cpu", winograd: false });
      const gpu = createDevice({ device: name, precision });
      try {
        const expected = await run(cpu, network, 2, [0, 1]);
        const got = await run(gpu, network, 2, [0, 1]);
        const error = relativeL2(got, expected);
        process.stdout.write(`${network}, ${precision}: relative L2 ${error.toExponential(1)}\n`);
        assert.ok(error <= LIMIT[precision], `relative L2 ${error}`);
        assert.ok(precision === "f32" || error > 1e-5, "the rounding of the precision is visible");
        // the same clip has the same bits at another position of another batch
        const alone = await run(gpu, network, 1, [1]);
        assert.equal(alone, got.slice(got.length / 2));
      } finally {
        cpu.dispose();
        gpu.dispose();
      }
    };
    test(title, recorded(network, title, body));
  }
}

for (const precision of ["f32", "bf16"] as const) {
  if (!isChosen("X3D-XS")) continue;
  const title = `X3D-XS from frames to features, ${precision}: the GPU gives the CPU's results`;
  const body = async () => {
    const preset = resolvePreset("x3d-xs", { frames: 4, size: 32 });
    const clips = Uint8Array.from({ length: 4 * 32 * 32 * 3 }, (_, i) => (i * 31) % 251);
    const options = { model: "x3d-xs", randomWeights: 3, preset, batch: 1, output: "features" } as const;
    const [expected, got] = await Promise.all(
      [{ device: "cpu" as const }, { device: name, precision }].map(async (on) => {
        const encoder = await VideoEncoder.load({ ...options, ...on });
        const { data } = await encoder.encode(clips);
        encoder.dispose();
        return data;
      }),
    );
    const error = relativeL2(got, expected);
    assert.ok(error <= LIMIT[precision], `relative L2 ${error}`);
  };
  test(title, recorded("X3D-XS", title, body));
}

test.run();
