import { InvalidArgumentError } from "../errors.js";
import { openVideo as openVideoDefault } from "../video/index.js";
import { resolvePreset } from "../video/presets.js";
import type { Clip, DecoderName, OpenVideoFunction } from "../video/types.js";
import type { VideoEncoder, VideoEncoderOptions } from "./encoder.js";
import { loadVideoEncoder } from "./load.js";
import type { VideoModelConfig } from "./videoclip_config.js";
import type { LongVideoPolicy, VideoFeatures } from "./videoclip_input.js";
import { joined } from "./videoclip_rows.js";

/** Where the frozen video encoder's weights come from, and where it computes. */
export type VideoFilesOptions = Pick<
  VideoEncoderOptions,
  "weights" | "randomWeights" | "device" | "threads" | "precision"
>;

/** How a video file is read. */
export interface ReadVideoOptions {
  /** Features that the model takes at most, and what happens to a video with more. */
  max: number;
  longVideos: LongVideoPolicy;
  decoder?: DecoderName;
  signal?: AbortSignal;
  /** Called with the number of features that a batch made. */
  onFeatures?: (count: number) => void;
  /** @internal for tests */
  openVideo?: OpenVideoFunction;
}

/** Features of video files, by the frozen encoder that a model's config names. It is loaded for the first file. */
export class VideoFiles {
  #encoder?: Promise<VideoEncoder>;

  constructor(
    readonly config: VideoModelConfig | null,
    readonly options: VideoFilesOptions,
  ) {}

  /** The frozen encoder. @throws InvalidArgumentError where there is none, or no weights for it */
  encoder(): Promise<VideoEncoder> {
    const { config, options } = this;
    const fail = (text: string) => new InvalidArgumentError(`videos: ${text}`, { argument: "videos" });
    if (!config)
      return Promise.reject(fail("a video file needs a config with videoModel; features are taken as they are"));
    if (options.weights === undefined && options.randomWeights === undefined) {
      return Promise.reject(fail(`a video file needs the weights of ${config.model}: give load videoWeights`));
    }
    const { model, output, preset, ...sampling } = config;
    this.#encoder ??= loadVideoEncoder({ ...options, model, output, preset: resolvePreset(preset, sampling) });
    return this.#encoder;
  }

  /**
   * Decodes a video and encodes its clips; one batch is computed while the next is decoded.
   * @throws VideoError; InvalidArgumentError for a video that is too long, under policy `error`
   */
  async read(path: string, options: ReadVideoOptions): Promise<VideoFeatures> {
    const { max, longVideos, decoder, signal, onFeatures, openVideo = openVideoDefault } = options;
    const encoder = await this.encoder();
    const rows: Float32Array[] = [];
    const encode = async (clips: readonly Clip[]) => {
      const size = clips[0].frames.length;
      const input = new Uint8Array(clips.length * size);
      clips.forEach(({ frames }, i) => input.set(frames, i * size));
      rows.push(await encoder.encode(input, clips.length, { signal }));
      onFeatures?.(clips.length);
    };
    let running: Promise<void> = Promise.resolve();
    let batch: Clip[] = [];
    const flush = async () => {
      await running;
      running = encode(batch);
      running.catch(() => {}); // awaited a turn later
      batch = [];
    };
    let count = 0;
    const video = await openVideo(path, { preset: encoder.preset, decoder, signal });
    try {
      for await (const clip of video) {
        if (count === max && longVideos === "truncate") break;
        if (count === max && longVideos === "error") {
          throw new InvalidArgumentError(
            `${path}: expected at most ${max} features (${clip.start.toFixed(1)} s), received more: set longVideos to truncate or window`,
            { argument: "videos", expected: max },
          );
        }
        count++;
        batch.push(clip);
        if (batch.length === encoder.batch) await flush();
      }
      if (batch.length > 0) await flush();
      await running;
    } finally {
      await video.close();
      await running.catch(() => {}); // what failed may not leave the encoder busy
    }
    return { data: joined(rows), shape: [count, encoder.dim] };
  }

  /** Frees the encoder. A second call does nothing. */
  dispose(): void {
    this.#encoder?.then((encoder) => encoder.dispose()).catch(() => {});
    this.#encoder = undefined;
  }
}
