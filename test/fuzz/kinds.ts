// Kinds of damaged files and their readers: checkpoints, tokenizers, arrays, indexes, manifests, videos and pictures.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { readFeatureFile, readFeatureFolders } from "#lib/features/extracted_features.js";
import { openVideo, resolvePreset } from "#lib/index.js";
import { loadTokenizer } from "#lib/text/wordpiece.js";
import { ByteFile } from "#lib/weights/byte_file.js";
import { openWeights } from "#lib/weights/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { readNpy } from "#lib/weights/read_npy.js";
import { writeMediaSamples } from "../support/media_samples.js";
import { mutateBytes, mutateJson, type Next } from "./mutate.js";

export interface Kind {
  /** Makes the undamaged files. */
  prepare(folder: string): Promise<void> | void;
  /** Writes a damaged file into the folder; returns its bytes. */
  damage(folder: string, next: Next): number;
  /** Reads the damaged file completely. */
  read(folder: string, next: Next): Promise<void>;
  /** Cases of this kind per thousand of all files; media are counted separately. */
  share: number;
}

const containers = "test/fixtures/containers";
const vocabulary = "test/fixtures/tokenizer/vocab.txt";

/** The damaged video or picture, with the ending of the undamaged file. */
let mediaFile = "";
let sources: [string, Buffer][] = [];
const load = (folder: string, names: readonly string[]) => {
  sources = names.map((name) => [name, readFileSync(join(folder, name))]);
};
const chosen = (next: Next) => sources[next(sources.length)];
function write(path: string, bytes: Uint8Array | string): number {
  writeFileSync(path, bytes);
  return Buffer.byteLength(bytes);
}

const checkpoints = (pattern: RegExp) => (): void => {
  const names = readdirSync(containers).filter((name) => pattern.test(name) && !name.startsWith("bad_"));
  load(containers, names.filter((name) => readFileSync(join(containers, name)).length < 200_000)); // prettier-ignore
};

async function readWeights(path: string): Promise<void> {
  const file = await openWeights(path);
  try {
    for (const tensor of file.tensors.values()) tensor.read();
  } finally {
    file.close();
  }
}

/** Changes the header of a safetensors file as JSON; its length field is correct unless it is changed as well. */
function damageHeader(bytes: Buffer, next: Next): Buffer {
  const length = bytes.length >= 8 ? Number(bytes.readBigUInt64LE(0)) : 0;
  let header: string;
  try {
    header = mutateJson(bytes.toString("utf8", 8, 8 + length), next);
  } catch {
    return mutateBytes(bytes, bytes, next);
  }
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([size, Buffer.from(header), bytes.subarray(8 + length)]);
}

const PRESET = resolvePreset("shapes", { frames: 4, stride: 4 });

export const KINDS: Record<string, Kind> = {
  safetensors: {
    share: 200,
    prepare: checkpoints(/\.safetensors$/),
    damage: (folder, next) => {
      const [bytes, other] = [chosen(next)[1], chosen(next)[1]];
      return write(
        join(folder, "x.safetensors"),
        next(2) ? mutateBytes(bytes, other, next) : damageHeader(bytes, next),
      );
    },
    read: (folder) => readWeights(join(folder, "x.safetensors")),
  },
  torch: {
    share: 250,
    prepare: checkpoints(/\.(pth|pt|bin)$/),
    damage: (folder, next) => write(join(folder, "x.pth"), mutateBytes(chosen(next)[1], chosen(next)[1], next)),
    read: (folder) => readWeights(join(folder, "x.pth")),
  },
  shards: {
    share: 100,
    prepare: (folder) => {
      for (const i of [1, 2]) {
        const header = Buffer.from(
          `{"part${i}.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}`.padEnd(72),
        );
        const size = Buffer.of(header.length, 0, 0, 0, 0, 0, 0, 0);
        const values = Float32Array.from({ length: 6 }, (_, k) => 10 * i + k);
        writeFileSync(
          join(folder, `model-${i}.safetensors`),
          Buffer.concat([size, header, Buffer.from(values.buffer)]),
        );
      }
      const map = { "part1.weight": "model-1.safetensors", "part2.weight": "model-2.safetensors" };
      writeFileSync(join(folder, "whole.json"), JSON.stringify({ metadata: { total_size: 48 }, weight_map: map }));
      load(folder, ["whole.json"]);
    },
    damage: (folder, next) => {
      const text = sources[0][1];
      return write(join(folder, "model.safetensors.index.json"), next(2) ? mutateJson(text.toString(), next) : mutateBytes(text, text, next)); // prettier-ignore
    },
    read: (folder) => readWeights(join(folder, "model.safetensors.index.json")),
  },
  "tokenizer.json": {
    share: 100,
    prepare: (folder) => {
      const words = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c ##a ##b ##c the cat sat , . ##ing 猫".split(" ");
      const added = words.slice(0, 5).map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })); // prettier-ignore
      const normalizer = { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }; // prettier-ignore
      const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab: Object.fromEntries(words.map((word, i) => [word, i])) }; // prettier-ignore
      const json = { version: "1.0", truncation: null, padding: null, added_tokens: added, normalizer, pre_tokenizer: { type: "BertPreTokenizer" }, post_processor: { type: "BertProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2] }, decoder: { type: "WordPiece", prefix: "##", cleanup: true }, model }; // prettier-ignore
      writeFileSync(join(folder, "whole.json"), JSON.stringify(json));
      const special = (name: string, id: number) => ({ [name]: { id: name, ids: [id], tokens: [name] } });
      const add = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
      const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
      const single = [add("[CLS]", 0), text("A", 0), add("[SEP]", 0)];
      const template = { type: "TemplateProcessing", single, pair: [...single, text("B", 1), add("[SEP]", 1)], special_tokens: { ...special("[CLS]", 2), ...special("[SEP]", 3) } }; // prettier-ignore
      const truncation = { direction: "Right", max_length: 512, strategy: "LongestFirst", stride: 0 };
      const padding = { strategy: "BatchLongest", direction: "Right", pad_to_multiple_of: null, pad_id: 0, pad_type_id: 0, pad_token: "[PAD]" }; // prettier-ignore
      writeFileSync(join(folder, "template.json"), JSON.stringify({ ...json, post_processor: template, truncation, padding })); // prettier-ignore
      load(folder, ["whole.json", "template.json"]);
    },
    damage: (folder, next) => {
      const text = chosen(next)[1];
      return write(join(folder, "tokenizer.json"), next(4) ? mutateJson(text.toString(), next) : mutateBytes(text, text, next)); // prettier-ignore
    },
    read: async (folder) => useTokenizer(join(folder, "tokenizer.json")),
  },
  "vocab.txt": {
    share: 50,
    prepare: (folder) => {
      const lines = readFileSync(vocabulary, "utf8").trimEnd().split("\n");
      const count = lines.length;
      writeFileSync(join(folder, "whole.txt"), lines.join("\n"));
      writeFileSync(join(folder, "whole.json"), JSON.stringify({ do_lower_case: true, tokenize_chinese_chars: true, strip_accents: null, unk_token: "[UNK]", added_tokens_decoder: { "1": { content: "[UNK]", special: true }, [`${count}`]: { content: "new", lstrip: true } } })); // prettier-ignore
      load(folder, ["whole.txt", "whole.json"]);
    },
    damage: (folder, next) => {
      const [[, text], [, config]] = sources;
      const changed = next(2);
      write(join(folder, "tokenizer_config.json"), changed ? mutateJson(config.toString(), next) : config);
      return write(join(folder, "vocab.txt"), changed ? text : mutateBytes(text, text, next)) + config.length;
    },
    read: async (folder) => useTokenizer(join(folder, "vocab.txt")),
  },
  npy: {
    share: 150,
    prepare: (folder) => {
      const data = Float32Array.from({ length: 120 }, (_, i) => i - 60.5);
      writeFileSync(join(folder, "f16.npy"), npyBytes(data, [10, 12], "f16"));
      writeFileSync(join(folder, "f32.npy"), npyBytes(data, [120], "f32"));
      const fortran = npyBytes(data, [12, 10], "f32");
      writeFileSync(join(folder, "fortran.npy"), Buffer.from(Buffer.from(fortran).toString("latin1").replace("False", "True "), "latin1")); // prettier-ignore
      load(folder, ["f16.npy", "f32.npy", "fortran.npy"]);
    },
    damage: (folder, next) => {
      let bytes = mutateBytes(chosen(next)[1], chosen(next)[1], next);
      if (next(2)) bytes = mutateBytes(bytes.subarray(0, 128), chosen(next)[1], next); // the header more often than the data
      return write(join(folder, "x.npy"), bytes);
    },
    read: async (folder) => {
      const file = new ByteFile(join(folder, "x.npy"));
      try {
        readNpy(file);
      } finally {
        file.close();
      }
    },
  },
  index: {
    share: 75,
    prepare: async (folder) => {
      const index = await FeatureIndex.create(join(folder, "whole"), { dim: 8, dtype: "f16", settings: { features: {} }, text: null, threads: 1 }); // prettier-ignore
      const video = (name: string, rows: number) => ({ video: name, rows: Float32Array.from({ length: rows * 8 }, (_, i) => Math.sin(i)), spans: Array.from({ length: rows }, (_, i) => [i, i + 1] as const) }); // prettier-ignore
      await index.append([video("a.mp4", 3), video("/b/ü.mp4", 4)]);
      index.dispose();
      load(join(folder, "whole"), readdirSync(join(folder, "whole")).filter((name) => !name.startsWith("."))); // prettier-ignore
      cpSync(join(folder, "whole"), join(folder, "x"), { recursive: true });
    },
    damage: (folder, next) => {
      for (const [name, bytes] of sources) writeFileSync(join(folder, "x", name), bytes);
      const [name, bytes] = chosen(next);
      const json = name.endsWith(".json") && next(2);
      write(join(folder, "x", name), json ? mutateJson(bytes.toString(), next) : mutateBytes(bytes, chosen(next)[1], next)); // prettier-ignore
      return sources.reduce((sum, [, one]) => sum + one.length, 0);
    },
    read: async (folder, next) => {
      const index = await FeatureIndex.open(join(folder, "x"), { threads: 1 });
      try {
        index.videos();
        if (next(20) === 0) await index.search({ vector: new Float32Array(index.dim).fill(1), top: 3 });
      } finally {
        index.dispose();
      }
    },
  },
  manifest: {
    share: 75,
    prepare: (folder) => {
      const settings = { model: "s3d-tiny", dim: 4, dtype: "f32", preset: { name: "shapes" } };
      const entry = (i: number) => ({ path: `/v/${i}.mp4`, file: `${i}.npy`, duration: 2, clips: 2, timestamps: [[0, 1], [1, 2]], padded_frames: 0, source: { bytes: 9, modified: 8, sample: "ab" }, settings, finished_at: "2026-01-01T00:00:00.000Z" }); // prettier-ignore
      for (let i = 0; i < 3; i++) writeFileSync(join(folder, `${i}.npy`), npyBytes(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [2, 4], "f32")); // prettier-ignore
      writeFileSync(join(folder, "whole.json"), JSON.stringify([0, 1, 2].map(entry)));
      load(folder, ["whole.json"]);
    },
    damage: (folder, next) => {
      let entries: unknown = JSON.parse(
        next(2) ? mutateJson(sources[0][1].toString(), next) : sources[0][1].toString(),
      );
      if (!Array.isArray(entries)) entries = [entries];
      const text = (entries as unknown[]).map((entry) => `${JSON.stringify(entry)}\n`).join("");
      const bytes = Buffer.from(text);
      return write(join(folder, "manifest.jsonl"), next(2) ? mutateBytes(bytes, bytes, next) : bytes);
    },
    read: async (folder) => {
      for (const file of readFeatureFolders([folder]).files) readFeatureFile(file);
    },
  },
  media: {
    share: 0,
    prepare: async (folder) => {
      const whole = join(folder, "whole");
      if (!existsSync(whole)) await writeMediaSamples(whole, 8);
      mkdirSync(join(folder, "x"), { recursive: true });
      load(whole, readdirSync(whole).sort());
    },
    damage: (folder, next) => {
      const [name, bytes] = chosen(next);
      mediaFile = join(folder, "x", `x${name.slice(name.lastIndexOf("."))}`);
      return write(mediaFile, mutateBytes(bytes, chosen(next)[1], next));
    },
    read: async (_, next) => {
      const decoder = next(20) === 0 ? "ffmpeg" : "node-av";
      for await (const clip of await openVideo(mediaFile, { preset: PRESET, decoder })) void clip.frames;
    },
  },
};

function useTokenizer(path: string): void {
  const tokenizer = loadTokenizer(path);
  const size = tokenizer.size;
  const { ids } = tokenizer.encode(["The cat sat, abc 猫 new [MASK] x\u0301 ﬁ", "ing"]);
  if (ids.some((id) => !Number.isInteger(id) || id < 0 || id >= size)) throw new Error(`ids ${ids.join()} of ${size}`);
}
