import { z } from "zod";
import { RequestError } from "./request_error.js";

/** Characters of a sentence, and of a part of a path. */
const MAX_TEXT = 1000;
const MAX_LIMIT = 200;
const MAX_OFFSET = 10_000;

const sentence = (description: string) =>
  z
    .string()
    .max(MAX_TEXT)
    .refine((text) => text.trim() !== "", "expected a text")
    .optional()
    .meta({ description });

const whole = (low: number, high: number, preset: number, description: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "expected a whole number")
    .transform(Number)
    .pipe(z.number().min(low).max(high))
    .default(preset)
    .meta({ description: `${description}; ${low} to ${high}` });

const flag = (description: string) =>
  z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .meta({ description });

/** `VIDEO@SECONDS`. */
const LIKE = /^([A-Za-z0-9_-]{22})@(\d{1,9}(?:\.\d{1,9})?)$/;

/** The parameters of `/api/search`. */
const searchParameters = z.strictObject({
  q: sentence(`The sentence; at most ${MAX_TEXT} characters. Give q or like.`),
  like: z
    .string()
    .regex(LIKE, "expected the id of a video, @ and a time in seconds")
    .optional()
    .meta({ description: "More like this: ID@SECONDS, a moment of an indexed video" }),
  not: sentence("A sentence whose score is subtracted: score(q) - score(not)"),
  index: z
    .array(z.string().max(MAX_TEXT))
    .max(100)
    .meta({ description: "Name of an index; repeated for several. Default: those with the model of the first one" }),
  path: z.string().max(MAX_TEXT).optional().meta({ description: "Only videos whose path contains this" }),
  threshold: z
    .string()
    .regex(/^[-+]?\d{1,20}(\.\d{1,20})?(e[-+]?\d{1,2})?$/i, "expected a number")
    .transform((text) => Math.fround(Number(text))) // scores are float32
    .optional()
    .meta({ description: "Only moments with at least this score" }),
  group: z.enum(["video"]).optional().meta({ description: "video: one result for each video, with its moments" }),
  merge: z
    .enum(["true", "false"])
    .default("true")
    .transform((text) => text === "true")
    .meta({ description: "Whether the best of overlapping windows stands for all of them; true or false" }),
  timeline: flag("Whether the answer has the scores over time of its videos; true or false"),
  limit: whole(1, MAX_LIMIT, 20, "Number of results"),
  offset: whole(0, MAX_OFFSET, 0, "Number of results to leave out, for paging"),
});

export type SearchParameters = z.infer<typeof searchParameters>;

/** Reads the parameters of a search. @throws RequestError 400 that names the parameter */
export function readSearch(query: URLSearchParams): SearchParameters {
  const given: Record<string, unknown> = Object.create(null);
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key);
    if (key !== "index" && values.length > 1) throw new RequestError(400, `${shown(key)}: given more than once`);
    given[key] = key === "index" ? values : values[0];
  }
  const result = searchParameters.safeParse({ index: [], ...given });
  if (!result.success) {
    const [issue] = result.error.issues;
    if (issue.code === "unrecognized_keys") throw new RequestError(400, `${shown(issue.keys[0])}: no such parameter`);
    throw new RequestError(400, `${issue.path.join(".")}: ${issue.message}`);
  }
  const { q, like, not, group, merge } = result.data;
  if ((q === undefined) === (like === undefined))
    throw new RequestError(400, "q: give a sentence in q, or a moment in like");
  if (not !== undefined && q === undefined) throw new RequestError(400, "not: goes with q");
  if (group && !merge) throw new RequestError(400, "merge: grouped windows are always merged");
  return result.data;
}

/** The video and the time of a moment. */
export function readLike(text: string): { id: string; time: number } {
  const [, id, time] = LIKE.exec(text)!;
  return { id, time: Number(time) };
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40));

/** The parameters as JSON schemas, for the description of the API. */
export function searchParameterSchemas(): Record<string, Record<string, unknown>> {
  const schema = z.toJSONSchema(searchParameters, { io: "input", unrepresentable: "any" });
  return schema.properties as Record<string, Record<string, unknown>>;
}
