/// <reference lib="esnext.disposable" preserve="true" />
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { featureMatrix, type Features, type FeatureSource } from "../data/feature_source.js";
import { NamedFiles } from "../data/named_files.js";
import { DatasetError } from "../base/errors.js";
import type { VideoModelConfig } from "../models/videoclip/videoclip_config.js";
import { VideoFiles, type VideoFilesOptions } from "../models/videoclip/videoclip_files.js";
import type { DecoderName } from "../video/types.js";
import { type FolderEntry, walkFolder } from "../base/walk_folder.js";
import { isMachineFolder, isPictureName, isVideoName, stemOf } from "../base/media_names.js";

/** Files in a folder and its subfolders, without hidden ones. */
function filesIn(folder: string): FolderEntry[] {
  const files: FolderEntry[] = [];
  for (const entry of walkFolder(folder, (name) => !isMachineFolder(name))) {
    if ("kind" in entry && entry.kind === "file" && !entry.name.startsWith(".")) files.push(entry);
  }
  return files;
}

/** Features of a folder of videos that are computed on every read and not stored: for a few videos, or for trials. */
export class DecodedFeatures implements FeatureSource {
  readonly #paths: NamedFiles;
  readonly #files: VideoFiles;

  /** @throws DatasetError for a folder that cannot be read, or has no files */
  constructor(
    readonly folder: string,
    model: VideoModelConfig,
    readonly options: VideoFilesOptions & {
      decoder?: DecoderName | undefined;
      /** Seconds without a frame after which a video fails. Default: no limit. */
      timeout?: number | undefined;
      signal?: AbortSignal | undefined;
    },
  ) {
    if (!existsSync(folder)) throw new DatasetError("ERR_DATASET", `${folder}: no such folder`, { file: folder });
    this.#paths = new NamedFiles(folder);
    const files = filesIn(folder);
    const videos = files.filter(({ name }) => isVideoName(name));
    const known = new Set(videos.map((entry) => join(entry.folder, stemOf(entry.name))));
    // a picture with the name of a video is its thumbnail; other kinds of files are not videos if the folder has videos
    const pictures = files.filter((entry) => isPictureName(entry.name) && !known.has(join(entry.folder, stemOf(entry.name)))); // prettier-ignore
    const media = [...videos, ...pictures];
    for (const { path } of media.length > 0 ? media : files) this.#paths.add(relative(folder, path), path);
    if (this.#paths.size === 0) throw new DatasetError("ERR_DATASET", `${folder}: no files in it`, { file: folder });
    this.#files = new VideoFiles(model, options);
  }

  has(video: string): boolean {
    return this.#paths.find(video) !== undefined;
  }

  /**
   * The features of a video, f32 `[clips, width]`.
   * @throws DatasetError when there is no such video; VideoError; the signal's reason
   */
  async read(video: string): Promise<Features> {
    const path = this.#paths.find(video);
    if (path === undefined) {
      throw new DatasetError("ERR_MISSING_FEATURES", `${this.folder}: no video ${video}`, { file: this.folder });
    }
    const { decoder, timeout, signal } = this.options;
    const reading = { max: Infinity, longVideos: "window", decoder, timeout, signal } as const;
    const { data, shape } = await this.#files.read(path, reading);
    return featureMatrix(data, [shape[0], shape[1]]);
  }

  /** Frees the encoder. A second call does nothing. */
  dispose(): void {
    this.#files.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
