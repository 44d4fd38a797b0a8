import { InvalidArgumentError } from "../base/errors.js";
import type { FeatureIndex, SearchHit } from "./feature_index.js";
import {
  type EmbeddedTexts,
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
}

export interface TextSearchResult {
  query: string;
  /** The query's embedding, f32 `[dim]`. */
  vector: Float32Array;
  hits: SearchHit[];
  /** Words of the query that the model does not know, and that therefore have no influence. */
  unknown?: readonly string[] | undefined;
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
  const { rows: vector, unknown } = options.text
    ? await textRows(options.text, [query], signal)
    : await openedVector(index, query, options);
  // with a limit per video, more rows are requested until there are enough videos
  for (let asked = top; ; asked *= 4) {
    const found = await index.search({ vector, top: asked, filter, signal });
    const hits = limited(found, perVideo).slice(0, top);
    if (hits.length === top || found.length < asked) return { query, vector, hits, unknown };
  }
}

/** The query's embedding by the model that the index records. */
async function openedVector(index: FeatureIndex, query: string, options: OpenTextEncoderOptions) {
  const text = await openTextEncoder(index.text!, options);
  try {
    return await textRows(text, [query], options.signal);
  } finally {
    text.dispose();
  }
}

function limited(hits: SearchHit[], perVideo = Number.POSITIVE_INFINITY): SearchHit[] {
  const counts = new Map<string, number>();
  return hits.filter(({ video }) => {
    const count = (counts.get(video) ?? 0) + 1;
    counts.set(video, count);
    return count <= perVideo;
  });
}
