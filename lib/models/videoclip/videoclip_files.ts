import { InvalidArgumentError } from "../../base/errors.js";
import { decodeVideo } from "../../video/index.js";
import { resolvePreset } from "../../video/presets.js";
import { readClips, type VideoEvent } from "../../video/read_clips.js";
import type { DecodeFunction, DecoderName, Preset } from "../../video/types.js";
import { encodeClips } from "../encode_clips.js";
import { type LoadVideoEncoderOptions, VideoEncoder } from "../video/video_encoder.js";
import type { VideoModelConfig } from "./videoclip_config.js";
import type { LongVideoPolicy, VideoFeatures } from "./videoclip_input.js";
import { joined } from "./videoclip_rows.js";

/** The source of the frozen video encoder's weights, and its device. */
export type VideoFilesOptions = Pick<
  LoadVideoEncoderOptions,
  "weights" | "randomWeights" | "device" | "threads" | "precision"
>;

/** Options for reading a video file. */
export interface ReadVideoOptions {
  /** Maximum features of the model, and the treatment of a longer video. */
  max: number;
  longVideos: LongVideoPolicy;
  decoder?: DecoderName | undefined;
  /** Seconds without a frame after which the video fails. Default: no limit. */
  timeout?: number | undefined;
  /** Pictures of more pixels are not decoded. Default: FFmpeg's limit. */
  maxPixels?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called for each feature. */
  onFeature?: (() => void) | undefined;
}

/** Features of video files, by the frozen encoder of a model's config. The encoder is loaded for the first file. */
export class VideoFiles {
  #encoder?: Promise<VideoEncoder> | undefined;

  constructor(
    /** The preset may also be a whole one. */
    readonly config: (Omit<VideoModelConfig, "preset"> & { preset: string | Preset }) | null,
    readonly options: VideoFilesOptions,
  ) {}

  /** The frozen encoder. @throws InvalidArgumentError when there is none, or no weights for it */
  encoder(): Promise<VideoEncoder> {
    const { config, options } = this;
    const fail = (text: string) => new InvalidArgumentError(`videos: ${text}`, { argument: "videos" });
    if (!config)
      return Promise.reject(fail("a video file needs a config with videoModel; features are taken as they are"));
    if (options.weights === undefined && options.randomWeights === undefined) {
      return Promise.reject(fail(`a video file needs the weights of ${config.model}: give load videoWeights`));
    }
    const { model, output, preset, ...sampling } = config;
    this.#encoder ??= VideoEncoder.load({ ...options, model, output, preset: resolvePreset(preset, sampling) });
    return this.#encoder;
  }

  /**
   * Decodes a video and encodes its clips; one batch is computed while the next is decoded.
   * @throws VideoError; InvalidArgumentError for a video that is too long, under policy `error`
   */
  async read(path: string, options: ReadVideoOptions, decode: DecodeFunction = decodeVideo): Promise<VideoFeatures> {
    const { decoder, timeout, maxPixels, signal, onFeature } = options;
    const encoder = await this.encoder();
    const { preset } = encoder;
    const rows: Float32Array[] = [];
    const events = encodeClips(
      (reading) => upTo(readClips([path], { preset, decoder, timeout, maxPixels, ...reading }, decode), options),
      encoder,
      { signal },
    );
    for await (const event of events) {
      if (event.type === "failure") throw event.error;
      if (event.type !== "clip") continue;
      rows.push(event.row);
      onFeature?.();
    }
    return { data: joined(rows), shape: [rows.length, encoder.dim] };
  }

  /** Frees the encoder. A second call does nothing. */
  dispose(): void {
    this.#encoder?.then((encoder) => encoder.dispose()).catch(() => {});
    this.#encoder = undefined;
  }
}

/** The events of a video up to the model's maximum of clips. @throws InvalidArgumentError under policy `error` */
async function* upTo(
  events: AsyncIterable<VideoEvent>,
  { max, longVideos }: Pick<ReadVideoOptions, "max" | "longVideos">,
): AsyncGenerator<VideoEvent> {
  let count = 0;
  for await (const event of events) {
    if (event.type === "clip" && longVideos !== "window" && count++ === max) {
      if (longVideos === "truncate") return;
      const { path, clip } = event;
      throw new InvalidArgumentError(
        `${path}: expected at most ${max} features (${clip.start.toFixed(1)} s), received more: set longVideos to truncate or window`,
        { argument: "videos", expected: max },
      );
    }
    yield event;
  }
}
