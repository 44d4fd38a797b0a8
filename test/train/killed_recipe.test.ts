// videoclip train that is killed at any moment has no model or a whole one, and ends with the model of an undisturbed run.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { npyBytes } from "#lib/weights/npy.js";
import { CLI } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CONFIG, WIDTH } from "./small_pack.js";

const test = suite("killed recipe");
const folder = temporaryFolder("killed-recipe");

const lines = Array.from({ length: 6 }, (_, i) => {
  const random = new Random(7, 0, i);
  const values = Float32Array.from({ length: 4 * WIDTH }, () => random.normal());
  writeFileSync(join(folder, `${i}.npy`), npyBytes(values, [4, WIDTH], "f32"));
  return JSON.stringify({ features: `${i}.npy`, text: [3 + i, 10 + i] });
});
writeFileSync(join(folder, "pairs.jsonl"), lines.join("\n"));
const config = {
  task: "contrastive",
  out: "undisturbed",
  device: "cpu",
  threads: 1,
  model: { config: CONFIG },
  data: { train: "pairs.jsonl", validation: "pairs.jsonl" },
  optimizer: { kind: "adam" },
  schedule: { kind: "cosine", learningRate: 0.01 },
  steps: 24,
  batch: 3,
  evaluateEvery: 1,
  saveEvery: 5,
  keep: 1,
  metric: "loss",
};
writeFileSync(join(folder, "run.json"), JSON.stringify(config));

/** Trains until `most` more steps are reported, then kills the process; true if it ended before. */
function trainUntil(out: string, most: number): Promise<boolean> {
  const args = ["train", "--config", join(folder, "run.json"), "--set", `out=${out}`, "--resume", "--json", "--quiet"];
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let seen = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString().split("\n").length - 1;
    if (seen >= most) child.kill("SIGKILL");
  });
  return new Promise((resolve) => child.on("exit", (code) => resolve(code === 0)));
}

test("a killed run has a whole model, and ends with that of an undisturbed run", async () => {
  assert.ok(await trainUntil("undisturbed", Infinity));
  for (const steps of [1, 4, 7, 3]) {
    assert.not(await trainUntil("killed", steps));
    if (!existsSync(join(folder, "killed", "model", "model.safetensors"))) continue;
    const model = await VideoClip.load(join(folder, "killed", "model"), { device: "cpu", threads: 1 });
    model.dispose();
  }
  assert.ok(await trainUntil("killed", Infinity));
  const hash = (out: string) =>
    createHash("sha256").update(readFileSync(join(folder, out, "model", "model.safetensors"))).digest("hex"); // prettier-ignore
  assert.is(hash("killed"), hash("undisturbed"));
  const names = (out: string, ...below: string[]) => readdirSync(join(folder, out, ...below)).sort();
  for (const below of ["model", "checkpoints", "model_files"]) {
    assert.equal(names("killed", below), names("undisturbed", below), below);
  }
});

test.run();
