import { parse } from "node:path";
import { DatasetError } from "../base/errors.js";
import type { ManifestRecord } from "./feature_manifest.js";
import { baseOf, claimsOf, type Place, type Stamp } from "./record_order.js";
import type { Row } from "./row.js";

/**
 * The rows of an index. Table `paths`: key path; value a byte, 1 if other records have the same feature file, and JSON
 * of the record. Table `marks` has keys of three kinds:
 * - `f` and the name of a feature file in lower case, without ending: where its record is
 * - `b`, the name of a video in lower case if its feature file has another one, a zero, and its path
 * - `s` and the size of a video: where its record is
 */
export const FILE = 0x66;
const ENDING = ".npy";
const NOTHING = new Uint8Array(0);

/** What the numbers in rows mean. */
export interface RowContext {
  /** Paths of the parts of the manifest. */
  manifests: readonly string[];
  settings: readonly Record<string, unknown>[];
}

export const pathKey = (path: string): Uint8Array => Buffer.from(path);
export const fileKey = (name: string): Uint8Array => Buffer.from(`f${name}`);
export const baseKey = (name: string): Uint8Array => Buffer.from(`b${name}\0`);
export const sizeKey = (bytes: number): Uint8Array => Buffer.from(`s${bytes}`);

/** The row of table `paths` for a record. */
export function pathRow(record: ManifestRecord, part: number, settings: number): Row {
  const { path, file, clips, partial, movedFrom, source, finishedAt, at, bytes } = record;
  const facts = source ? [source.bytes, source.modified, source.sample ?? 0, source.sha256 ?? 0] : [];
  const name = file === `${baseOf(path)}${ENDING}` ? 0 : file;
  const moved = movedFrom.length > 0 ? movedFrom : 0;
  const json = JSON.stringify([part, at, bytes, finishedAt, name, clips, partial ? 1 : 0, settings, moved, ...facts]);
  return { key: pathKey(path), value: Buffer.from(`\0${json}`) };
}

/** The rows of table `marks` for a record. */
export function markRows(record: ManifestRecord, part: number): Row[] {
  const { path, file, source, at, bytes, finishedAt } = record;
  const { base, name } = claimsOf(record);
  const exact = file === `${name}${ENDING}` ? [] : [file];
  const rows = [{ key: fileKey(name), value: Buffer.from(JSON.stringify([part, at, bytes, finishedAt, ...exact])) }];
  if (base !== name) rows.push({ key: Buffer.from(`b${base}\0${path}`), value: Buffer.from(NOTHING) });
  if (source) rows.push({ key: Buffer.from(sizeKey(source.bytes)), value: Buffer.from(JSON.stringify([part, at, bytes])) }); // prettier-ignore
  return rows;
}

const textOf = (bytes: Uint8Array, from = 0): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8", from);

/** What all values of records begin with: part, position, bytes, time and file. */
export interface RowStamp {
  part: number;
  at: number;
  finishedAt: string;
  file: string | 0 | undefined;
}

export function stampOfPathRow({ value }: Row): RowStamp {
  const [part, at, , finishedAt, file] = JSON.parse(textOf(value, 1));
  return { part, at, finishedAt, file };
}

/** A mark of a feature file as a stamp with the file's name. */
export function stampOfFileRow({ key, value }: Row, context: RowContext): Stamp & { file: string; part: number } {
  const [part, at, bytes, finishedAt, file = `${textOf(key, 1)}${ENDING}`] = JSON.parse(textOf(value));
  return { manifest: manifestOf(context, part), part, at, bytes, finishedAt, file };
}

/** Where the record of a mark of a size is. */
export function placeOfSizeRow(value: Uint8Array, context: RowContext): Place {
  const [part, at, bytes] = JSON.parse(textOf(value));
  return { manifest: manifestOf(context, part), at, bytes };
}

/** The path in a row for the name of a video. */
export const pathOfBaseRow = ({ key }: Row): string => textOf(key).slice(textOf(key).indexOf("\0") + 1);

/** A record that an index has on disk. */
export interface FoundRecord extends ManifestRecord {
  /** Whether other records have its feature file, so that it must be compared with them. */
  contested: boolean;
}

export function recordOfRow({ key, value }: Row, context: RowContext): FoundRecord {
  const path = textOf(key);
  const [part, at, bytes, finishedAt, name, clips, partial, settings, moved, size, modified, sample, sha256] =
    JSON.parse(textOf(value, 1));
  const content = { ...(sample ? { sample } : {}), ...(sha256 ? { sha256 } : {}) };
  return {
    path,
    file: name === 0 ? `${baseOf(path)}${ENDING}` : name,
    clips,
    partial: partial === 1,
    movedFrom: moved === 0 ? [] : moved,
    source: size === undefined ? undefined : { bytes: size, modified, ...content },
    settings: context.settings[settings],
    finishedAt,
    manifest: manifestOf(context, part),
    at,
    bytes,
    contested: value[0] === 1,
  };
}

function manifestOf({ manifests }: RowContext, part: number): string {
  if (manifests[part] !== undefined) return manifests[part];
  throw new DatasetError("ERR_INDEX_DAMAGED", `the index names part ${part} of ${manifests.length}`);
}

/** The name by which the feature file of a record is found. */
export const nameKeyOf = (file: string): string => parse(file).name.toLowerCase();
