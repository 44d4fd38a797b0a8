import { FeatureFolder } from "../data/feature_folder.js";
import type { FeatureSource } from "../data/feature_source.js";
import { packDataset, type PackManifest, type PackProgress } from "../data/pack.js";
import { readDataset, type ReadDatasetOptions } from "../data/read_dataset.js";
import { UnknownCaptions } from "../data/unknown_captions.js";
import { Skips } from "../data/skips.js";
import type { VideoClipTokenizer } from "../models/videoclip/videoclip_types.js";
import { textPieces } from "../text/piece_ids.js";
import { WordPieceTokenizer } from "../text/wordpiece.js";
import { checkFeatureOrigin } from "./feature_origin.js";
import { openFeatures, type OpenFeaturesOptions } from "./open_features.js";

export interface PackDatasetFileOptions extends Omit<ReadDatasetOptions, "skips">, OpenFeaturesOptions {
  /** Features of the videos: a source, or a folder that is opened with the other options and closed again. */
  features: FeatureSource | string;
  /** Tokenizer of the captions, or the path of a vocab.txt, a tokenizer.json or a folder with one. */
  tokenizer: VideoClipTokenizer | string;
  /**
   * Accept features of any weights. Otherwise those of another video encoder, or of other weights, than the one beside
   * the tokenizer are refused: if `tokenizer` is the folder of a model.
   */
  anyWeights?: boolean | undefined;
  /** Maximum word pieces of a caption. Default: all. */
  captionTokens?: number | undefined;
  /** Maximum characters of a caption that are tokenised. Default: all. */
  captionCharacters?: number | undefined;
  /** Keep captions that begin after the features, for the sampler's quirk `lateCaptions`. Default false. */
  lateCaptions?: boolean | undefined;
  /** Size of a shard in bytes. Default 128 MiB. */
  shardBytes?: number | undefined;
  /** Counts records that are left out. Default: up to 1,000. */
  skips?: Skips | undefined;
  onProgress?: ((progress: PackProgress) => void) | undefined;
}

/**
 * Packs a published dataset and the features of its videos into shards that training reads by position, like
 * `videoclip data pack`. An interrupted run continues in the same folder.
 * @param format of `videoclip data`: `jsonl` for lines in this package's format @param file the dataset's file, as
 * published
 * @param out folder of the pack
 * @throws InvalidArgumentError when the folder has a pack of another source, or for features of another encoder; DatasetError; the signal's reason
 */
export async function packDatasetFile(
  format: string,
  file: string,
  out: string,
  options: PackDatasetFileOptions,
): Promise<PackManifest> {
  const { features: from, tokenizer: given, captionTokens, shardBytes, onProgress, signal, ...rest } = options;
  const { captionCharacters, lateCaptions, anyWeights = false, ...more } = rest;
  const { subset, deduplicate, only = [], except = [], skips = new Skips(), ...opening } = more;
  const unknownCaptions = new UnknownCaptions();
  const pieces = (text: string) => {
    const { ids, unknown } = textPieces(tokenizer, text);
    unknownCaptions.add(text, ids, unknown);
    return [...ids];
  };
  const tokenizer = typeof given === "string" ? WordPieceTokenizer.load(given) : given;
  const records = readDataset(format, file, { subset, deduplicate, only, except, skips, signal });
  const features = typeof from === "string" ? await openFeatures(from, { ...opening, signal }) : from;
  try {
    if (features instanceof FeatureFolder && typeof given === "string" && !anyWeights)
      for (const settings of features.settings) await checkFeatureOrigin(settings, given);
    return await packDataset(records, out, {
      features,
      tokenise: (texts) => texts.map(pieces),
      unknownCaptions,
      source: {
        dataset: format,
        file,
        subset,
        deduplicate: deduplicate ?? true,
        only,
        except,
        captionTokens,
        captionCharacters,
        lateCaptions,
        features: typeof from === "string" ? from : from.folder,
        s3dFc: opening.s3dFc,
        videoModel: opening.videoModel,
        tokenizer: typeof given === "string" ? given : undefined,
      },
      skips,
      captionTokens,
      captionCharacters,
      lateCaptions,
      shardBytes,
      signal,
      onProgress,
    });
  } finally {
    if (typeof from === "string") (features as { dispose?(): void }).dispose?.();
  }
}
