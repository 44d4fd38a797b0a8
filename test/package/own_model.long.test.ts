// A user of the package defines a model: in an empty folder, from the tarball, in strict TypeScript.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packHere } from "../../scripts/pack.mjs";
import { missing, runPeer } from "../onnx/peer.js";
import { relativeL2 } from "../support/numbers.js";

const test = suite("own model from the package");
const folder = mkdtempSync(join(tmpdir(), "videoclip-own-"));
test.after(() => rmSync(folder, { recursive: true }));

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  assert.is(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Three blocks of S3D's separable unit; squares that move in four directions. */
const OWN = `
import { writeFileSync } from "node:fs";
import { accuracy, Random, Trainer } from "videoclip/train";
import * as nn from "videoclip/nn";

const [T, S] = [8, 16];
const net = (video: nn.Tensor) => {
  let x = video;
  for (const [i, width] of [12, 24, 48].entries()) {
    const stride: nn.Triple = i === 0 ? [1, 1, 1] : [1, 2, 2];
    x = nn.scope(\`block.\${i}\`, () => {
      const space = nn.conv3d(x, "space", width, { kernel: [1, 3, 3], stride, padding: "same", bias: false });
      const y = nn.relu(nn.batchNorm(space, "space_norm"));
      return nn.relu(nn.batchNorm(nn.conv3d(y, "time", width, { kernel: [3, 1, 1], padding: [1, 0, 0], bias: false }), "time_norm"));
    });
  }
  return { logits: nn.linear(nn.globalMean(x), "head", 4) };
};

function square(seed: number, index: number) {
  const random = new Random(seed, 0, index);
  const label = random.integer(0, 3);
  const [dx, dy] = ([[1, 0], [-1, 0], [0, 1], [0, -1]] as const)[label as 0 | 1 | 2 | 3];
  const [left, top] = [random.integer(0, S - 1), random.integer(0, S - 1)];
  const video = new Float32Array(T * S * S * 3);
  for (let t = 0; t < T; t++)
    for (let i = 0; i < 16; i++) {
      const [y, x] = [(top + dy * t + (i >> 2) + T * S) % S, (left + dx * t + (i & 3) + T * S) % S];
      video.fill(1, ((t * S + y) * S + x) * 3, ((t * S + y) * S + x) * 3 + 3);
    }
  return { video, label };
}

const model = nn.Model.create(net, { inputs: { video: [T, S, S, 3] }, seed: 1 });
const trainer = new Trainer({
  model,
  data: Array.from({ length: 256 }, (_, i) => square(1, i)),
  batch: 32,
  loss: ({ logits }, { label }) => nn.losses.crossEntropy(logits, label),
  optimizer: { kind: "adamw" },
  schedule: { kind: "cosine", learningRate: 3e-3, warmup: undefined },
  steps: 80,
});
for await (const { loss } of trainer.run({ signal: undefined })) loss satisfies number;
const held = Array.from({ length: 100 }, (_, i) => square(2, i));
const video = Float32Array.from(held.flatMap((clip) => [...clip.video]));
const { logits } = await model.run({ video });
const right = accuracy(logits.data, held.map(({ label }) => label), 4);
await model.save("own");
const loaded = await nn.Model.load(net, "own");
const again = await loaded.run({ video: { data: video, shape: [100, T, S, S, 3] } });
const same = again.logits.data.every((value, i) => value === logits.data[i]);
await model.toOnnx({ batch: 100 }).save("own.onnx");
writeFileSync("video.bin", video);
writeFileSync("logits.bin", logits.data);

const head = (clip: nn.Tensor) => ({ logits: nn.linear(nn.videoEncoder(clip, "encoder", { model: "x3d-s" }), "head", 2) });
const losses: number[] = [];
const x3d = nn.Model.create(head, { inputs: { clip: [2, 32, 32, 3] }, dtypes: { clip: "u8" }, seed: 1 });
const clips = Array.from({ length: 6 }, (_, i) => {
  const random = new Random(3, 0, i);
  return { clip: Uint8Array.from({ length: 2 * 32 * 32 * 3 }, (_, p) => 99 * random.uniform() + (p % 3 === i % 2 ? 150 : 0)), label: i % 2 };
});
const fine = new Trainer({
  model: x3d,
  data: clips,
  batch: 6,
  loss: ({ logits }, { label }) => nn.losses.crossEntropy(logits, label),
  optimizer: { kind: "adamw", maxNorm: 1 },
  schedule: { kind: "constant", learningRate: 3e-5 },
  steps: 5,
});
for await (const { loss } of fine.run()) losses.push(loss);

// @ts-expect-error no such output
logits.rows;
export const wrong = [
  // @ts-expect-error no such input
  () => model.run({ clip: video }),
  () =>
    new Trainer({
      model,
      data: [square(1, 1)],
      // @ts-expect-error no such array in a batch
      loss: ({ logits }, { labels }) => nn.losses.crossEntropy(logits, labels),
      optimizer: { kind: "sgd" },
      steps: 1,
    }),
];
console.log(JSON.stringify({ right, same, losses }));
`;

let report: { right: number; same: boolean; losses: number[] } | undefined;

test("the types are correct in strict mode, and the program runs", () => {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  run("npm", "install", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund", ...packHere(folder));
  writeFileSync(join(folder, "own.ts"), OWN);
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noImplicitOverride"];
  const target = ["--target", "es2022", "--lib", "es2023,esnext.disposable", "--module", "nodenext"];
  const types = ["--typeRoots", resolve("node_modules/@types"), "--types", "node"];
  run(process.execPath, resolve("node_modules/typescript/bin/tsc"), ...strict, ...target, ...types, "own.ts");
  report = JSON.parse(run(process.execPath, "own.js"));
});

test("the defined model learns and reloads to the same bits, and an X3D with a new head learns", () => {
  assert.ok(report!.right > 0.9, `${report!.right}`);
  assert.ok(report!.same);
  const { losses } = report!;
  assert.ok(losses.at(-1)! < losses[0], `${losses}`);
});

if (missing) {
  console.log(`SKIP: the exported own model in onnxruntime: ${missing}`);
  test.skip("the exported model in onnxruntime", () => {});
} else {
  test("onnxruntime computes the same from the exported file", async () => {
    const floats = (name: string) => new Float32Array(new Uint8Array(readFileSync(join(folder, name))).buffer);
    const video = { data: floats("video.bin"), shape: [100, 8, 16, 16, 3] };
    const { logits } = await runPeer(readFileSync(join(folder, "own.onnx")), { video });
    const error = relativeL2(logits.data, floats("logits.bin"));
    console.log(`relative L2 ${error.toExponential(2)}`);
    assert.ok(error <= 1e-5, `${error}`);
  });
}

test.run();
