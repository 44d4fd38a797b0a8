/** Datasets as published, packed for training, and the pairs and batches drawn from them. */
export { openFeatures, type OpenFeaturesOptions } from "../features/open_features.js";
export { ProjectedFeatures } from "../features/projected_features.js";
export { packDatasetFile, type PackDatasetFileOptions } from "../features/pack_dataset.js";
export { checkDataset, type CheckDatasetOptions, type DatasetReport } from "./check.js";
export { type CoinVideo, readCoin } from "./coin.js";
export {
  type CrossTask,
  type CrossTaskStep,
  listCrossTaskAnnotations,
  readCrossTasks,
  readCrossTaskSteps,
  readCrossTaskVideos,
} from "./crosstask.js";
export { deduplicateCaptions, type DeduplicateOptions } from "./deduplicate.js";
export { type DidemoQuery, readDidemo } from "./didemo.js";
export type { Features, FeatureSource } from "./feature_source.js";
export { FeatureFolder } from "./feature_folder.js";
export { DATASET_FORMATS, type DatasetFormat, datasetFormat, type DatasetOptions } from "./formats.js";
export { type HowTo100MVideo, readHowTo100MCsv, readHowTo100MVideos } from "./howto100m.js";
export { type CaptionedVideo, type MsrvttQuestion, readMsrvttQuestions, readMsrvttSplit } from "./msrvtt.js";
export {
  packDataset,
  type PackManifest,
  type PackOptions,
  type PackProgress,
  readPack,
  type ShardEntry,
} from "./pack.js";
export { PackedDataset } from "./packed_dataset.js";
export { makePairBatch, type PairBatch, type PairBatchOptions, shuffledGroups } from "./pair_batch.js";
export { PairLoader, type PairLoaderOptions } from "./pair_loader.js";
export { readDataset, type ReadDatasetOptions } from "./read_dataset.js";
export { type Caption, cleanCaption, type ReadOptions, sortCaptions, type VideoRecord } from "./record.js";
export { planRetrieval, type RetrievalPlanOptions, type RetrievalPlan, videoVector } from "./retrieval.js";
export {
  type ClipPair,
  pairOverlap,
  samplePair,
  type SamplerOptions,
  type SamplerQuirk,
  type TokenisedCaptions,
} from "./sampler.js";
export { Skips } from "./skips.js";
export { UnknownCaptions, type UnknownReport } from "./unknown_captions.js";
export type { VideoLists } from "./video_list.js";
export { UnknownWords, type UnknownWordsReport } from "../text/unknown_words.js";
