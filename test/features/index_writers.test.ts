// Writers of a feature index are killed, or two write at the same time.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { video, videos } from "./indexed_videos.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("writers of an index");
const root = temporaryFolder("index");
let folders = 0;
const folder = () => join(root, `index-${folders++}`);

const script = join(root, "writer.mjs");
writeFileSync(
  script,
  `import { FeatureIndex } from ${JSON.stringify(new URL("../../dist/features/feature_index.js", import.meta.url).href)};
const [at, name, count] = process.argv.slice(2);
const index = await FeatureIndex.open(at, { threads: 1 });
try {
  for (let i = 0; i < Number(count); i++) {
    const rows = Float32Array.from({ length: 3 * 64 }, (_, j) => (index.videos().length * 7 + j) % 11);
    await index.append([{ video: name + " " + index.videos().length, rows, spans: [[0, 1], [1, 2], [2, 3]] }]);
    process.stdout.write("saved " + index.videos().length + "\\n");
  }
} catch (error) {
  process.stdout.write("refused " + error.code + " " + error.message + "\\n");
}
`,
);
function writer(at: string, name: string, count: number): { child: ChildProcess; ended: Promise<string> } {
  const child = spawn(process.execPath, [script, at, name, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout!.on("data", (chunk) => {
    output += chunk;
  });
  return { child, ended: new Promise((resolve) => child.on("close", () => resolve(output))) };
}

/** Checks every row of an index that the writers above made, and returns the number of videos. */
async function check(at: string, least: number): Promise<number> {
  const index = await FeatureIndex.open(at, { threads: 1 });
  const names = index.videos();
  assert.ok(names.length >= least, `${names.length} of at least ${least} videos`);
  assert.is(index.size, 3 * names.length);
  assert.is(new Set(names).size, names.length);
  for (const name of names) {
    const i = Number(name.split(" ")[1]); // the number of videos that the writer knew
    const query = new Float32Array(64);
    query[5] = 1;
    const { scores } = await index.similarityOverTime(query, name);
    assert.equal(
      Array.from(scores),
      [0, 1, 2].map((row) => (i * 7 + row * 64 + 5) % 11),
    );
  }
  index.dispose();
  return names.length;
}

test("20 SIGKILLs during appends lose no saved video", async () => {
  const at = folder();
  (await FeatureIndex.create(at, { dim: 64 })).dispose();
  let saved = 0;
  let cut = 0;
  for (let kill = 0; kill < 20; kill++) {
    const { child, ended } = writer(at, "killed", 100_000);
    // from the first append on, at a random moment
    child.stdout!.once("data", () => setTimeout(() => child.kill("SIGKILL"), 3 * kill + Math.random() * 5));
    const output = await ended;
    assert.not.match(output, /refused/);
    const counts = [...output.matchAll(/saved (\d+)\n/g)].map((match) => Number(match[1]));
    const before = readFileSync(join(at, "rows-0.bin")).length;
    saved = await check(at, Math.max(saved, counts.at(-1) ?? 0));
    if (before > 64 + saved * 3 * 64 * 2 || saved > (counts.at(-1) ?? 0)) cut++;
  }
  console.log(`  ${saved} videos, ${cut} of 20 kills fell into an append`);
});

test("a SIGKILL while a video is replaced leaves the index as before or as after the replacement", async () => {
  const at = folder();
  const dim = 64;
  const list = videos(400, dim);
  const index = await FeatureIndex.create(at, { dim, dtype: "f32" });
  await index.append(list);
  index.dispose();
  const names = list.map(({ video: name }) => name).sort();
  const replacer = join(root, "replacer.mjs");
  writeFileSync(
    replacer,
    readFileSync(script, "utf8")
      .replace("for (let i = 0; i < Number(count); i++)", "for (;;)")
      .replace(/await index\.append\([^\n]*\n/, "await index.append([{ video: 'video 5', rows, spans: [[0, 1], [1, 2], [2, 3]] }], { replace: true });\n"), // prettier-ignore
  );
  let generation = 0;
  for (let kill = 0; kill < 6; kill++) {
    const child = spawn(process.execPath, [replacer, at], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout!.once("data", () => setTimeout(() => child.kill("SIGKILL"), 7 * kill + Math.random() * 10));
    await new Promise((resolve) => child.on("close", resolve));
    const again = await FeatureIndex.open(at, { threads: 1 });
    assert.equal([...again.videos()].sort(), names);
    assert.ok(again.manifest.generation > generation);
    generation = again.manifest.generation;
    for (const i of [0, 4, 6, 399]) {
      const query = list[i].rows.slice(0, dim);
      const { scores } = await again.similarityOverTime(query, `video ${i}`);
      assert.ok(Math.abs(scores[0] - query.reduce((sum, v) => sum + v * v, 0)) < 1e-4);
    }
    assert.is((await again.similarityOverTime(new Float32Array(dim), "video 5")).scores.length, 3);
    again.dispose();
  }
});

test("of two simultaneous writers one is refused, and the index stays complete", async () => {
  const at = folder();
  (await FeatureIndex.create(at, { dim: 64 })).dispose();
  const outputs = await Promise.all(["a", "b", "c"].map((name) => writer(at, name, 40).ended));
  const losers = outputs.filter((output) => output.includes("refused"));
  for (const output of losers)
    assert.match(output, /refused ERR_INVALID_ARGUMENT another process \(process \d+ on .*\) writes to this folder/);
  const done = outputs.flatMap((output) => [...output.matchAll(/saved/g)]).length;
  assert.is(await check(at, done), done);
  // the same within one process
  const index = await FeatureIndex.open(at);
  async function* slow() {
    yield video("a slow one", 1, 64);
    await refused(() => index.append([video("second", 1, 64)]), /writes to this folder/, InvalidArgumentError);
  }
  assert.is(await index.append(slow()), 1);
  index.dispose();
});

test("a search ends with the files that it began with, though the index is written meanwhile in the same process", async () => {
  const at = folder();
  using index = await FeatureIndex.create(at, { dim: 8, text: { kind: "test", path: "x" } });
  await index.append(videos(30, 8));
  const vector = Float32Array.from({ length: 8 }, (_, i) => i - 3);
  const before = await index.search({ vector, top: 20 });
  for (const path of ["y", "z"]) {
    const during = index.search({ vector, top: 20 });
    index.setText({ kind: "test", path }); // opens the files again at once
    assert.equal(await during, before);
  }
  const during = index.search({ vector, top: 20 });
  await Promise.all([during, index.remove(videos(15, 8).map(({ video: name }) => name))]);
  assert.equal(await during, before);
});

test.run();
