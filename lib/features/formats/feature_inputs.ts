import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MANIFEST_NAME } from "../../records/feature_manifest.js";
import { combineFeatures, type ExtractedFeatures, readFeatureFolders } from "../extracted_features.js";
import { readFeatureParquet } from "./parquet.js";
import { readWebDataset } from "./webdataset.js";

/**
 * Finds features in folders as {@link readFeatureFolders} does, in Parquet files with a row for each clip, and in tar
 * archives of WebDataset with `KEY.npy` and `KEY.json` for each video; also in folders of such files.
 * @throws DatasetError `ERR_FEATURES` for files that have no features, for different settings, and for a video that is
 * there twice; InvalidArgumentError for a path that is neither a folder nor such a file
 */
export async function openFeatureInputs(inputs: readonly string[]): Promise<ExtractedFeatures> {
  const parts: { place: string; features: ExtractedFeatures }[] = [];
  for (const input of inputs) {
    const files = filesOf(input);
    if (!files) parts.push({ place: input, features: readFeatureFolders([input]) });
    for (const place of files ?? []) {
      const features = place.endsWith(".tar") ? readWebDataset(place) : await readFeatureParquet(place);
      parts.push({ place, features });
    }
  }
  return combineFeatures(parts);
}

/** The Parquet files or archives that an input names; undefined for a folder of `.npy` files. */
function filesOf(input: string): string[] | undefined {
  const stat = statSync(input, { throwIfNoEntry: false });
  if (stat?.isFile() && /\.(parquet|tar)$/.test(input)) return [input];
  if (!stat?.isDirectory()) return undefined;
  const names = readdirSync(input).filter((name) => !name.startsWith("."));
  if (names.some((name) => MANIFEST_NAME.test(name) || /\.npy$/i.test(name))) return undefined;
  for (const ending of [".parquet", ".tar"]) {
    const files = names.filter((name) => name.endsWith(ending)).sort();
    if (files.length > 0) return files.map((name) => join(input, name));
  }
  return undefined;
}
