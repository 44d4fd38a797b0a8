import type { DeviceOptions } from "../../runtime/device.js";
import type { PieceTokenizer } from "../../text/piece_ids.js";
import type { UnknownOfText } from "../../text/unknown_words.js";
import type { DecoderName } from "../../video/types.js";
import type { Rows } from "../encode_clips.js";
import type { VideoClipConfig, VideoClipPreset } from "./videoclip_config.js";
import type { LongVideoPolicy, VideoWindow } from "./videoclip_input.js";

/** Splits texts into word pieces. */
export type VideoClipTokenizer = PieceTokenizer;

export interface VideoClipOptions extends DeviceOptions {
  /** Fields that replace those of the checkpoint (or of the preset), such as `normalizeFeatures`. */
  config?: Partial<VideoClipConfig> | undefined;
  /**
   * The tokenizer of `encodeText`, or the path of a `tokenizer.json`, a `vocab.txt` or a folder with one. Default: that
   * of the model's folder.
   */
  tokenizer?: VideoClipTokenizer | string | undefined;
  /**
   * Weight file of the config's `videoModel`, which `encodeVideo` needs for video files. Default:
   * `video_model.safetensors` in the model's folder.
   */
  videoWeights?: string | undefined;
  /** A seed for random weights of the `videoModel`, for trials. */
  randomVideoWeights?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface RandomVideoClipOptions extends VideoClipOptions {
  /** The configuration that `config` modifies. Default `videoclip`. */
  preset?: VideoClipPreset | undefined;
}

export interface InitialVideoClipOptions extends RandomVideoClipOptions {
  /**
   * Hugging Face folder of the initial text model; its tokenizer is used too. In the released architecture (BERT) the
   * video tower starts with its first 6 layers too.
   */
  textModel?: string | undefined;
  /** Seed of the random parameters. Default 1. */
  seed?: number | undefined;
}

export interface EmbedOptions {
  signal?: AbortSignal | undefined;
  /** Also return the last layer's tokens. Default false. */
  tokens?: boolean | undefined;
}

export interface EmbedVideoOptions extends Omit<EmbedOptions, "tokens"> {
  /**
   * Also return the last layer's tokens: of the features (`true`), or of all positions of every window, including
   * padding (`padded`). Default false.
   */
  tokens?: boolean | "padded" | undefined;
  /**
   * Treatment of videos longer than `maxVideoLength` features (32 s): `error`, `truncate` to the first ones (as MMPT's
   * retrieval does), or `window`: consecutive windows of that length, whose embeddings are averaged, weighted by their
   * numbers of features. Default `error`.
   */
  longVideos?: LongVideoPolicy | undefined;
  /** Decoder of video files. Default `auto`. */
  decoder?: DecoderName | undefined;
  /** Seconds without a frame after which a video file fails. Default: no limit. */
  timeout?: number | undefined;
  /** Called while video files are read, with the number of finished videos, the total and the number of features. */
  onProgress?: ((progress: { videos: number; total: number; features: number }) => void) | undefined;
}

/** One row per video: f32 `[videos, dim]`. Not normalised: similarity is the raw dot product. */
export interface VideoEmbeddings extends Rows {
  /** The input of each pass of the encoder. */
  windows: VideoWindow[];
  /** Embeddings of the windows, f32 `[windows, dim]`. */
  windowData: Float32Array;
  /**
   * For each video f32 `[T, dim]`, if requested: a token for every used feature, or `maxVideoLength` for every window.
   */
  tokens?: Float32Array[] | undefined;
  /** @deprecated `data` */
  rows: Float32Array;
  /** @deprecated `shape[1]` */
  dim: number;
  /** @deprecated `windowData` */
  windowRows: Float32Array;
}

/** One row per text: f32 `[texts, dim]`. */
export interface TextEmbeddings extends Rows {
  /** Indices of texts that lost word pieces beyond `maxTextLength`. */
  truncated: number[];
  /** Texts with words that the tokenizer does not know: each such word is one unknown token. */
  unknown: UnknownOfText[];
  /** For each text f32 `[pieces + 2, dim]`, if requested: [CLS], its word pieces and [SEP]. */
  tokens?: Float32Array[] | undefined;
  /** @deprecated `data` */
  rows: Float32Array;
  /** @deprecated `shape[1]` */
  dim: number;
}
