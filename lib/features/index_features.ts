import { existsSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatasetError, InvalidArgumentError } from "../base/errors.js";
import { quietly } from "../base/files.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { embedFolder, type EmbedFolderOptions, resolveWindow } from "./embed_folder.js";
import { FeatureIndex, type OpenIndexOptions } from "./feature_index.js";
import { type ExtractedFeatures, loadFeatures, spaceOf } from "./extracted_features.js";
import { openFeatureInputs } from "./formats/feature_inputs.js";
import { brokenFailures, FAILURES, type FeatureFailure, FeatureFailures, MAX_F16 } from "./feature_failures.js";
import { modelSearch } from "./fit/model_search.js";
import { writeFit } from "./fit/index_fit.js";
import { checkFeatureOrigin } from "./feature_origin.js";
import { IndexError, type IndexSettings, MANIFEST, type RowDType } from "./index_format.js";
import type { IndexContent, IndexedVideo } from "./index_writer.js";
import type { IndexTextEncoder } from "./index_text_encoder.js";

export interface IndexFeaturesOptions extends EmbedFolderOptions, OpenIndexOptions {
  out: string;
  /** Default `f16`. */
  dtype?: RowDType | undefined;
  /**
   * Path from which `model` was loaded. Features of another network than the video encoder in this folder, or of other
   * weights, are refused.
   */
  modelPath?: string | undefined;
  /** Accept features of any weights. */
  anyWeights?: boolean | undefined;
  /** Encodes texts into the space of the rows; its description is stored in the index. */
  text?: IndexTextEncoder | undefined;
  /**
   * Embed and index existing videos again. Default: skip them. An index with other settings or of another model is
   * replaced as a whole, in one step at the end: then all its videos need features that can be used.
   */
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
 * or do not fit, are left out and listed. If it fails, an existing index is as it was, and a new one is not there; if it
 * is interrupted, the videos so far are saved.
 * @throws IndexError when the index has other settings or another model; InvalidArgumentError; DatasetError when no
 * features can be used, or not those of every video of an index that is replaced as a whole; VideoClipError `ERR_WRITE`
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
  const folderWasThere = existsSync(out);
  let index = existsSync(join(out, MANIFEST)) ? await FeatureIndex.open(out, options) : undefined;
  try {
    const windows = model && windowsFor(model, options, index);
    const settings = settingsOf(features, model, windows);
    if (text && text.dim !== dim) {
      const message = `text: its rows have ${text.dim} values, the features ${dim}`;
      throw new InvalidArgumentError(message, { argument: "text" });
    }
    checkSpace(features.settings, text, model);
    if (options.modelPath !== undefined && !options.anyWeights)
      await checkFeatureOrigin(features.settings, options.modelPath);
    const content = { dim, dtype: dtype ?? index?.dtype ?? "f16", settings, text: text?.info ?? null };
    const difference = index && differenceOf(index, content);
    if (index && difference && !replace) throw difference;
    if (index && difference) checkAllThere(index, features);
    const known = new Set(index?.videos());
    const outdated = index && !difference ? outdatedVideos(index, features) : [];
    for (const video of outdated) known.delete(video);
    let skipped = 0;
    const skip = (video: string) => !replace && known.has(video) && ++skipped > 0;
    const total = features.files.length;
    const limit = content.dtype === "f16" ? MAX_F16 : Number.MAX_VALUE;
    const embedded = embedFolder(features, { ...options, ...windows, width, limit, failures, skip });
    // first, so that features that cannot be embedded leave no empty index behind, and an old one as it is
    const first = await embedded.next();
    const old = difference && index;
    const written = new Set<string>();
    if (first.done && old) checkAllWritten(old, features, written, failures);
    if (first.done && (!index || difference)) throw failures.list[0].error;
    const undo = index ? "changes" : "index";
    index ??= await FeatureIndex.create(out, { ...options, ...content });
    const videos = await index.write(behind(first, embedded, written), {
      replace,
      remove: outdated,
      removeLast: () => movedVideos(features, known, written),
      text: text?.info,
      fresh: difference ? content : undefined,
      undo,
      beforeEnd: () => {
        if (old) checkAllWritten(old, features, written, failures);
        failures.write(out);
      },
      signal,
      onProgress: (done) => onProgress?.({ ...done, total }),
    });
    if (text) await measure(index, text, options);
    const seconds = (Date.now() - started) / 1000;
    return { videos, skipped, rows: index.size, seconds, ...failures.count() };
  } catch (error) {
    if (!folderWasThere) removeFolder(out);
    throw error;
  } finally {
    index?.dispose();
  }
}

function settingsOf(
  features: ExtractedFeatures,
  model: VideoClip | undefined,
  windows: { window: number; hop: number } | undefined,
): IndexSettings {
  const embedding = model && { model: "videoclip", weights: model.weightsHash, config: { ...model.config } };
  return { features: spaceOf(features.settings), ...embedding, ...windows };
}

/** Measures what fits for later searches; without it they measure themselves, so that a failure is only told. */
async function measure(index: FeatureIndex, text: IndexTextEncoder, { signal, onNote }: IndexFeaturesOptions) {
  try {
    await writeFit(index, text, signal);
  } catch (error) {
    if (!signal?.aborted) onNote?.(`What fits could not be measured: ${(error as Error).message}`);
  }
}

/** Removes a folder that was made for an index, unless it has one. */
function removeFolder(out: string): void {
  quietly(() => {
    if (existsSync(join(out, MANIFEST))) return;
    rmSync(join(out, FAILURES), { force: true });
    rmdirSync(out);
  });
}

/** Earlier paths of videos that are in the index under their new path too. */
function movedVideos({ files }: ExtractedFeatures, known: ReadonlySet<string>, written: ReadonlySet<string>): string[] {
  const names = new Set(files.map(({ video }) => video));
  const there = files.filter(({ video }) => known.has(video) || written.has(video));
  const old = there.flatMap(({ movedFrom = [] }) => movedFrom);
  return [...new Set(old)].filter((video) => known.has(video) && !names.has(video));
}

/**
 * Rows of other settings cannot stay beside new ones, so every video of a replaced index needs features.
 * @throws InvalidArgumentError
 */
function checkAllThere(index: FeatureIndex, { files }: ExtractedFeatures): void {
  const there = new Set(files.flatMap(({ video, movedFrom = [] }) => [video, ...movedFrom]));
  const missing = index.videos().filter((video) => !there.has(video));
  if (missing.length === 0) return;
  const [count, have] = missing.length === 1 ? ["1 video", "has"] : [`${missing.length} videos`, "have"];
  throw new InvalidArgumentError(
    `features: ${count} of the index in ${index.folder} ${have} no features here (first: ${missing[0]}), and rows of another model cannot stay beside new ones: give the folders of all videos, or use another --out`,
    { argument: "features", received: missing.slice(0, 10) },
  );
}

/**
 * Features that are there may still be unusable, which shows when they are read: then an index that replaces another as a
 * whole would lose these videos.
 * @throws DatasetError, before anything was replaced
 */
function checkAllWritten(
  index: FeatureIndex,
  { files }: ExtractedFeatures,
  written: ReadonlySet<string>,
  failures: FeatureFailures,
): void {
  const replaced = new Set(files.flatMap((f) => (written.has(f.video) ? [f.video, ...(f.movedFrom ?? [])] : [])));
  const lost = index.videos().filter((video) => !replaced.has(video));
  if (lost.length === 0) return;
  const what = lost.length === 1 ? "1 video" : `${lost.length} videos`;
  const names = lost.slice(0, 3).join(", ") + (lost.length > 3 ? ", …" : "");
  const reason = failures.list.find(({ video }) => video === lost[0])?.error.message;
  throw new DatasetError(
    "ERR_FEATURES",
    `the features of ${what} of the index in ${index.folder} cannot be used (${names})${reason ? `: ${reason}` : ""}. An index that replaces this one would lose them, so nothing was changed: extract these videos again, or take them out of the index with FeatureIndex.remove, or use another --out`,
    { file: index.folder, received: lost.slice(0, 10) },
  );
}

/**
 * The window that the user names; otherwise that of the index, if it was made with these weights; otherwise the one with
 * which the model is searched best.
 */
function windowsFor(model: VideoClip, { window, hop, modelPath }: IndexFeaturesOptions, index?: FeatureIndex) {
  if (window !== undefined) return resolveWindow(model, { window, hop });
  const search = () => (modelPath === undefined ? undefined : modelSearch(modelPath, model.weightsHash));
  const known = index?.settings.weights === model.weightsHash ? index.settings : search();
  const number = (value: unknown) => (typeof value === "number" ? value : undefined);
  return resolveWindow(model, { window: number(known?.window), hop: hop ?? number(known?.hop) });
}

/**
 * Videos whose features were extracted again after the index was written, because their files changed. They are removed
 * first and added again, which keeps the index consistent if the work is interrupted.
 */
function outdatedVideos(index: FeatureIndex, { files }: ExtractedFeatures): string[] {
  const written = Date.parse(index.manifest.updatedAt);
  const known = new Set(index.videos());
  const outdated = files.filter(({ video, finishedAt }) => known.has(video) && Date.parse(finishedAt ?? "") > written);
  return outdated.map(({ video }) => video);
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

/** An iterator with its first result put back. The names of the videos that were taken from it are noted. */
async function* behind(
  first: IteratorResult<IndexedVideo, unknown>,
  others: AsyncGenerator<IndexedVideo>,
  taken: Set<string>,
): AsyncGenerator<IndexedVideo> {
  for (let next = first; !next.done; next = await others.next()) {
    taken.add(next.value.video);
    yield next.value;
  }
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

/** What an index was made with that new rows have otherwise, as an error; undefined if they fit. */
function differenceOf(index: FeatureIndex, { dim, dtype, settings }: IndexContent): IndexError | undefined {
  const old: Record<string, unknown> = { dim: index.dim, dtype: index.dtype, ...index.settings };
  const now: Record<string, unknown> = { dim, dtype, ...settings };
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [expected, received] = [old[key], now[key]].map((value) => JSON.stringify(value));
    if (expected === received) continue;
    return new IndexError(
      index.folder,
      `it was made with ${key} ${expected}, these rows have ${received}: use another --out, or --replace to embed all videos again`,
      { expected, received },
    );
  }
  return undefined;
}
