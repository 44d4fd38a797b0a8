import { borrowModel, type BorrowedModelOptions } from "../models/videoclip/borrow_model.js";
import { checkWidth, readFeatureFile, readFeatureFolders } from "./extracted_features.js";
import { brokenFailures, type FeatureFailure, FeatureFailures } from "./feature_failures.js";
import type { TextRows } from "./index_text_encoder.js";
import { zeroShotClassify, type ZeroShotOptions, type ZeroShotScore } from "./zero_shot.js";

export interface ClassifyFolderOptions extends BorrowedModelOptions, Omit<ZeroShotOptions, "text" | "signal"> {
  /** Called for each video that is left out because its features cannot be used. */
  onFailure?: ((failure: FeatureFailure) => void) | undefined;
}

/**
 * Scores labels for each video in folders of features, zero-shot, like `videoclip classify`. Long videos are embedded
 * in windows.
 * @param folders written by `extractToFolder`, or folders of .npy files `[clips, dim]`
 * @returns for each video all labels, best first; videos whose features are broken, or do not fit the model, are left
 * out
 * @throws InvalidArgumentError for labels or templates that cannot be used; DatasetError; WeightsError
 */
export async function* classifyFolder(
  folders: readonly string[],
  labels: readonly string[],
  options: ClassifyFolderOptions,
): AsyncGenerator<{ video: string; labels: ZeroShotScore[] }> {
  const { templates, normalize, signal } = options;
  let { onUnknown } = options; // the sentences are the same for every video
  const { files, broken } = readFeatureFolders(folders);
  const failures = new FeatureFailures(options.onFailure);
  for (const failure of brokenFailures(broken)) failures.add(failure);
  const { model, release } = await borrowModel(options);
  try {
    const text: TextRows = { encode: (texts, encoding) => model.encodeText(texts, encoding) };
    for (const file of files) {
      const features = failures.attempt(file.video, () =>
        checkWidth(file, readFeatureFile(file), model.config.featureSize),
      );
      if (!features) continue;
      const videos = await model.encodeVideo(features, { longVideos: "window", signal });
      const [scores] = await zeroShotClassify(videos, labels, { text, templates, normalize, onUnknown, signal });
      onUnknown = undefined;
      yield { video: file.video, labels: scores };
    }
  } finally {
    release();
  }
}
