// Reads every format of an export back without the code that wrote it, as a list of clips.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { unpackTar } from "modern-tar";
import type { ExportFormatName } from "#lib/export/formats.js";
import { halfToFloat } from "#lib/base/half_floats.js";
import { ByteFile } from "#lib/weights/byte_file.js";
import { type NpyArray, readNpy, readNpz } from "#lib/weights/read_npy.js";
import { jsonLines } from "../support/command_line.js";

/** A clip of an export, with what the format has of it. */
export interface ReadClip {
  path?: string;
  clip?: number;
  start?: number;
  end?: number;
  duration?: number;
  partial?: boolean;
  feature: number[];
}

const using = <T>(path: string, work: (file: ByteFile) => T): T => {
  const file = new ByteFile(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
};

/** The rows of a matrix. */
function rowsOf(values: ArrayLike<number>, dim: number): number[][] {
  const list = Array.from(values);
  return Array.from({ length: list.length / dim }, (_, i) => list.slice(i * dim, (i + 1) * dim));
}
const rowsOfArray = ({ data, shape }: NpyArray) => rowsOf(data as Float64Array, shape[1]);

/** What is written about a video. */
interface VideoFacts {
  path: string;
  timestamps?: [number, number][];
  duration?: number;
  partial?: boolean;
}

/** The clips of a video, from its facts and its array. */
function clipsOf({ path, timestamps, duration, partial }: VideoFacts, array: NpyArray): ReadClip[] {
  return rowsOfArray(array).map((feature, clip) => {
    const [start, end] = timestamps?.[clip] ?? [];
    return { path, clip, start, end, duration, partial, feature };
  });
}

export async function readParquet(path: string): Promise<{ clips: ReadClip[]; settings: unknown; groups: number }> {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const metadata = parquetMetadata(file);
  const rows = await parquetReadObjects({ file, metadata });
  const { value } = metadata.key_value_metadata!.find(({ key }) => key === "videoclip")!;
  const clips = rows.map((row) => {
    const defined = Object.fromEntries(Object.entries(row).filter(([, v]) => v !== null && v !== undefined));
    return { ...defined, feature: row.feature === undefined ? [] : Array.from(row.feature as number[]) };
  });
  return { clips, settings: JSON.parse(value!).settings, groups: metadata.row_groups.length };
}

/** The entries of the archives in a folder, by name. */
export async function readShards(folder: string): Promise<Map<string, Uint8Array>> {
  const entries = new Map<string, Uint8Array>();
  for (const name of readdirSync(folder)
    .filter((one) => one.endsWith(".tar"))
    .sort()) {
    // prettier-ignore
    for (const { header, data } of await unpackTar(readFileSync(join(folder, name)))) entries.set(header.name, data!);
  }
  return entries;
}

async function readWebDataset(folder: string, scratch: (bytes: Uint8Array) => string): Promise<ReadClip[]> {
  const entries = await readShards(folder);
  return [...entries].flatMap(([name, bytes]) => {
    if (!name.endsWith(".npy")) return [];
    const facts = JSON.parse(Buffer.from(entries.get(name.replace(/npy$/, "json"))!).toString());
    return clipsOf(facts, using(scratch(bytes), readNpy));
  });
}

function readNpzExport(path: string): ReadClip[] {
  const arrays = using(path, readNpz);
  const text = Buffer.from(arrays.get("index")!.data as Float64Array).toString();
  const lines = text.split("\n").filter(Boolean).map((line) => JSON.parse(line)); // prettier-ignore
  if (arrays.size !== lines.length + 2) throw new Error(`${arrays.size} arrays, ${lines.length} videos`);
  return lines.flatMap((facts) => clipsOf(facts, arrays.get(facts.key)!));
}

async function readClipRetrieval(folder: string): Promise<ReadClip[]> {
  const clips: ReadClip[] = [];
  for (const name of readdirSync(join(folder, "img_emb")).sort()) {
    const rows = rowsOfArray(using(join(folder, "img_emb", name), readNpy));
    const metadata = name.replace("img_emb", "metadata").replace(".npy", ".parquet");
    const facts = (await readParquet(join(folder, "metadata", metadata))).clips;
    if (facts.length !== rows.length) throw new Error(`${name}: ${rows.length} rows, ${facts.length} of metadata`);
    clips.push(...facts.map((fact, i) => ({ ...fact, feature: rows[i] })));
  }
  return clips;
}

/** Rows behind a header, with the ids beside them. */
function readFlat(path: string, start: number, rows: number, dim: number, half = false): ReadClip[] {
  const bytes = readFileSync(path);
  const values = Array.from({ length: (bytes.length - start) / (half ? 2 : 4) }, (_, i) =>
    half ? halfToFloat(bytes.readUInt16LE(start + 2 * i)) : bytes.readFloatLE(start + 4 * i),
  );
  const ids = jsonLines(`${path}.ids.jsonl`);
  if (ids.length !== rows || values.length !== rows * dim) throw new Error(`${rows} rows, ${ids.length} ids`);
  return rowsOf(values, dim).map((feature, i) => {
    const { row, ...facts } = ids[i];
    if (row !== i) throw new Error(`row ${row} at ${i}`);
    return { ...facts, feature };
  });
}

function readFaiss(path: string): ReadClip[] {
  const header = readFileSync(path).subarray(0, 45);
  const [dim, rows] = [header.readInt32LE(4), Number(header.readBigInt64LE(8))];
  if (header.toString("latin1", 0, 4) !== "IxFI" || Number(header.readBigUInt64LE(37)) !== rows * dim)
    throw new Error("no flat index");
  return readFlat(path, 45, rows, dim);
}

/** Undoes the escapes of `COPY` text. */
const unescape = (text: string): string =>
  text.replace(/\\(.)/gs, (_, c: string) => ({ n: "\n", r: "\r", t: "\t" })[c] ?? c);

/** The rows of the `COPY` in a script for psql. */
function readCopy(path: string): ReadClip[] {
  const lines = readFileSync(path, "utf8").split("\n");
  const first = lines.findIndex((line) => line.startsWith("COPY ")) + 1;
  return lines.slice(first, lines.indexOf("\\.", first)).map((line) => {
    const [name, clip, start, end, duration, partial, feature] = line.split("\t");
    const number = (text: string) => (text === "\\N" ? {} : Number(text));
    const numbers = { clip, start, end, duration };
    const defined = Object.fromEntries(
      Object.entries(numbers).flatMap(([key, text]) => (text === "\\N" ? [] : [[key, number(text)]])),
    );
    return { path: unescape(name), ...defined, partial: partial === "t", feature: JSON.parse(feature) };
  });
}

/** @param scratch writes bytes to a temporary file and returns its path */
export async function readExport(
  to: ExportFormatName,
  out: string,
  scratch: (bytes: Uint8Array) => string,
): Promise<ReadClip[]> {
  switch (to) {
    case "parquet":
      return (await readParquet(out)).clips;
    case "webdataset":
      return readWebDataset(out, scratch);
    case "npz":
      return readNpzExport(out);
    case "clip-retrieval":
      return readClipRetrieval(out);
    case "faiss":
      return readFaiss(out);
    case "fbin": {
      const header = readFileSync(out).subarray(0, 8);
      const [rows, dim] = [header.readUInt32LE(0), header.readUInt32LE(4)];
      return readFlat(out, 8, rows, dim, readFileSync(out).length === 8 + rows * dim * 2);
    }
    case "jsonl":
      return jsonLines(out).map(({ vector, payload }) => ({ ...payload, feature: vector }));
    case "pgvector":
      return readCopy(out);
  }
}
