/** Training: tasks, batches, optimizers, the trainer, and the recipes of run files. */
export type { Device, DeviceName, DeviceOptions, Precision, PrecisionChoice } from "../runtime/device.js";
export type { ParameterStore } from "../runtime/parameter_store.js";
export type { Tensor } from "../graph/tensor.js";
export type { TextConfig } from "../models/text/text_config.js";
export type { VideoClipConfig } from "../models/videoclip/videoclip_config.js";
export type { VideoFeatures } from "../models/videoclip/videoclip_input.js";
/** Losses `[1]` of symbolic tensors, for the `forward` of a {@link Task}. */
export * as losses from "../nn/losses.js";
export { Random } from "../base/random.js";
export { accuracy, shuffledBatches } from "./batches.js";
export { CaptionPairs, type CaptionPairsOptions } from "./caption_pairs.js";
export { type BestEvaluation, Checkpoints, type TrainingState } from "./checkpoint.js";
export { EmbeddingCache, type EmbeddingCacheOptions, type EmbeddingCacheRun } from "./embedding_cache.js";
export { initializeParameters, parametersOfTask } from "./initialize.js";
export type { LossScaleState } from "./loss_scale.js";
export { type MetricsLine, readMetrics } from "./metrics.js";
export {
  type AdamOptions,
  NO_DECAY,
  Optimizer,
  type OptimizerOptions,
  type ParameterGroup,
  type SgdOptions,
} from "./optimizer.js";
export { type HardNegatives, PackedPairs, type PackedPairsOptions, type PackedPairsProgress } from "./packed_pairs.js";
export { plotSvg } from "./plot.js";
export { plotRun, type PlotRunOptions } from "./plot_run.js";
export { type JsonSchema, trainConfigSchema } from "./recipes/json_schema.js";
export type { RecipePlan } from "./recipes/prepare.js";
export { checkRecipe, readRecipe, type RecipeChanges } from "./recipes/read.js";
export {
  describeRecipe,
  type RecipeFiles,
  type RecipeOptions,
  runRecipe,
  type RunRecipeOptions,
} from "./recipes/run.js";
export type {
  CoinConfig,
  ContrastiveConfig,
  CrossTaskConfig,
  PretrainingConfig,
  TrainConfig,
} from "./recipes/schema.js";
export { makeSchedule, type PeakLearningRate, type Schedule } from "./schedules.js";
export { CoinSteps, CrossTaskSteps, type CrossTaskVideo, type StepData, type StepDataOptions } from "./step_data.js";
export type { Parameter } from "./step_program.js";
export type { Batch, BatchArray, Task, TrainingData } from "./task.js";
export {
  contrastiveBatch,
  type ContrastiveOptions,
  contrastiveTask,
  FROZEN_TEXT,
  initializeLogitScale,
  type VideoTextPair,
} from "./tasks/contrastive.js";
export {
  type MaskedTokens,
  type MaskingOptions,
  maskTokens,
  nextSentencePair,
  type SentencePair,
} from "./tasks/masked_language.js";
export { pretrainingBatch, type PretrainingOptions, pretrainingTask } from "./tasks/pretraining.js";
export { stepClassification, stepClassificationBatch, stepLocalisation, stepLocalisationBatch } from "./tasks/steps.js";
export {
  type EncodedText,
  type LabelledRange,
  sequenceBatch,
  spanBatch,
  type TextBatchOptions,
  type TextRange,
  tokenBatch,
} from "./tasks/text_batches.js";
export { sequenceClassification, spanSelection, tokenClassification } from "./tasks/text_heads.js";
export { translationBatch, type TranslationPair, translationTask } from "./tasks/translation.js";
export { clipBatch, videoClassification } from "./tasks/video_classification.js";
export { type StepEvent, Trainer } from "./trainer.js";
export type { Evaluation, ModelFiles, ModelTrainerOptions, TrainerOptions } from "./trainer_options.js";
export type { Loss, LossFunction, ModelBatch, ModelBatchArray, ModelData } from "./model_task.js";
export type { Example as TrainingExample, ExampleValue } from "./examples.js";
