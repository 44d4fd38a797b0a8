import { borrowModel, type BorrowedModelOptions } from "../models/borrow_model.js";
import { readFeatureFile, readFeatureFolders } from "./extracted_features.js";
import type { TextRows } from "./text_side.js";
import { zeroShotClassify, type ZeroShotOptions, type ZeroShotScore } from "./zero_shot.js";

export interface ClassifyFolderOptions extends BorrowedModelOptions, Omit<ZeroShotOptions, "text" | "signal"> {}

/**
 * Scores labels for each video of folders of features, without training, as `videoclip classify` does: long videos are embedded in
 * windows.
 * @param folders those of `extractToFolder`, or folders of .npy files `[clips, dim]`
 * @returns for each video all labels, best first
 * @throws InvalidArgumentError for labels or templates that cannot be used; DatasetError; WeightsError
 */
export async function* classifyFolder(
  folders: readonly string[],
  labels: readonly string[],
  options: ClassifyFolderOptions,
): AsyncGenerator<{ video: string; labels: ZeroShotScore[] }> {
  const { templates, normalize, signal } = options;
  let { onUnknown } = options; // the sentences are the same for every video
  const { files } = readFeatureFolders(folders);
  const { model, release } = await borrowModel(options);
  try {
    const text: TextRows = { encode: (texts, encoding) => model.encodeText(texts, encoding) };
    for (const file of files) {
      const videos = await model.encodeVideo(readFeatureFile(file), { longVideos: "window", signal });
      const [scores] = await zeroShotClassify(videos, labels, { text, templates, normalize, onUnknown, signal });
      onUnknown = undefined;
      yield { video: file.video, labels: scores };
    }
  } finally {
    release();
  }
}
