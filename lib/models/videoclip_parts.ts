import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, WeightsError } from "../errors.js";
import { loadTokenizer, WordPieceTokenizer } from "../text/wordpiece.js";
import { convertWeights } from "../weights/inspect.js";
import { type VideoClipConfig, videoClipConfig, type VideoModelConfig } from "./videoclip_config.js";
import { VideoFiles } from "./videoclip_files.js";
import { checkPolicy, readFeatures, type VideoFeatures } from "./videoclip_input.js";
import type { EmbedVideoOptions, VideoClipOptions, VideoClipTokenizer } from "./videoclip_types.js";
import { CONFIG, readConfig } from "./videoclip_weights.js";

const VIDEO_MODEL = "video_model.safetensors";

/** What a model has beside its own weights. */
export interface VideoClipParts {
  tokenizer?: VideoClipTokenizer;
  files: VideoFiles;
}

/**
 * The tokenizer and the frozen video encoder: those that the options name, else those in the model's folder.
 * @throws WeightsError for a tokenizer that does not belong to the model
 */
export function openParts(config: VideoClipConfig, options: VideoClipOptions, folder?: string): VideoClipParts {
  const { randomVideoWeights, device, threads, precision } = options;
  let { tokenizer, videoWeights } = options;
  const inFolder = (name: string) => {
    const path = folder && join(folder, name);
    return path && existsSync(path) ? path : undefined;
  };
  tokenizer ??= inFolder("tokenizer.json") ?? inFolder("vocab.txt");
  if (typeof tokenizer === "string") tokenizer = openTokenizer(tokenizer, config);
  if (randomVideoWeights === undefined) videoWeights ??= inFolder(VIDEO_MODEL);
  if (videoWeights !== undefined && !existsSync(videoWeights)) {
    throw new WeightsError(`videoWeights: ${videoWeights}: there is no such file`, { file: videoWeights });
  }
  const files = { weights: videoWeights, randomWeights: randomVideoWeights, device, threads, precision };
  return { tokenizer, files: new VideoFiles(config.videoModel, files) };
}

function openTokenizer(path: string, config: VideoClipConfig): WordPieceTokenizer {
  const tokenizer = loadTokenizer(path);
  const { vocabularySize, clsId, sepId, padId } = config;
  const [expected, received] = [
    [clsId, sepId, padId],
    [tokenizer.cls, tokenizer.sep, tokenizer.pad],
  ].map((ids) => `[CLS] ${ids[0]}, [SEP] ${ids[1]}, [PAD] ${ids[2]}`);
  if (tokenizer.size <= vocabularySize && expected === received) return tokenizer;
  throw new WeightsError(
    `${path}: this tokenizer does not belong to the model: expected at most ${vocabularySize} tokens and ${expected}, ` +
      `received ${tokenizer.size} tokens and ${received}`,
    { file: path, expected, received },
  );
}

/**
 * The video encoder of a folder that `VideoClip.save` wrote, with its weights where they are there.
 * @throws WeightsError for another folder, or a model that takes features alone
 */
export function videoModelOfFolder(dir: string): VideoModelConfig & { weights?: string } {
  const path = join(dir, CONFIG);
  const { videoModel } = videoClipConfig(readConfig(path));
  if (!videoModel)
    throw new WeightsError(`${path}: this model takes features: it names no video encoder`, { file: path });
  const weights = join(dir, VIDEO_MODEL);
  return { ...videoModel, ...(existsSync(weights) ? { weights } : {}) };
}

/** Copies the video encoder's weights into a model's folder. */
export async function saveVideoModel(dir: string, weights: string | undefined): Promise<void> {
  if (weights !== undefined) await convertWeights(weights, join(dir, VIDEO_MODEL));
}

/** Features of every video of a list: as they are, from `.npy` files, or through the video encoder. */
export async function readVideos(
  videos: readonly (VideoFeatures | string)[],
  files: VideoFiles,
  config: VideoClipConfig,
  options: EmbedVideoOptions,
): Promise<VideoFeatures[]> {
  const { longVideos = "error", onProgress, signal, decoder, openVideo } = options;
  checkPolicy(longVideos);
  const total = videos.length;
  let features = 0;
  const read: VideoFeatures[] = [];
  const onFeatures = (count: number) => {
    features += count;
    onProgress?.({ videos: read.length, total, features });
  };
  for (const [i, video] of videos.entries()) {
    signal?.throwIfAborted();
    const isFile = typeof video === "string" && !/\.npy$/i.test(video);
    const reading = { max: config.maxVideoLength, longVideos, decoder, signal, onFeatures, openVideo };
    const found = isFile ? await files.read(video, reading) : readFeatures(video, i, config);
    if (found.shape[0] < 1) {
      const name = typeof video === "string" ? video : `videos[${i}]`;
      throw new InvalidArgumentError(`${name}: expected at least one feature`, { argument: "videos" });
    }
    read.push(found);
    onProgress?.({ videos: read.length, total, features });
  }
  return read;
}
