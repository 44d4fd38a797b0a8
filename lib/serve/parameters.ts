import { z } from "zod";
import { RequestError } from "./request_error.js";
import { FIELD_NAMES, readConditions } from "./video_fields.js";

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

/** Examples, and negative parts, of a query. */
const MAX_PARTS = 8;
const ID = "[A-Za-z0-9_-]{22}";
/** `VIDEO@SECONDS`. */
const MOMENT = new RegExp(`^(${ID})@(\\d{1,9}(?:\\.\\d+)?)$`);
/** What can only have been meant as a moment: no sentence begins so. */
const LIKE_MOMENT = new RegExp(`^${ID}@`);
/** A picture that was sent before. */
const PICTURE = new RegExp(`^picture:(${ID})$`);

/** A part of a query. */
export type Part =
  { kind: "text"; text: string } | { kind: "moment"; id: string; time: number } | { kind: "picture"; id: string };

/** What a value of `like` or `not` means: anything that is no example is a sentence. */
export function partOf(text: string): Part {
  const [, video, time] = MOMENT.exec(text) ?? [];
  if (video !== undefined) return { kind: "moment", id: video, time: Number(time) };
  const [, picture] = PICTURE.exec(text) ?? [];
  return picture !== undefined ? { kind: "picture", id: picture } : { kind: "text", text };
}

const seconds = (description: string) =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, "expected a number of seconds")
    .transform(Number)
    .optional()
    .meta({ description });

/** The parameters of `/api/search`. */
const searchParameters = z.strictObject({
  q: sentence(`The sentence; at most ${MAX_TEXT} characters. Give q or like.`),
  like: z
    .array(
      z
        .string()
        .max(MAX_TEXT)
        .refine(
          (text) => partOf(text).kind !== "text",
          "expected the id of a video, @ and a time in seconds, or picture: and the id of a picture",
        ),
    )
    .max(MAX_PARTS)
    .meta({
      description:
        "More like this: ID@SECONDS, a moment of an indexed video, or picture:ID, the answer to a POST of /api/pictures; " +
        `repeated for several, ${MAX_PARTS} at most. With q, all of them count alike`,
    }),
  not: z
    .array(
      z
        .string()
        .max(MAX_TEXT)
        .refine((text) => text.trim() !== "", "expected a text")
        .refine(
          (text) => !LIKE_MOMENT.test(text) || partOf(text).kind === "moment",
          "expected a time in seconds behind the id of a video and @",
        )
        .refine(
          (text) => !/^picture:\S*$/.test(text) || partOf(text).kind === "picture",
          "expected the id of a picture behind picture:",
        ),
    )
    .max(MAX_PARTS)
    .meta({ description: `Less like this: a sentence, or what like takes; the mean of their scores is subtracted` }),
  index: z
    .array(z.string().max(MAX_TEXT))
    .max(100)
    .meta({ description: "Name of an index; repeated for several. Default: those with the model of the first one" }),
  path: z.string().max(MAX_TEXT).optional().meta({ description: "Only videos whose path contains this" }),
  min_seconds: seconds("Only videos that are at least as long; the length is the end of the last window"),
  max_seconds: seconds("Only videos that are at most as long"),
  field: z
    .string()
    .max(MAX_TEXT)
    .transform((text, context) => {
      const conditions = readConditions(text);
      if (typeof conditions !== "string") return conditions;
      context.addIssue({ code: "custom", message: conditions });
      return z.NEVER;
    })
    .optional()
    .meta({
      description:
        `Conditions on the fields ${FIELD_NAMES.join(", ")} of the manifest of the features, with spaces between them: ` +
        "NAME:VALUE, NAME>=VALUE, NAME<=VALUE. Only where the server was started with --features",
    }),
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

/** Parameters that may be repeated. */
const LISTS: readonly string[] = ["like", "not", "index"];

/** Reads the parameters of a search. @throws RequestError 400 that names the parameter */
export function readSearch(query: URLSearchParams): SearchParameters {
  const given: Record<string, unknown> = Object.create(null);
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key);
    if (!LISTS.includes(key) && values.length > 1) throw new RequestError(400, `${shown(key)}: given more than once`);
    given[key] = LISTS.includes(key) ? values : values[0];
  }
  const result = searchParameters.safeParse({ like: [], not: [], index: [], ...given });
  if (!result.success) {
    const [issue] = result.error.issues;
    if (issue.code === "unrecognized_keys") throw new RequestError(400, `${shown(issue.keys[0])}: no such parameter`);
    throw new RequestError(400, `${String(issue.path[0])}: ${issue.message}`);
  }
  const { q, like, group, merge } = result.data;
  const { min_seconds: low = 0, max_seconds: high = Number.POSITIVE_INFINITY } = result.data;
  if (q === undefined && like.length === 0)
    throw new RequestError(400, "q: give a sentence in q, or an example in like");
  if (low > high) throw new RequestError(400, "min_seconds: expected at most max_seconds");
  if (group && !merge) throw new RequestError(400, "merge: grouped windows are always merged");
  return result.data;
}

/** The time of a still, to a tenth of a second, from `t`. @throws RequestError 400 */
export function readSeconds(query: URLSearchParams): number {
  const seconds = secondsOf(query);
  if (seconds === undefined || [...query.keys()].some((key) => key !== "t"))
    throw new RequestError(400, "t: expected one number of seconds, and nothing else");
  return seconds;
}

/** The begin of a preview, to a tenth of a second, and its format if one is asked for. @throws RequestError 400 */
export function readPreview(query: URLSearchParams): { seconds: number; format: "mp4" | "webm" | undefined } {
  const seconds = secondsOf(query);
  if (seconds === undefined) throw new RequestError(400, "t: expected one number of seconds");
  const [format, ...others] = query.getAll("format");
  if (others.length > 0 || (format !== undefined && format !== "mp4" && format !== "webm"))
    throw new RequestError(400, "format: expected mp4 or webm");
  const other = [...query.keys()].find((key) => key !== "t" && key !== "format");
  if (other !== undefined) throw new RequestError(400, `${shown(other)}: no such parameter`);
  return { seconds, format };
}

/** The only `t` of a query; undefined if it is no time. */
function secondsOf(query: URLSearchParams): number | undefined {
  const [text = "", ...others] = query.getAll("t");
  const isTime = /^\d{1,7}(\.\d{1,9})?$/.test(text) && others.length === 0;
  return isTime ? Math.round(Number(text) * 10) / 10 : undefined;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40));

/** The parameters as JSON schemas, for the description of the API. */
export function searchParameterSchemas(): Record<string, Record<string, unknown>> {
  const schema = z.toJSONSchema(searchParameters, { io: "input", unrepresentable: "any" });
  return schema.properties as Record<string, Record<string, unknown>>;
}
