import { fileError } from "../data/json_file.js";
import { lineError, readLines } from "../data/jsonl.js";
import { isArrayOf } from "../base/typed_arrays.js";
import { readNpy } from "../weights/read_npy.js";
import { ByteFile } from "../weights/byte_file.js";
import { type RetrievalMetrics, retrievalMetrics, type RetrievalOptions } from "./retrieval.js";

/** A similarity matrix `[queries, candidates]` (.npy). @throws DatasetError for anything else */
export function readSimilarity(path: string): { values: Float64Array; shape: [number, number] } {
  const file = new ByteFile(path);
  try {
    const { shape, data } = readNpy(file);
    if (shape.length === 2 && isArrayOf("Float64Array", data)) return { values: data, shape: [shape[0], shape[1]] };
    throw fileError(path, "", `expected numbers [queries, candidates], received [${shape.join(", ")}]`);
  } finally {
    file.close();
  }
}

/**
 * Text-to-video retrieval from a similarity matrix `[queries, candidates]` (.npy).
 * @param truth text file: line i has the columns relevant to row i (default: column i)
 */
export async function scoreRetrieval(
  similarity: string,
  truth: string | undefined,
  options: Omit<RetrievalOptions, "truth">,
): Promise<RetrievalMetrics> {
  const { values, shape } = readSimilarity(similarity);
  let columns: number[][] | undefined;
  if (truth) {
    columns = [];
    for await (const { value, line } of readLines(truth)) {
      const row = value
        .trim()
        .split(/[\s,]+/)
        .map(Number);
      if (row.some((column) => !Number.isInteger(column))) {
        throw lineError(truth, line, `expected columns, received ${value.slice(0, 40)}`);
      }
      columns.push(row);
    }
  }
  return retrievalMetrics(values, shape, { ...options, truth: columns });
}
