import { InvalidArgumentError } from "../base/errors.js";
import type { FeatureIndex } from "../features/feature_index.js";
import type { Sentence } from "./answer_fit.js";
import type { ExampleResult } from "./answers.js";
import { type Part, partOf, type SearchParameters } from "./parameters.js";
import type { Pictures } from "./pictures.js";
import { RequestError } from "./request_error.js";
import type { ServedIndex } from "./served_index.js";
import { spaceOf, type TextEncoders } from "./text_encoders.js";
import { videoId } from "./video_ids.js";

/** What is searched for. */
export interface Query {
  vector: Float32Array;
  /** Words that the model does not know. */
  unknown: string[];
  /** The sentence that is asked for; with its row if the vector has other parts too. */
  sentence?: (Sentence & { row?: Float32Array | undefined }) | undefined;
  /** The windows of indexed videos that are parts of it. */
  examples: ExampleResult[];
}

/** Where the parts of queries come from. */
export interface QuerySources {
  encoders: TextEncoders;
  pictures: Pictures;
  /** The index and the name of a video. */
  video(id: string): Promise<{ served: ServedIndex; name: string } | undefined>;
}

/** A part whose video or picture is there. */
type Found = { negative: boolean; parameter: string } & (
  | { kind: "text"; text: string }
  | { kind: "picture"; space: string; vector: Float32Array }
  | { kind: "moment"; served: ServedIndex; name: string; time: number }
);

/** Finds the videos and pictures that a query names. @throws RequestError 404 */
export async function findParts(parameters: SearchParameters, sources: QuerySources): Promise<Found[]> {
  const { q, like, not } = parameters;
  const given = [
    ...(q === undefined ? [] : [{ parameter: "q", negative: false, part: { kind: "text", text: q } as Part }]),
    ...like.map((text) => ({ parameter: "like", negative: false, part: partOf(text) })),
    ...not.map((text) => ({ parameter: "not", negative: true, part: partOf(text) })),
  ];
  const found: Found[] = [];
  for (const { parameter, negative, part } of given) {
    if (part.kind === "text") found.push({ parameter, negative, ...part });
    else if (part.kind === "picture") {
      const picture = sources.pictures.get(part.id);
      const gone = "this picture is not known any more: send it again";
      if (!picture) throw new RequestError(404, `${parameter}: ${gone}`);
      found.push({ parameter, negative, kind: "picture", space: picture.space, vector: picture.vector });
    } else {
      const video = await sources.video(part.id);
      if (!video) throw new RequestError(404, `${parameter}: no index has a video with this id`);
      found.push({ parameter, negative, kind: "moment", ...video, time: part.time });
    }
  }
  return found;
}

/** The space that the examples of a query are in. @returns undefined for sentences alone */
export function spaceOfParts(parts: readonly Found[]): string | undefined {
  for (const part of parts) {
    if (part.kind === "picture") return part.space;
    if (part.kind === "moment") return spaceOf(part.served.current);
  }
  return undefined;
}

/**
 * The vector of a query: the mean of what is wanted minus the mean of what is not. Beside a sentence, examples get the
 * length of the sentences' vectors, so that one part weighs as much as another and scores are on the scale of sentences.
 * @throws RequestError where a part does not belong to the index; `signal.reason`
 */
export async function queryOf(
  index: FeatureIndex,
  parts: readonly Found[],
  { encoders }: QuerySources,
  signal: AbortSignal,
): Promise<Query> {
  const space = spaceOf(index);
  const unknown = new Set<string>();
  const examples: ExampleResult[] = [];
  let sentence: Query["sentence"];
  const vectors: { vector: Float32Array; negative: boolean; isText: boolean }[] = [];
  for (const part of parts) {
    const { parameter, negative } = part;
    if (part.kind === "text") {
      const without = "this index has no text model; search it by example, with like";
      if (!index.text) throw new RequestError(400, `${parameter}: ${without}`);
      const { row, unknown: words } = await encoders.encode(space, part.text, signal);
      for (const word of words) unknown.add(word);
      if (!negative) sentence = { text: part.text, unknown: words, row: parts.length > 1 ? row : undefined };
      vectors.push({ vector: row, negative, isText: true });
      continue;
    }
    const own = part.kind === "picture" ? part.space : spaceOf(part.served.current);
    const what = part.kind === "picture" ? "this picture was encoded for" : "the index of this video has";
    if (own !== space)
      throw new RequestError(400, `${parameter}: ${what} another model than that of the searched indexes`);
    if (part.kind === "picture") vectors.push({ vector: part.vector, negative, isText: false });
    else {
      const { vector, example } = await nearestWindow(part);
      vectors.push({ vector, negative, isText: false });
      examples.push(example);
    }
  }
  return { vector: combined(vectors, index.dim), unknown: [...unknown], sentence, examples };
}

/** The window of a video whose middle is next to a time. */
async function nearestWindow(part: Found & { kind: "moment" }): Promise<{
  vector: Float32Array;
  example: ExampleResult;
}> {
  const { served, name, time, negative, parameter } = part;
  return served.use(async (index) => {
    const found = await index.rowNextTo(name, time).catch((error: unknown) => {
      const isGone = error instanceof InvalidArgumentError;
      throw isGone ? new RequestError(404, `${parameter}: the video is not in the index any more`) : error;
    });
    if (!found) throw new RequestError(404, `${parameter}: this video has no rows`);
    const place = { index: served.name, video: videoId(index.manifest.id, name), path: name };
    return { vector: found.row, example: { ...place, ...found.span, negative } };
  });
}

function combined(
  parts: readonly { vector: Float32Array; negative: boolean; isText: boolean }[],
  dim: number,
): Float32Array {
  const texts = parts.filter(({ isText }) => isText);
  const length = texts.reduce((sum, { vector }) => sum + lengthOf(vector), 0) / texts.length; // NaN without texts
  const sum = new Float64Array(dim);
  for (const { vector, negative, isText } of parts) {
    const own = lengthOf(vector);
    const scale = isText || texts.length === 0 || own === 0 ? 1 : length / own;
    const weight = scale / parts.filter((other) => other.negative === negative).length;
    for (let i = 0; i < dim; i++) sum[i] += (negative ? -weight : weight) * vector[i];
  }
  return Float32Array.from(sum);
}

const lengthOf = (vector: Float32Array): number => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
