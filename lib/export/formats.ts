import { basename, resolve } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { CLIP_RETRIEVAL } from "./clip_retrieval.js";
import { FAISS, FBIN } from "./flat_vectors.js";
import type { ExportFormat } from "./format.js";
import { JSONL } from "./jsonl.js";
import { NPZ } from "./npz.js";
import { PARQUET } from "./parquet.js";
import { PGVECTOR } from "./pgvector.js";
import { WEBDATASET } from "./webdataset.js";

/** The formats by name. */
const FORMATS = {
  parquet: PARQUET,
  webdataset: WEBDATASET,
  npz: NPZ,
  "clip-retrieval": CLIP_RETRIEVAL,
  faiss: FAISS,
  fbin: FBIN,
  jsonl: JSONL,
  pgvector: PGVECTOR,
} satisfies Record<string, ExportFormat>;

export type ExportFormatName = keyof typeof FORMATS;

/** Names of the formats that features are exported to. */
export const EXPORT_FORMATS = Object.keys(FORMATS) as ExportFormatName[];

/** @throws InvalidArgumentError for an unknown name */
export function exportFormat(name: string): ExportFormat {
  if (Object.hasOwn(FORMATS, name)) return FORMATS[name as ExportFormatName];
  const message = `to: expected one of ${EXPORT_FORMATS.join(", ")}, received ${JSON.stringify(name)}`;
  throw new InvalidArgumentError(message, { argument: "to", expected: EXPORT_FORMATS, received: name });
}

/** The output of an export beside its folder of features: `features.parquet` beside `features/`. */
export function exportBeside(folder: string, name: ExportFormatName): string {
  const path = folder.replace(/[\\/]+$/, "");
  const named = /^\.*$/.test(basename(path)) ? resolve(folder) : path; // `.` has no name that an ending can follow
  return `${named}${exportFormat(name).ending}`;
}
