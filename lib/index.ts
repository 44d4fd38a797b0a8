/** VideoCLIP's frozen video encoders and bulk feature extraction on native kernels. */
export { createDevice, Device, type DeviceOptions, type DeviceReport, deviceReport } from "./device.js";
export * from "./errors.js";
export * from "./data/index.js";
export * from "./eval/index.js";
export { Random } from "./random.js";
export type { ParameterStore } from "./graph/parameter_store.js";
export type { Graph } from "./graph/trace.js";
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
  type SearchHit,
  type SearchVectorOptions,
  type SearchVectorsOptions,
  type SimilarityOverTime,
} from "./features/feature_index.js";
export {
  IndexError,
  type IndexManifest,
  type IndexSettings,
  type RowDType,
  type TextSideInfo,
} from "./features/index_format.js";
export { type IndexFeaturesOptions, type IndexFeaturesSummary, indexFeatures } from "./features/index_features.js";
export { searchPage, type SearchPageOptions } from "./features/search_page.js";
export { searchText, type TextSearchOptions, type TextSearchResult } from "./features/search_text.js";
export {
  type EmbeddedTexts,
  openTextSide,
  type OpenTextSideOptions,
  type TextRows,
  type TextSide,
  videoClipTextSide,
} from "./features/text_side.js";
export type { IndexedVideo } from "./features/index_writer.js";
export { type ExtractSummary, type ExtractToFolderOptions, extractToFolder } from "./features/run.js";
export { zeroShotClassify, type ZeroShotOptions, type ZeroShotScore } from "./features/zero_shot.js";
export { averageViews, type VideoViews, type ViewsOptions } from "./features/views.js";
export { describeModel, type LayerDescription, type ModelDescription } from "./models/describe.js";
export type { ClipEncoder, Rows } from "./models/encode_clips.js";
export type { Clips } from "./models/clip_list.js";
export type { TextEncoder } from "./models/text_encoder.js";
export {
  type LoadVideoEncoderOptions,
  loadVideoEncoder,
  VideoEncoder,
  type VideoEncoderOptions,
} from "./models/video_encoder.js";
export type { S3DOptions } from "./models/s3d.js";
export type { S3DKeys } from "./models/s3d_keys.js";
export type { VideoModelName } from "./models/video_models.js";
export {
  loadS3DTextEncoder,
  type LoadS3DTextOptions,
  S3DTextEncoder,
  type S3DTextEncoderOptions,
  type S3DTextOptions,
} from "./models/s3d_text.js";
export type { Answer, AnswerOptions } from "./models/question_answering.js";
export { type HuggingFaceConfig, type TextConfig, textConfig } from "./models/text_config.js";
export {
  type EncodeTextOptions,
  type LabelScore,
  loadTextModel,
  type RandomTextModelOptions,
  TextModel,
  type TextModelOptions,
  type TokenLabel,
} from "./models/text_model.js";
export type { MaskCandidate } from "./models/text_results.js";
export type { TextRunOptions } from "./models/text_runner.js";
export type { TextHead } from "./models/text_weights.js";
export {
  type EncodeOptions,
  type Encoding,
  loadTokenizer,
  type PaddedEncodings,
  type TextOrPair,
  WordPieceTokenizer,
} from "./text/wordpiece.js";
export type { Hypothesis, SearchOptions } from "./models/beam_search.js";
export { type SinusoidLayout, sinusoids } from "./models/sinusoid.js";
export { MARIAN, TRANSFORMER_BASE, type TransformerConfig } from "./models/transformer.js";
export type { OneHotTokens, SourceTokens } from "./models/transformer_decode.js";
export { type GenerateOptions, Transformer, type TransformerOptions } from "./models/transformer_model.js";
export { SHAPES_MODEL } from "./models/shapes_model.js";
export { VideoClip } from "./models/videoclip.js";
export {
  VIDEOCLIP,
  VIDEOCLIP_LIGHT,
  type VideoClipConfig,
  type VideoClipPreset,
  type VideoModelConfig,
} from "./models/videoclip_config.js";
export type { LongVideoPolicy, VideoFeatures, VideoWindow } from "./models/videoclip_input.js";
export type {
  EmbedOptions,
  EmbedVideoOptions,
  InitialVideoClipOptions,
  RandomVideoClipOptions,
  TextEmbeddings,
  VideoClipOptions,
  VideoClipTokenizer,
  VideoEmbeddings,
} from "./models/videoclip_types.js";
export {
  loadWordVectors,
  type WordTableOptions,
  type WordVectors,
  type WordVectorsOptions,
  wordTable,
} from "./text/word_vectors.js";
export { loadS3DWords, type S3DWords, s3dWords } from "./text/s3d_words.js";
export type { OnnxWeights } from "./onnx/constants.js";
export type { OnnxModel } from "./onnx/model.js";
export { type OnnxOptions, toOnnx } from "./onnx/to_onnx.js";
export { traceVideoEncoder, type VideoEncoderOnnxOptions, videoEncoderToOnnx } from "./onnx/video_encoder.js";
export { videoClipToOnnx, type VideoClipOnnxOptions, type VideoClipTower } from "./onnx/videoclip.js";
export { openVideo } from "./video/index.js";
export { stillAt, type StillOptions } from "./video/still.js";
export { listPresets, type PresetOverrides, resolvePreset } from "./video/presets.js";
export type {
  Clip,
  CropPosition,
  DecoderName,
  OpenVideo,
  OpenVideoFunction,
  OpenVideoOptions,
  PadMode,
  Preset,
  VideoInfo,
} from "./video/types.js";
export {
  openWeights,
  type OpenWeightsOptions,
  type StoredDType,
  type StoredTensor,
  type Tree,
  type WeightsFile,
} from "./weights/index.js";
export type { KeyMap, KeyRename, Tensors } from "./weights/rename.js";
export { marianKeys, torchKeys, type TorchKeyOptions, type TransformerKeys } from "./weights/transformer_files.js";
/** Losses `[1]` of symbolic tensors, for the `forward` of a {@link Task}. */
export * as losses from "./nn/losses.js";
export { accuracy, shuffledBatches } from "./train/batches.js";
export { CaptionPairs } from "./train/caption_pairs.js";
export { Checkpoints, type TrainingState } from "./train/checkpoint.js";
export {
  type HardNegatives,
  PackedPairs,
  type PackedPairsOptions,
  type PackedPairsProgress,
} from "./train/packed_pairs.js";
export { EmbeddingCache, type EmbeddingCacheOptions } from "./train/embedding_cache.js";
export { initializeParameters, parametersOfTask } from "./train/initialize.js";
export { type MetricsLine, readMetrics } from "./train/metrics.js";
export {
  type AdamOptions,
  NO_DECAY,
  Optimizer,
  type OptimizerOptions,
  type ParameterGroup,
  type SgdOptions,
} from "./train/optimizer.js";
export { makeSchedule, type Schedule } from "./train/schedules.js";
export type { Batch, BatchArray, Task, TrainingData } from "./train/task.js";
export {
  contrastiveBatch,
  type ContrastiveOptions,
  contrastiveTask,
  FROZEN_TEXT,
  initializeLogitScale,
  type VideoTextPair,
} from "./train/tasks/contrastive.js";
export { CoinSteps, CrossTaskSteps, type CrossTaskVideo, type StepDataOptions } from "./train/step_data.js";
export {
  stepClassification,
  stepClassificationBatch,
  stepLocalisation,
  stepLocalisationBatch,
} from "./train/tasks/steps.js";
export {
  type MaskedTokens,
  type MaskingOptions,
  maskTokens,
  nextSentencePair,
  type SentencePair,
} from "./train/tasks/masked_language.js";
export { pretrainingBatch, type PretrainingOptions, pretrainingTask } from "./train/tasks/pretraining.js";
export {
  type EncodedText,
  type LabelledRange,
  sequenceBatch,
  spanBatch,
  type TextBatchOptions,
  type TextRange,
  tokenBatch,
} from "./train/tasks/text_batches.js";
export { sequenceClassification, spanSelection, tokenClassification } from "./train/tasks/text_heads.js";
export { translationBatch, type TranslationPair, translationTask } from "./train/tasks/translation.js";
export { clipBatch, videoClassification } from "./train/tasks/video_classification.js";
export { type Evaluation, type StepEvent, Trainer, type TrainerOptions } from "./train/trainer.js";
export type { ModelTrainerOptions } from "./train/trainer_options.js";
export type { Loss, LossFunction, ModelBatch, ModelBatchArray, ModelData } from "./train/model_task.js";
export type { Example as TrainingExample, ExampleValue } from "./train/examples.js";
