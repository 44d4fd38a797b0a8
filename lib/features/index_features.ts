import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { embedFolder, type EmbedFolderOptions, resolveWindow } from "./embed_folder.js";
import { FeatureIndex, type OpenIndexOptions } from "./feature_index.js";
import { type ExtractedFeatures, readFeatureFile, readFeatureFolders, spaceOf } from "./extracted_features.js";
import { brokenFailures, type FeatureFailure, FeatureFailures, MAX_F16 } from "./feature_failures.js";
import { checkFeatureOrigin } from "./feature_origin.js";
import { IndexError, type IndexSettings, MANIFEST, type RowDType } from "./index_format.js";
import type { TextSide } from "./text_side.js";

export interface IndexFeaturesOptions extends EmbedFolderOptions, OpenIndexOptions {
  out: string;
  /** Default `f16`. */
  dtype?: RowDType | undefined;
  /** Where `model` was loaded from. Features of another network than the one in this folder, or of generated weights, are refused. */
  modelPath?: string | undefined;
  /** Take them all the same. */
  anyWeights?: boolean | undefined;
  /** What encodes texts into the space of the rows; its description is kept in the index. */
  text?: TextSide | undefined;
  /** Embed and index videos again that are there already. Default: leave them alone. */
  replace?: boolean | undefined;
  onProgress?: ((progress: { videos: number; rows: number; total: number }) => void) | undefined;
  /** Told of each video that is left out because its features cannot be used. */
  onFailure?: ((failure: FeatureFailure) => void) | undefined;
}

export interface IndexFeaturesSummary {
  /** Added now. */
  videos: number;
  /** Left alone because they were there. */
  skipped: number;
  /** Left out because their features cannot be used, if any: `failures.jsonl` in the index says why. */
  failures?: number | undefined;
  /** In the index altogether. */
  rows: number;
  seconds: number;
}

/**
 * Indexes folders of features: made where there is no index, extended where there is one with the same settings. Videos whose features
 * are broken, or do not fit, are left out and listed.
 * @throws IndexError when the index was made with other settings or another model; InvalidArgumentError; DatasetError where nothing can
 * be used; VideoClipError `ERR_WRITE`
 */
export async function indexFeatures(
  folders: readonly string[],
  options: IndexFeaturesOptions,
): Promise<IndexFeaturesSummary> {
  const { out, model, text, dtype, replace = false, signal, onProgress } = options;
  const started = Date.now();
  const features = readFeatureFolders(folders);
  const failures = new FeatureFailures(options.onFailure);
  for (const failure of brokenFailures(features.broken)) failures.add(failure);
  const width = model?.config.featureSize ?? widthOf(features);
  const dim = model?.config.hiddenSize ?? width;
  const settings: IndexSettings = {
    features: spaceOf(features.settings),
    ...(model
      ? {
          model: "videoclip",
          weights: model.weightsHash,
          config: { ...model.config },
          ...resolveWindow(model, options),
        }
      : {}),
  };
  if (text && text.dim !== dim) {
    throw new InvalidArgumentError(`text: its rows have ${text.dim} values, the features ${dim}`, { argument: "text" });
  }
  checkSpace(features.settings, text, model);
  if (options.modelPath !== undefined && !options.anyWeights) {
    const note = await checkFeatureOrigin(features.settings, options.modelPath);
    if (note) options.onNote?.(note);
  }
  let index = existsSync(join(out, MANIFEST)) ? await FeatureIndex.open(out, options) : undefined;
  try {
    if (index) checkIndex(index, dim, settings, dtype);
    if (index) await removeOutdated(index, features);
    const known = new Set(index?.videos());
    let skipped = 0;
    const skip = (video: string) => !replace && known.has(video) && ++skipped > 0;
    const total = features.files.length;
    const limit = (index?.dtype ?? dtype ?? "f16") === "f16" ? MAX_F16 : Number.MAX_VALUE;
    const embedded = embedFolder(features, { ...options, width, limit, failures, skip });
    // before anything is made: features that cannot be embedded leave no empty index behind
    const first = await embedded.next();
    if (first.done && !index) throw failures.list[0].error;
    index ??= await FeatureIndex.create(out, { ...options, dim, dtype, settings, text: text?.info ?? null });
    if (text) index.setText(text.info);
    const videos = await index.append(behind(first, embedded), {
      replace,
      signal,
      onProgress: (done) => onProgress?.({ ...done, total }),
    });
    // videos that were moved are in the index by their new paths now
    const names = new Set(features.files.map(({ video }) => video));
    const old = features.files.flatMap(({ movedFrom = [] }) => movedFrom).filter((video) => !names.has(video));
    if (old.some((video) => known.has(video))) await index.remove(old);
    failures.write(out);
    const seconds = (Date.now() - started) / 1000;
    return { videos, skipped, rows: index.size, seconds, ...failures.count() };
  } finally {
    index?.dispose();
  }
}

/**
 * Drops videos from an index whose features were made again since it was written, because their files changed. They are added again;
 * dropping them first makes that certain, also where the work is interrupted.
 */
async function removeOutdated(index: FeatureIndex, { files }: ExtractedFeatures): Promise<void> {
  const written = Date.parse(index.manifest.updatedAt);
  const known = new Set(index.videos());
  const outdated = files.filter(({ video, finishedAt }) => known.has(video) && Date.parse(finishedAt ?? "") > written);
  if (outdated.length > 0) await index.remove(outdated.map(({ video }) => video));
}

/** Files that are looked at for the width of features that no manifest tells. */
const LOOKED_AT = 25;

/** The width that most features have. @throws DatasetError, WeightsError where none can be read */
function widthOf({ settings, files }: ExtractedFeatures): number {
  if (typeof settings.dim === "number") return settings.dim;
  const counts = new Map<number, number>();
  const failures = new FeatureFailures();
  for (const file of files) {
    const width = failures.attempt(file.video, () => readFeatureFile(file).shape[1]);
    if (width !== undefined) counts.set(width, (counts.get(width) ?? 0) + 1);
    if ([...counts.values()].reduce((sum, count) => sum + count, 0) === LOOKED_AT) break;
  }
  if (counts.size === 0) throw failures.list[0].error;
  return [...counts].reduce((best, other) => (other[1] > best[1] ? other : best))[0];
}

/** An item that was taken already, and the others. */
async function* behind<T>(first: IteratorResult<T, unknown>, others: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done) return;
  yield first.value;
  yield* others;
}

/** S3D-G's text tower and its features come from one checkpoint, and only `video_embedding` lies in its joint space. */
function checkSpace(settings: Record<string, unknown>, text: TextSide | undefined, model: VideoClip | undefined): void {
  if (text?.info.kind !== "s3dg" || model || Object.keys(settings).length === 0) return;
  for (const [key, expected] of [
    ["model", "s3dg"],
    ["output", "video_embedding"],
    ["weights", text.info.weights],
  ]) {
    // prettier-ignore
    if (settings[key as string] === expected) continue;
    throw new InvalidArgumentError(
      `features: the text tower of S3D-G needs features with ${key} ${expected}, these have ${settings[key as string]}`,
      { argument: "features", expected, received: settings[key as string] },
    );
  }
}

function checkIndex(index: FeatureIndex, dim: number, settings: IndexSettings, dtype?: RowDType): void {
  const old: Record<string, unknown> = { dim: index.dim, dtype: index.dtype, ...index.settings };
  const now: Record<string, unknown> = { dim, dtype: dtype ?? index.dtype, ...settings };
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [expected, received] = [old[key], now[key]].map((value) => JSON.stringify(value));
    if (expected === received) continue;
    throw new IndexError(
      index.folder,
      `it was made with ${key} ${expected}, these rows have ${received}: use another --out`,
      {
        expected,
        received,
      },
    );
  }
}
