// Weight files with the keys of the published models and generated values, as small as the models permit.
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { input, trace } from "#lib/graph/trace.js";
import { parametersOf } from "#lib/models/parameters.js";
import { s3dgText } from "#lib/models/video/s3d.js";
import { textConfig } from "#lib/models/text/text_config.js";
import { textGraph } from "#lib/models/text/text_runner.js";
import { VIDEO_MODELS, type VideoModelName, videoOutput } from "#lib/models/video/video_models.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { writeSafetensors } from "#lib/weights/index.js";
import type { ParameterShapes } from "#lib/weights/load_into.js";
import { npyBytes, npyStrings } from "#lib/weights/npy.js";
import { stored } from "#lib/weights/tensor.js";

const WORDS =
  "a add an and appears blue bowl chop crack cream cut dog egg eggs green heat how in is it left moves of oil onion onions red right " +
  "salt she small soup star stir the to video video whisk you";
const words = [...new Set(WORDS.split(" "))];

function write(path: string, shapes: ParameterShapes): void {
  const tensors = [...shapes].map(
    ([key, shape]) => [key, stored(shape, () => hashParameter("docs/", key, shape), "f16")] as const,
  );
  writeSafetensors(path, new Map(tensors));
}

/** Writes every parameter of a video encoder, and of its text tower if it has one. */
export function videoWeights(path: string, name: string): void {
  const model = name as VideoModelName;
  const { outputs, clip } = VIDEO_MODELS[model];
  const shapes = Object.keys(outputs).flatMap((output) => {
    const size = [1, clip.frames, clip.size, clip.size, 3];
    return [...parametersOf(trace(() => ({ y: videoOutput(input("video", size), model, output) })))];
  });
  const text = model === "s3dg" ? [...parametersOf(trace(() => ({ y: s3dgText(input("ids", [1, 16], "i32")) })))] : [];
  write(path, new Map([...shapes, ...text]));
}

export const s3dWordList = (path: string): void => writeFileSync(path, npyStrings(words));

/** A vocabulary with bert-base-uncased's positions of special tokens, and letters, so that every word has pieces. */
export function wordPieces(): string {
  const unused = Array.from({ length: 99 }, (_, i) => `[unused${i}]`);
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const special = ["[PAD]", ...unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const pieces = [...special, ..."0123456789.,?!'", ...letters, ...letters.map((letter) => `##${letter}`)];
  return `${[...pieces, ...words.filter((word) => word.length > 1)].join("\n")}\n`;
}

/** Writes a Hugging Face folder of two small layers. */
export function textModel(folder: string, family: "bert" | "mobilebert"): void {
  const fields = {
    model_type: family,
    architectures: [family === "bert" ? "BertForPreTraining" : "MobileBertForPreTraining"],
    vocab_size: wordPieces().trim().split("\n").length,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: family === "bert" ? 8 : 4,
    intermediate_size: 128,
    max_position_embeddings: 512,
    ...(family === "bert" ? {} : { embedding_size: 32, intra_bottleneck_size: 32, classifier_activation: false }),
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(fields));
  writeFileSync(join(folder, "vocab.txt"), wordPieces());
  const config = textConfig(fields);
  const tasks = ["tokens", "pooled", "mlm", "nsp"] as const;
  write(
    join(folder, "model.safetensors"),
    new Map(tasks.flatMap((task) => [...parametersOf(textGraph(task, config, [1, 4]))])),
  );
}

/**
 * Writes a VideoCLIP with one layer in each tower that reads S3D-G's `video_embedding`, with its tokenizer and video
 * encoder.
 */
export async function videoClip(folder: string, weights: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const vocabulary = join(folder, "vocab.txt");
  writeFileSync(vocabulary, wordPieces());
  const config = {
    hiddenSize: 128,
    heads: 2,
    intermediateSize: 128,
    videoLayers: 1,
    textLayers: 1,
    vocabularySize: wordPieces().trim().split("\n").length,
  };
  const model = VideoClip.random(1, { config, tokenizer: vocabulary, videoWeights: weights, device: "cpu" });
  try {
    await model.save(folder);
  } finally {
    model.dispose();
  }
}

/** Features of 20 seconds. */
export const features = (path: string): void =>
  writeFileSync(path, npyBytes(hashValues("docs/", "features", 20 * 512), [20, 512], "f16"));

export function gloVe(path: string): void {
  const dim = Number(/(\d+)d/.exec(basename(path))?.[1] ?? 50);
  const lines = words.map(
    (word) => `${word} ${Array.from(hashValues("docs/", word, dim), (v) => v.toFixed(4)).join(" ")}`,
  );
  writeFileSync(path, `${lines.join("\n")}\n`);
}
