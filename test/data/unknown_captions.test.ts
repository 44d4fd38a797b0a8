// Packing says which words of captions the tokenizer does not know, and which captions became equal through them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeUnknownCaptions, UnknownCaptions } from "#lib/data/unknown_captions.js";
import { packDatasetFile } from "#lib/features/pack_dataset.js";
import { npyBytes } from "#lib/weights/npy.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("unknown captions");
const root = temporaryFolder("unknown-captions");
const at = (...parts: string[]) => join(root, ...parts);
const TOKENIZER = "models/shapes/tokenizer.json";
const CAPTIONS = [
  "a small pink star moves left",
  "a small brown star moves left",
  "a small red star moves left",
  "A small Pink star moves left",
  "a grey square moves left",
  "a pink pink pink cross vanishes",
];

function write(folder: string, captions: readonly string[]): string[] {
  mkdirSync(at(folder), { recursive: true });
  const lines = captions.map((text, i) => {
    writeFileSync(at(folder, `v${i}.npy`), npyBytes(new Float32Array(40).fill(i), [10, 4], "f32"));
    return JSON.stringify({ video: `v${i}`, start: 0, end: 2, text });
  });
  writeFileSync(at(`${folder}.jsonl`), `${lines.join("\n")}\n`);
  return ["data", "pack", "jsonl", at(`${folder}.jsonl`), "--features", at(folder), "--tokenizer", TOKENIZER, "--quiet"]; // prettier-ignore
}

test("the summary and the manifest name the most frequent words and the captions that became equal", () => {
  const command = write("videos", CAPTIONS);
  const run = videoclip(...command, "--out", at("packed"));
  assert.is(run.status, 0, run.stderr);
  assert.match(run.stdout, /unknown words: 7 in 5 captions, most often "pink" \(4\), "brown" \(1\), "Pink" \(1\), "grey" \(1\): the tokenizer/); // prettier-ignore
  assert.match(run.stdout, /equal captions: 3 became equal through unknown words, such as "a small pink star moves left" and "a small brown star moves left"/); // prettier-ignore
  const manifest = JSON.parse(readFileSync(at("packed", "pack.json"), "utf8"));
  const expected = {
    words: 7,
    captions: 5,
    most: [["pink", 4], ["brown", 1], ["Pink", 1], ["grey", 1]],
    equal: 3,
    example: CAPTIONS.slice(0, 2),
  }; // prettier-ignore
  assert.equal(manifest.unknown, expected);
  const [json] = videoclip(...command, "--out", at("packed-json"), "--json").lines();
  assert.equal([json.unknownWords, json.unknown], [7, expected]);
});

test("captions of known words have no such lines", () => {
  const command = write("known", ["a red star moves left", "a red star moves left"]);
  const run = videoclip(...command, "--out", at("known-packed"));
  assert.not.match(run.stdout, /^(unknown words|equal captions):/m);
  assert.not.ok("unknown" in JSON.parse(readFileSync(at("known-packed", "pack.json"), "utf8")));
});

test("captions that are equal anyway, or differ in known words, did not become equal", () => {
  const captions = new UnknownCaptions();
  captions.add("a pink star", [5, 1, 50], ["pink"]);
  captions.add("a pink star", [5, 1, 50], ["pink"]);
  captions.add("a Pink star", [5, 1, 50], ["Pink"]);
  captions.add("a pink cross", [5, 1, 16], ["pink"]);
  const report = captions.report()!;
  assert.equal([report.words, report.captions, report.equal, report.example], [4, 4, 0, undefined]);
  assert.is(describeUnknownCaptions(report).length, 1);
  assert.is(new UnknownCaptions().report(), undefined);
});

test("a run that is interrupted goes on with its counts", async () => {
  write("long", CAPTIONS);
  const options = { features: at("long"), tokenizer: TOKENIZER, shardBytes: 1 };
  const abort = new AbortController();
  try {
    await packDatasetFile("jsonl", at("long.jsonl"), at("resumed"), {
      ...options,
      signal: abort.signal,
      onProgress: ({ shards }) => {
        if (shards === 2) abort.abort(new Error("stop"));
      },
    });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /stop/);
  }
  const { unknown } = await packDatasetFile("jsonl", at("long.jsonl"), at("resumed"), options);
  assert.equal([unknown!.words, unknown!.captions], [7, 5]);
  assert.equal(unknown!.most[0], ["pink", 4]);
  assert.equal(unknown!.example, CAPTIONS.slice(0, 2));
});

test.run();
