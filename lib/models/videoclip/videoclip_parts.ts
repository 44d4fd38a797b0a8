import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { InvalidArgumentError, WeightsError } from "../../base/errors.js";
import { copyDurably } from "../../base/link_file.js";
import { WordPieceTokenizer } from "../../text/wordpiece.js";
import { convertWeights } from "../../weights/inspect.js";
import { VIDEO_MODEL_FILE } from "../video/video_model_of.js";
import type { VideoClipConfig } from "./videoclip_config.js";
import type { VideoFiles, VideoFilesOptions } from "./videoclip_files.js";
import { checkPolicy, readFeatures, type VideoFeatures } from "./videoclip_input.js";
import type { EmbedVideoOptions, VideoClipOptions, VideoClipTokenizer } from "./videoclip_types.js";

/** Parts of a model besides its weights: a tokenizer, and the source of its frozen video encoder's weights. */
export interface VideoClipParts {
  tokenizer?: VideoClipTokenizer | undefined;
  video: Pick<VideoFilesOptions, "weights" | "randomWeights">;
}

/**
 * The tokenizer and the frozen video encoder: those in the options, otherwise those in the model's folder.
 * @throws WeightsError for a tokenizer that does not belong to the model
 */
export function openParts(config: VideoClipConfig, options: VideoClipOptions, folder?: string): VideoClipParts {
  const { randomVideoWeights } = options;
  let { tokenizer, videoWeights } = options;
  const inFolder = (name: string) => {
    const path = folder && join(folder, name);
    return path && existsSync(path) ? path : undefined;
  };
  tokenizer ??= inFolder("tokenizer.json") ?? inFolder("vocab.txt");
  if (typeof tokenizer === "string") tokenizer = openTokenizer(tokenizer, config);
  if (randomVideoWeights === undefined) videoWeights ??= inFolder(VIDEO_MODEL_FILE);
  if (videoWeights !== undefined && !existsSync(videoWeights)) {
    throw new WeightsError(`videoWeights: ${videoWeights}: there is no such file`, { file: videoWeights });
  }
  return { tokenizer, video: { weights: videoWeights, randomWeights: randomVideoWeights } };
}

function openTokenizer(path: string, config: VideoClipConfig): WordPieceTokenizer {
  const tokenizer = WordPieceTokenizer.load(path);
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
 * Copies the video encoder's weights into a model's folder. Those of another model's folder keep their bytes, and with them
 * the hash by which features are known.
 */
export async function saveVideoModel(dir: string, weights: string | undefined): Promise<void> {
  if (weights === undefined) return;
  const to = join(dir, VIDEO_MODEL_FILE);
  if (basename(weights) === VIDEO_MODEL_FILE) copyDurably(weights, to);
  else await convertWeights(weights, to);
}

/** Features of every video of a list: given directly, read from `.npy` files, or computed by the video encoder. */
export async function readVideos(
  videos: readonly (VideoFeatures | string)[],
  files: VideoFiles,
  config: VideoClipConfig,
  options: EmbedVideoOptions,
): Promise<VideoFeatures[]> {
  const { longVideos = "error", onProgress, signal, decoder, timeout } = options;
  checkPolicy(longVideos);
  const total = videos.length;
  let features = 0;
  const read: VideoFeatures[] = [];
  const onFeature = () => {
    features++;
    onProgress?.({ videos: read.length, total, features });
  };
  for (const [i, video] of videos.entries()) {
    signal?.throwIfAborted();
    const isFile = typeof video === "string" && !/\.npy$/i.test(video);
    const reading = { max: config.maxVideoLength, longVideos, decoder, timeout, signal, onFeature };
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
