/// <reference lib="esnext.disposable" preserve="true" />
import { existsSync, readdirSync } from "node:fs";
import { join, parse } from "node:path";
import { featureMatrix, type Features, type FeatureSource } from "../data/feature_source.js";
import { DatasetError } from "../errors.js";
import type { VideoModelConfig } from "../models/videoclip_config.js";
import { VideoFiles, type VideoFilesOptions } from "../models/videoclip_files.js";
import type { DecoderName } from "../video/types.js";

/** Features of a folder of videos, made when they are read and not kept: for a few videos, or to try things out. */
export class DecodedFeatures implements FeatureSource {
  readonly #paths: Map<string, string>;
  readonly #files: VideoFiles;

  /** @throws DatasetError for a folder that cannot be listed, or has no files */
  constructor(
    readonly folder: string,
    model: VideoModelConfig,
    readonly options: VideoFilesOptions & {
      decoder?: DecoderName | undefined;
      /** Seconds that the decoder may give nothing before a video fails. Default: no limit. */
      timeout?: number | undefined;
      signal?: AbortSignal | undefined;
    },
  ) {
    if (!existsSync(folder)) throw new DatasetError("ERR_DATASET", `${folder}: no such folder`, { file: folder });
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
    if (files.length === 0) throw new DatasetError("ERR_DATASET", `${folder}: no files in it`, { file: folder });
    this.#paths = new Map(
      files.flatMap(({ name, parentPath }) => [name, parse(name).name].map((key) => [key, join(parentPath, name)])),
    );
    this.#files = new VideoFiles(model, options);
  }

  #path(video: string): string | undefined {
    const { base, name } = parse(video);
    return this.#paths.get(video) ?? this.#paths.get(base) ?? this.#paths.get(name);
  }

  has(video: string): boolean {
    return this.#path(video) !== undefined;
  }

  /**
   * The features of a video, f32 `[clips, width]`.
   * @throws DatasetError where there is no such video; VideoError; the signal's reason
   */
  async read(video: string): Promise<Features> {
    const path = this.#path(video);
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
