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
  /** Fields that go before those of the checkpoint (or of the preset), such as `normalizeFeatures`. */
  config?: Partial<VideoClipConfig> | undefined;
  /**
   * What `encodeText` splits strings with: a tokenizer, or the path of a `tokenizer.json`, a `vocab.txt` or a folder with one.
   * Default: that of the model's folder, where it has one.
   */
  tokenizer?: VideoClipTokenizer | string | undefined;
  /**
   * Weight file of the config's `videoModel`, needed by `encodeVideo` for video files. Default: `video_model.safetensors` in the
   * model's folder, where there is one.
   */
  videoWeights?: string | undefined;
  /** A seed for generated weights of the `videoModel`, for trying things out. */
  randomVideoWeights?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface RandomVideoClipOptions extends VideoClipOptions {
  /** The configuration that `config` changes. Default `videoclip`. */
  preset?: VideoClipPreset | undefined;
}

export interface InitialVideoClipOptions extends RandomVideoClipOptions {
  /**
   * Hugging Face folder of the text model to begin with; its tokenizer is used too. For the released architecture (BERT) its
   * first 6 layers are the video side's as well.
   */
  textModel?: string | undefined;
  /** Of the parameters that begin at random. Default 1. */
  seed?: number | undefined;
}

export interface EmbedOptions {
  signal?: AbortSignal | undefined;
  /** Also give the last layer's tokens. Default false. */
  tokens?: boolean | undefined;
}

export interface EmbedVideoOptions extends Omit<EmbedOptions, "tokens"> {
  /**
   * Also give the last layer's tokens: of the features that there are (`true`), or of all places of every window, the empty
   * ones behind its features included (`padded`). Default false.
   */
  tokens?: boolean | "padded" | undefined;
  /**
   * Videos longer than `maxVideoLength` features (32 s): `error`, `truncate` to the first ones (as MMPT's retrieval does),
   * or `window`: consecutive windows of that length, whose embeddings are averaged by their numbers of features.
   * Default `error`.
   */
  longVideos?: LongVideoPolicy | undefined;
  /** Decoder of video files. Default `auto`. */
  decoder?: DecoderName | undefined;
  /** Seconds that the decoder may give nothing before a video file fails. Default: no limit. */
  timeout?: number | undefined;
  /** Called while video files are read: the videos that are done, of how many, and the features made so far. */
  onProgress?: ((progress: { videos: number; total: number; features: number }) => void) | undefined;
}

/** A row for each video: f32 `[videos, dim]`. Not normalised: similarity is the raw dot product. */
export interface VideoEmbeddings extends Rows {
  /** What each pass of the encoder saw. */
  windows: VideoWindow[];
  /** Its embeddings, f32 `[windows, dim]`. */
  windowData: Float32Array;
  /**
   * For each video f32 `[T, dim]`: a token for every feature that was used, or `maxVideoLength` for every window. Where asked
   * for.
   */
  tokens?: Float32Array[] | undefined;
  /** @deprecated `data` */
  rows: Float32Array;
  /** @deprecated `shape[1]` */
  dim: number;
  /** @deprecated `windowData` */
  windowRows: Float32Array;
}

/** A row for each text: f32 `[texts, dim]`. */
export interface TextEmbeddings extends Rows {
  /** Texts that lost word pieces beyond `maxTextLength`, by index. */
  truncated: number[];
  /** Texts with words that the tokenizer has no pieces for: each such word is one unknown token. */
  unknown: UnknownOfText[];
  /** For each text f32 `[pieces + 2, dim]`: [CLS], its word pieces and [SEP]. Where asked for. */
  tokens?: Float32Array[] | undefined;
  /** @deprecated `data` */
  rows: Float32Array;
  /** @deprecated `shape[1]` */
  dim: number;
}
