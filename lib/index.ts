/**
 * Video-text embedding on native kernels: devices, encoders, VideoCLIP, extraction, search, and errors. Other parts
 * have separate entry points: `videoclip/nn`, `/ops`, `/train`, `/data`, `/eval`, `/onnx` and `/weights`.
 */
export {
  createDevice,
  Device,
  type DeviceName,
  type DeviceOptions,
  type DeviceReport,
  deviceReport,
  type Precision,
  type PrecisionChoice,
} from "./runtime/device.js";
export * from "./base/errors.js";
export type { NDArray } from "./base/nd_array.js";
export type { ParameterParts, ParameterStore } from "./runtime/parameter_store.js";
export { DecodedFeatures } from "./features/decoded_features.js";
export {
  type ClipFeature,
  type ExtractEvent,
  type ExtractOptions,
  type ExtractProgress,
  extract,
} from "./features/extract.js";
export {
  type AppendOptions,
  type CreateIndexOptions,
  FeatureIndex,
  type OpenIndexOptions,
  type SearchBase,
  type SearchVectorOptions,
  type SearchVectorsOptions,
  type SimilarityOverTime,
} from "./features/feature_index.js";
export type { SearchHit } from "./features/search_hits.js";
export {
  IndexError,
  type IndexManifest,
  type IndexSettings,
  type RowDType,
  type TextEncoderInfo,
} from "./features/index_format.js";
export { type IndexFeaturesOptions, type IndexFeaturesSummary, indexFeatures } from "./features/index_features.js";
export { exportFeatures, type ExportFeaturesOptions, type ExportSummary } from "./export/export_features.js";
export type { ExportedFile } from "./export/export_output.js";
export type { FeatureType } from "./export/stored_video.js";
export type { ExportFormatName } from "./export/formats.js";
export { searchPage, type SearchPageOptions } from "./serve/search_page.js";
export { serveIndexes } from "./serve/serve.js";
export type { SearchServer, ServeOptions } from "./serve/serve_options.js";
export type { SearchFit } from "./features/fit/fit.js";
export type { ModelSearch } from "./features/fit/model_search.js";
export { searchText, type TextSearchOptions, type TextSearchResult } from "./features/search_text.js";
export {
  type EmbeddedTexts,
  type IndexTextEncoder,
  openTextEncoder,
  type OpenTextEncoderOptions,
  openTextSide,
  type OpenTextSideOptions,
  type TextRows,
  type TextSide,
  type TextSideInfo,
  videoClipTextEncoder,
  videoClipTextSide,
} from "./features/index_text_encoder.js";
export type { IndexedVideo } from "./features/index_writer.js";
export type { StorageOptions } from "./features/remote/video_sources.js";
export type {
  CallOptions,
  GetOptions,
  ObjectBody,
  ObjectFacts,
  ObjectStore,
  PutOptions,
} from "./storage/object_store.js";
export type { RetryOptions } from "./storage/retry.js";
export type { S3Options } from "./storage/s3_client.js";
export { S3Store } from "./storage/s3_store.js";
export { StorageError, type StorageFault } from "./storage/storage_error.js";
export {
  checkFeatures,
  type CheckFeaturesOptions,
  type FeatureFindings,
  type FeaturesReport,
} from "./features/check_features.js";
export { mergeFeatures, type MergeFeaturesOptions, type MergeFeaturesSummary } from "./features/merge_features.js";
export { type ExtractSummary, type ExtractToFolderOptions, extractToFolder } from "./features/run.js";
export type { SavedCounts, SaveOptions } from "./features/save_videos.js";
export { type AddedVideos, SharedRun, type SharedRunOptions, type SharedWorkOptions } from "./queue/shared_run.js";
export type { AddOptions as AddVideosOptions, Progress as RunProgress } from "./queue/fill.js";
export type { QueueCounts } from "./queue/engine.js";
export type { WorkerNote } from "./queue/heartbeat.js";
export type { RunOptions as SharedRunSettings } from "./queue/run_folder.js";
export type { RunStatus, WorkerStatus } from "./queue/status.js";
export type { WorkOptions, WorkSummary } from "./queue/worker.js";
export { classifyFolder, type ClassifyFolderOptions } from "./features/classify_folder.js";
export type { FeatureFailure } from "./features/feature_failures.js";
export type { EmbedFolderOptions, WindowOptions } from "./features/embed_folder.js";
export { embedToFolder, type EmbedToFolderOptions, type EmbedToFolderResult } from "./features/embed_to_folder.js";
export { zeroShotClassify, type ZeroShotOptions, type ZeroShotScore } from "./features/zero_shot.js";
export { averageViews, type VideoViews, type ViewsOptions } from "./features/views.js";
export { describeModel, type LayerDescription, type ModelDescription } from "./models/describe.js";
export type { ClipEncoder, Rows } from "./models/encode_clips.js";
export type { Bytes, Clips } from "./models/video/clip_list.js";
export type { TextEncoder } from "./models/text/text_encoder.js";
export {
  type LoadVideoEncoderOptions,
  loadVideoEncoder,
  VideoEncoder,
  type VideoEncoderOptions,
} from "./models/video/video_encoder.js";
export type { S3DOptions } from "./models/video/s3d.js";
export type { Part as S3DPart, S3DKeys } from "./models/video/s3d_keys.js";
export type { VideoModelName } from "./models/video/video_models.js";
export type { X3DName } from "./models/video/x3d.js";
export {
  loadS3DTextEncoder,
  type LoadS3DTextOptions,
  S3DTextEncoder,
  type S3DTextEncoderOptions,
  type S3DTextOptions,
} from "./models/text/s3d_text.js";
export type { Answer, AnswerOptions } from "./models/text/question_answering.js";
export { type HuggingFaceConfig, type TextConfig, textConfig } from "./models/text/text_config.js";
export {
  type EncodeTextOptions,
  type LabelScore,
  loadTextModel,
  type RandomTextModelOptions,
  TextModel,
  type TextModelOptions,
  type TokenLabel,
} from "./models/text/text_model.js";
export type { MaskCandidate } from "./models/text/text_results.js";
export type { TextRunOptions } from "./models/text/text_runner.js";
export type { TextHead } from "./models/text/text_weights.js";
export {
  type EncodeOptions,
  type Encoding,
  loadTokenizer,
  type PaddedEncodings,
  type TextOrPair,
  WordPieceTokenizer,
} from "./text/wordpiece.js";
export type { Hypothesis, SearchOptions } from "./models/transformer/beam_search.js";
export { MARIAN, TRANSFORMER_BASE, type TransformerConfig } from "./models/transformer/transformer.js";
export type { OneHotTokens, SourceTokens } from "./models/transformer/transformer_decode.js";
export { type GenerateOptions, Transformer, type TransformerOptions } from "./models/transformer/transformer_model.js";
export { SHAPES_MODEL } from "./models/videoclip/shapes_model.js";
export { VideoClip } from "./models/videoclip/videoclip.js";
export type { VideoFilesOptions } from "./models/videoclip/videoclip_files.js";
export type { ComparedRows } from "./models/videoclip/videoclip_similarity.js";
export type { PieceTokenizer } from "./text/piece_ids.js";
export {
  VIDEOCLIP,
  VIDEOCLIP_LIGHT,
  type VideoClipConfig,
  type VideoClipPreset,
  type VideoModelConfig,
} from "./models/videoclip/videoclip_config.js";
export type { LongVideoPolicy, VideoFeatures, VideoWindow } from "./models/videoclip/videoclip_input.js";
export type {
  EmbedOptions,
  EmbedVideoOptions,
  InitialVideoClipOptions,
  RandomVideoClipOptions,
  TextEmbeddings,
  VideoClipOptions,
  VideoClipTokenizer,
  VideoEmbeddings,
} from "./models/videoclip/videoclip_types.js";
export {
  loadWordVectors,
  type WordTableOptions,
  type WordVectors,
  type WordVectorsOptions,
  wordTable,
} from "./text/word_vectors.js";
export { type UnknownOfText, UnknownWords, type UnknownWordsReport } from "./text/unknown_words.js";
export { loadS3DWords, type S3DWords, s3dWords } from "./text/s3d_words.js";
export { openVideo } from "./video/index.js";
export { stillAt, type StillOptions } from "./video/stills/still.js";
export { listPresets, type PresetOverrides, resolvePreset } from "./video/presets.js";
export type {
  Clip,
  CropPosition,
  DecoderName,
  OpenVideo,
  OpenVideoFunction,
  OpenVideoOptions,
  OnError,
  PadMode,
  Preset,
  TimeRule,
  VideoInfo,
} from "./video/types.js";
export type { KeyMap, KeyRename } from "./weights/rename.js";
