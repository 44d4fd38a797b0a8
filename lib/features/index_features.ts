import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { embedFolder, type EmbedFolderOptions, resolveWindow } from "./embed_folder.js";
import { FeatureIndex, type OpenIndexOptions } from "./feature_index.js";
import { type ExtractedFeatures, loadFeatures, spaceOf } from "./extracted_features.js";
import { openFeatureInputs } from "./formats/feature_inputs.js";
import { brokenFailures, type FeatureFailure, FeatureFailures, MAX_F16 } from "./feature_failures.js";
import { modelSearch } from "./fit/model_search.js";
import { writeFit } from "./fit/index_fit.js";
import { checkFeatureOrigin } from "./feature_origin.js";
import { IndexError, type IndexSettings, MANIFEST, type RowDType } from "./index_format.js";
import type { IndexTextEncoder } from "./index_text_encoder.js";

export interface IndexFeaturesOptions extends EmbedFolderOptions, OpenIndexOptions {
  out: string;
  /** Default `f16`. */
  dtype?: RowDType | undefined;
  /**
   * Path from which `model` was loaded. Features of another network than the one in this folder, or of random weights,
   * are refused.
   */
  modelPath?: string | undefined;
  /** Accept features of any weights. */
  anyWeights?: boolean | undefined;
  /** Encodes texts into the space of the rows; its description is stored in the index. */
  text?: IndexTextEncoder | undefined;
  /** Embed and index existing videos again. Default: skip them. */
  replace?: boolean | undefined;
  onProgress?: ((progress: { videos: number; rows: number; total: number }) => void) | undefined;
  /** Called for each video that is left out because its features cannot be used. */
  onFailure?: ((failure: FeatureFailure) => void) | undefined;
}

export interface IndexFeaturesSummary {
  /** Number of added videos. */
  videos: number;
  /** Number of videos that the index already had. */
  skipped: number;
  /**
   * Number of videos that were left out because their features cannot be used, if any; see `failures.jsonl` in the
   * index.
   */
  failures?: number | undefined;
  /** Total rows of the index. */
  rows: number;
  seconds: number;
}

/**
 * Indexes features of folders, Parquet files and WebDataset shards: makes an index, or extends one with the same settings. Videos whose features are broken,
 * or do not fit, are left out and listed.
 * @throws IndexError when the index has other settings or another model; InvalidArgumentError; DatasetError when no
 * features can be used; VideoClipError `ERR_WRITE`
 */
export async function indexFeatures(
  folders: readonly string[],
  options: IndexFeaturesOptions,
): Promise<IndexFeaturesSummary> {
  const { out, model, text, dtype, replace = false, signal, onProgress } = options;
  const started = Date.now();
  const features = await openFeatureInputs(folders);
  const failures = new FeatureFailures(options.onFailure);
  for (const failure of brokenFailures(features.broken)) failures.add(failure);
  const width = model?.config.featureSize ?? (await widthOf(features));
  const dim = model?.config.hiddenSize ?? width;
  let index = existsSync(join(out, MANIFEST)) ? await FeatureIndex.open(out, options) : undefined;
  const windows = model && windowsFor(model, options, index);
  const settings: IndexSettings = {
    features: spaceOf(features.settings),
    ...(model
      ? {
          model: "videoclip",
          weights: model.weightsHash,
          config: { ...model.config },
          ...windows,
        }
      : {}),
  };
  try {
    if (text && text.dim !== dim) {
      const message = `text: its rows have ${text.dim} values, the features ${dim}`;
      throw new InvalidArgumentError(message, { argument: "text" });
    }
    checkSpace(features.settings, text, model);
    if (options.modelPath !== undefined && !options.anyWeights) {
      const note = await checkFeatureOrigin(features.settings, options.modelPath);
      if (note) options.onNote?.(note);
    }
    if (index) checkIndex(index, dim, settings, dtype);
    if (index) await removeOutdated(index, features);
    const known = new Set(index?.videos());
    let skipped = 0;
    const skip = (video: string) => !replace && known.has(video) && ++skipped > 0;
    const total = features.files.length;
    const limit = (index?.dtype ?? dtype ?? "f16") === "f16" ? MAX_F16 : Number.MAX_VALUE;
    const embedded = embedFolder(features, { ...options, ...windows, width, limit, failures, skip });
    // first, so that features that cannot be embedded leave no empty index behind
    const first = await embedded.next();
    if (first.done && !index) throw failures.list[0].error;
    index ??= await FeatureIndex.create(out, { ...options, dim, dtype, settings, text: text?.info ?? null });
    if (text) index.setText(text.info);
    const videos = await index.append(behind(first, embedded), {
      replace,
      signal,
      onProgress: (done) => onProgress?.({ ...done, total }),
    });
    // moved videos are in the index under their new paths
    const names = new Set(features.files.map(({ video }) => video));
    const old = features.files.flatMap(({ movedFrom = [] }) => movedFrom).filter((video) => !names.has(video));
    if (old.some((video) => known.has(video))) await index.remove(old);
    failures.write(out);
    if (text) await writeFit(index, text, signal);
    const seconds = (Date.now() - started) / 1000;
    return { videos, skipped, rows: index.size, seconds, ...failures.count() };
  } finally {
    index?.dispose();
  }
}

/** The window that the user names; otherwise that of the index, or the one with which the model is searched best. */
function windowsFor(model: VideoClip, { window, hop, modelPath }: IndexFeaturesOptions, index?: FeatureIndex) {
  if (window !== undefined) return resolveWindow(model, { window, hop });
  const known = index ? index.settings : modelPath === undefined ? {} : modelSearch(modelPath, model.weightsHash);
  const number = (value: unknown) => (typeof value === "number" ? value : undefined);
  return resolveWindow(model, { window: number(known?.window), hop: hop ?? number(known?.hop) });
}

/**
 * Removes videos whose features were extracted again after the index was written, because their files changed. They are
 * added again afterwards. Removing them first keeps the index consistent if the work is interrupted.
 */
async function removeOutdated(index: FeatureIndex, { files }: ExtractedFeatures): Promise<void> {
  const written = Date.parse(index.manifest.updatedAt);
  const known = new Set(index.videos());
  const outdated = files.filter(({ video, finishedAt }) => known.has(video) && Date.parse(finishedAt ?? "") > written);
  if (outdated.length > 0) await index.remove(outdated.map(({ video }) => video));
}

/** Number of files that are read to find the width of features without a manifest. */
const LOOKED_AT = 25;

/** The most frequent width of the features. @throws DatasetError, WeightsError when none can be read */
async function widthOf({ settings, files }: ExtractedFeatures): Promise<number> {
  if (typeof settings.dim === "number") return settings.dim;
  const counts = new Map<number, number>();
  const failures = new FeatureFailures();
  for (const file of files) {
    const width = await failures.attemptAsync(file.video, async () => (await loadFeatures(file)).shape[1]);
    if (width !== undefined) counts.set(width, (counts.get(width) ?? 0) + 1);
    if ([...counts.values()].reduce((sum, count) => sum + count, 0) === LOOKED_AT) break;
  }
  if (counts.size === 0) throw failures.list[0].error;
  return [...counts].reduce((best, other) => (other[1] > best[1] ? other : best))[0];
}

/** An iterator with its first result put back. */
async function* behind<T>(first: IteratorResult<T, unknown>, others: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done) return;
  yield first.value;
  yield* others;
}

/**
 * S3D-G's text tower and its features must come from one checkpoint, and only `video_embedding` is in its joint space.
 */
function checkSpace(
  settings: Record<string, unknown>,
  text: IndexTextEncoder | undefined,
  model: VideoClip | undefined,
): void {
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
