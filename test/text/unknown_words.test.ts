// Words outside of the vocabulary are counted and named by tokenizers, models, packs and the commands.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packDatasetFile } from "#lib/data/index.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { s3dWords } from "#lib/text/s3d_words.js";
import { describeUnknown, UnknownWords } from "#lib/text/unknown_words.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { npyBytes } from "#lib/weights/npy.js";
import { jsonLines, videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("unknown words");
const folder = temporaryFolder("unknown");
const vocabulary = join(folder, "vocab.txt");
writeFileSync(vocabulary, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "stir", "the", "soup", "##s"].join("\n"));
const sizes = { hiddenSize: 8, heads: 1, intermediateSize: 8, videoLayers: 1, textLayers: 1, vocabularySize: 8 };
const config = { ...sizes, clsId: 2, sepId: 3, featureSize: 4 };
const model = VideoClip.random(1, { config, device: "cpu", threads: 1, tokenizer: vocabulary });
const saved = join(folder, "model");
await model.save(saved);
test.after(() => model.dispose());
const features = join(folder, "features");
mkdirSync(features);
writeFileSync(join(features, "v.npy"), npyBytes(new Float32Array(40).fill(1), [10, 4], "f32"));

test("a tokenizer names the words that become the unknown token", () => {
  const tokenizer = WordPieceTokenizer.load(vocabulary);
  const { ids, unknown } = tokenizer.encode("Stir the SOUPS, Zorp! zorp soupx [UNK]");
  assert.equal(unknown, [",", "Zorp", "!", "zorp", "soupx"]);
  assert.is(ids.filter((id) => id === tokenizer.unknown).length, 6, "including the token in the text");
  assert.equal(tokenizer.encode(["stir é", "the x"]).unknown, ["é", "x"]);
  assert.equal(tokenizer.encode("stir the zorp", { maxLength: 4 }).unknown, [], "only words that are kept");
  assert.equal(s3dWords(["stir", "soup"]).unknown("Stir the SOUP, don't"), ["the", "don't"]);
});

test("counts list the most frequent words first", () => {
  const words = new UnknownWords();
  assert.is(describeUnknown(words.report()), "");
  words.add(["a"]);
  assert.is(describeUnknown(words.report()), '1 word is not in the vocabulary of the model: "a"');
  words.add(["b", "c", "b"]);
  assert.equal(words.report(2), { count: 4, examples: ["b", "a"] });
  assert.match(describeUnknown(words.report(2)), /^4 words are .*: "b", "a" \.\.\.$/);
});

test("a model names unknown words by text, and counts them over all calls", async () => {
  const { unknown } = await model.encodeText(["stir", "Zorp the soup", "qux zorp"]);
  assert.equal(unknown, [{ text: 1, words: ["Zorp"] }, { text: 2, words: ["qux", "zorp"] }]); // prettier-ignore
  assert.equal((await model.encodeText([[4, 5]])).unknown, []);
  await model.encodeText("zorp");
  assert.is(model.unknownWords.count, 4);
});

test("a pack counts unknown words, and keeps the requested part of each caption", async () => {
  const file = join(folder, "captions.json");
  const text = ["stir the zap", "zorp 🍜 qux", "the soup"];
  writeFileSync(file, JSON.stringify({ v: { start: [0, 2, 20], end: [2, 4, 30], text } }));
  const packed = async (out: string, options: object) => {
    const given = { features, tokenizer: vocabulary, ...options };
    const { shards } = await packDatasetFile("howto100m", file, join(folder, out), given);
    return shards.map(({ captions, tokens, unknown }) => [captions, tokens, unknown])[0];
  };
  assert.equal(await packed("all", {}), [2, 6, 4]);
  assert.equal(await packed("late", { lateCaptions: true }), [3, 8, 4]);
  // "zorp 🍜" and "stir th": characters are code points
  assert.equal(await packed("cut", { captionCharacters: 6 }), [2, 4, 3]);
  assert.equal(await packed("both", { captionCharacters: 6, captionTokens: 1 }), [2, 2, 3]);
  const pack = ["data", "pack", "howto100m", file, "--features", features, "--tokenizer", vocabulary, "--quiet"];
  const cut = ["--caption-characters", "6", "--caption-tokens", "1", "--late-captions", "--json"];
  const { stdout, stderr } = videoclip(
    ...pack,
    "--out",
    join(folder, "cli"),
    ...cut,
    "--deduplicate",
    "shortest-prefix",
  );
  const report = JSON.parse(stdout || stderr) as Record<string, number>;
  assert.equal([report.captions, report.unknownWords], [3, 4]);
  const refused = videoclip("data", "check", "webvid", file, "--deduplicate", "longest");
  assert.match(refused.stderr, /--deduplicate: webvid has no such option/);
});

test("a flag chooses the rule for removing repeated parts of captions", () => {
  const file = join(folder, "rolling.json");
  const video = { start: [0, 2], end: [2, 4], text: ["the bar", "r soup"] };
  writeFileSync(file, JSON.stringify(Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`v${i}`, video]))));
  const words = (...flags: string[]) => {
    const { stdout } = videoclip("data", "check", "howto100m", file, "--json", ...flags);
    return (JSON.parse(stdout) as { wordsPerCaption: number }).wordsPerCaption;
  };
  // an "r" ends one caption and begins the other: by MMPT's rule a random one of them loses it
  assert.equal([words(), words("--deduplicate", "longest"), words("--no-deduplicate")], [2, 2, 2]);
  const shortest = words("--deduplicate", "shortest-prefix");
  assert.ok(shortest > 1.5 && shortest < 2, `${shortest}`);
});

test("commands print unknown words on stderr", () => {
  const said = /^2 words are not in the vocabulary of the model: "zorp", "qux"$/m;
  const out = join(folder, "embedded");
  const embed = videoclip("embed", "--model", saved, "--text", "stir zorp", "--text", "the qux", "--text", "soup", "--out", out); // prettier-ignore
  assert.match(embed.stderr, said);
  const lines = jsonLines(join(out, "text.jsonl")) as object[];
  assert.equal(lines[0], { row: 0, text: "stir zorp", unknown: ["zorp"] });
  assert.equal(lines[2], { row: 2, text: "soup" });
  const classify = videoclip("classify", features, "--model", saved, "--label", "stir zorp", "--label", "qux");
  assert.match(classify.stderr, said);
  const index = join(folder, "index");
  videoclip("index", features, "--model", saved, "--out", index, "--seconds", "1");
  const search = videoclip("search", "zorp the qux", "--index", index);
  assert.match(search.stderr, said, search.stderr);
  const truth = join(folder, "own.jsonl");
  writeFileSync(truth, `${JSON.stringify({ video: "v", start: 0, end: 4, text: "zorp the qux" })}\n`);
  const files = ["--truth", truth, "--predictions", join(folder, "own.npy"), "--features", features, "--quiet"];
  assert.match(videoclip("eval", "jsonl", ...files, "--model", saved).stderr, said);
});

test.run();
