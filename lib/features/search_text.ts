import { InvalidArgumentError } from "../base/errors.js";
import type { FeatureIndex } from "./feature_index.js";
import type { SearchHit } from "./search_hits.js";
import { judgeFit, type IndexFit, type SearchFit } from "./fit/fit.js";
import { fitOf } from "./fit/index_fit.js";
import {
  type EmbeddedTexts,
  type IndexTextEncoder,
  openTextEncoder,
  type OpenTextEncoderOptions,
  type TextRows,
  textRows,
} from "./index_text_encoder.js";

export interface TextSearchOptions extends OpenTextEncoderOptions {
  /** Hits. Default 10. */
  top?: number | undefined;
  /** Maximum hits per video. Default: no limit. */
  perVideo?: number | undefined;
  filter?: ((video: string) => boolean) | undefined;
  /** An open text encoder. Default: the one that the index records, opened for this search. */
  text?: TextRows | EmbeddedTexts | undefined;
  /** Judge whether anything fits. Without it an index that was not measured yet is not measured. Default true. */
  fit?: boolean | undefined;
}

export interface TextSearchResult {
  query: string;
  /** The query's embedding, f32 `[dim]`. */
  vector: Float32Array;
  hits: SearchHit[];
  /** Words of the query that the model does not know, and that therefore have no influence. */
  unknown?: readonly string[] | undefined;
  /** Whether anything fits; absent where this cannot be judged, as in an index without rows. */
  fit?: SearchFit | undefined;
}

/**
 * Finds what a sentence describes.
 * @throws InvalidArgumentError for an index without a text model; IndexError for other weights than those of its rows
 */
export async function searchText(
  index: FeatureIndex,
  query: string,
  options: TextSearchOptions = {},
): Promise<TextSearchResult> {
  const { top = 10, perVideo, filter, signal } = options;
  if (typeof query !== "string" || query.trim() === "") {
    throw new InvalidArgumentError("query: expected a text", { argument: "query", received: query });
  }
  if (perVideo !== undefined && !(Number.isInteger(perVideo) && perVideo >= 1)) {
    throw new InvalidArgumentError(`perVideo: expected a positive integer, received ${perVideo}`, {
      argument: "perVideo",
    });
  }
  if (!options.text && !index.text) {
    throw new InvalidArgumentError(
      `${index.folder}: no text model belongs to this index: make it with a model (videoclip index --model), or search by vector`,
      { argument: "index" },
    );
  }
  const text = options.text ?? (await openTextEncoder(index.text!, options));
  let found: Awaited<ReturnType<typeof queryOf>>;
  try {
    found = await queryOf(index, query, text, options);
  } finally {
    if (!options.text) (text as IndexTextEncoder).dispose();
  }
  const { vector, unknown, calibration } = found;
  // with a limit per video, more rows are requested until there are enough videos
  for (let asked = top; ; asked *= 4) {
    const found = await index.search({ vector, top: asked, filter, signal });
    const hits = limited(found, perVideo).slice(0, top);
    if (hits.length < top && found.length >= asked) continue;
    const fit = options.fit === false ? undefined : judgeFit(query, unknown, hits.at(0)?.score, calibration);
    return { query, vector, hits, unknown, fit };
  }
}

/** The query's embedding, and what unrelated sentences score with the index. */
async function queryOf(
  index: FeatureIndex,
  query: string,
  text: TextRows | EmbeddedTexts,
  { fit = true, signal }: TextSearchOptions,
): Promise<{ vector: Float32Array; unknown: string[]; calibration: IndexFit | undefined }> {
  const { rows: vector, unknown } = await textRows(text, [query], signal);
  const calibration = fit && "encode" in text ? await fitOf(index, text, signal) : undefined;
  return { vector, unknown, calibration };
}

function limited(hits: SearchHit[], perVideo = Number.POSITIVE_INFINITY): SearchHit[] {
  const counts = new Map<string, number>();
  return hits.filter(({ video }) => {
    const count = (counts.get(video) ?? 0) + 1;
    counts.set(video, count);
    return count <= perVideo;
  });
}
