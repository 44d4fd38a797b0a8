import { join } from "node:path";
import { type BrokenRecord, type ManifestRecord, readPart } from "./feature_manifest.js";
import { manifestNames } from "./part_list.js";
import { RecordTail } from "./record_tail.js";

export interface FeatureManifests {
  /** Records by the path of the video; if a path or a file has several, the last. */
  records: Map<string, ManifestRecord>;
  broken: BrokenRecord[];
}

/**
 * Reads all manifests of a folder into memory, line by line and without timestamps, for callers that list all features.
 * A line that is not a record is skipped and reported. `RecordIndex` finds single records in large folders.
 * @param names default: all manifests of the folder
 * @throws the system's error when the folder or a manifest cannot be read
 */
export function readManifests(folder: string, names = manifestNames(folder)): FeatureManifests {
  const tail = new RecordTail();
  const broken: BrokenRecord[] = [];
  const known = new Map<string, Record<string, unknown>>();
  for (const name of names) {
    const manifest = join(folder, name);
    for (const { line, record } of readPart(manifest, known)) {
      if (typeof record === "string") broken.push({ place: `${manifest}:${line}`, reason: record });
      else tail.add(record);
    }
  }
  const order = new Map(names.map((name, i) => [join(folder, name), i]));
  const current = [...tail.paths()].flatMap((path) => tail.get(path) ?? []);
  current.sort((a, b) => order.get(a.manifest)! - order.get(b.manifest)! || a.at - b.at);
  return { records: new Map(current.map((record) => [record.path, record])), broken };
}
