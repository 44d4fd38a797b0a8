import { z } from "zod";

const seconds = z.number().meta({ description: "Seconds from the begin of the video" });
const score = z.number().meta({
  description: "Dot product of the query with the row: a ranking, not a probability. Compare it within one answer only",
});
const place = {
  index: z.string().meta({ description: "Name of the index" }),
  video: z.string().meta({ description: "Id of the video: /videos/ID plays it" }),
  path: z.string().meta({ description: "Name of the video in the index, usually its path" }),
};
const moment = z.object({ ...place, start: seconds, end: seconds, score });
const example = z.object({
  ...place,
  start: seconds,
  end: seconds,
  negative: z.boolean().meta({ description: "Whether it was given by not" }),
});
const group = z.object({ ...place, score, moments: z.array(moment) });
const timeLine = z.object({ video: place.video, parts: z.array(z.object({ start: seconds, end: seconds, score })) });

const fit = z.object({
  fits: z
    .boolean()
    .meta({ description: "False: nothing that was searched fits, and the moments are only the nearest" }),
  reason: z
    .enum(["score", "unknown-words"])
    .optional()
    .meta({ description: "Why nothing fits: the best score is too low, or the model does not know the words" }),
  best: z.number().optional().meta({ description: "The best score of the sentence" }),
  needed: z.number().optional().meta({ description: "The lowest score that fits this sentence in this index" }),
  message: z.string().optional().meta({ description: "Why nothing fits, for people" }),
});

/** The answers of the API, as they are described in /openapi.json. */
export const searchAnswer = z.object({
  indexes: z.array(z.string()).meta({ description: "The indexes that were searched" }),
  unknown: z.array(z.string()).meta({ description: "Words that the model does not know: they have no influence" }),
  fit: fit.optional().meta({
    description: "Whether anything fits the sentence q; absent for like, and where scores cannot be judged",
  }),
  moments: z.array(moment).optional().meta({ description: "Best first; absent in a grouped answer" }),
  videos: z.array(group).optional().meta({ description: "Best first; with group=video only" }),
  timelines: z.array(timeLine).optional().meta({ description: "Scores over time; with timeline=true only" }),
  examples: z.array(example).meta({ description: "The windows that the query was made of; they are no results" }),
  offset: z.int(),
  more: z.boolean().meta({ description: "Whether there are results after these" }),
  truncated: z.boolean().meta({ description: "Whether the search ended at its limit of rows with results left out" }),
});

export const indexesAnswer = z.object({
  fields: z.array(z.string()).meta({ description: "Fields that the parameter field can name" }),
  previews: z.object({
    formats: z.array(z.string()).meta({ description: "mp4, webm; empty where no previews are made" }),
    seconds: z.int().meta({ description: "Seconds of a preview, at most" }),
  }),
  indexes: z.array(
    z.object({
      name: z.string(),
      videos: z.int(),
      rows: z.int(),
      dim: z.int(),
      text: z.boolean().meta({ description: "Whether it is searched by sentences" }),
      model: z.string().meta({ description: "Indexes with the same model are searched together" }),
      updatedAt: z.string().meta({ description: "When it was written last" }),
      readAt: z.string().meta({ description: "When its files were opened; a changed index is opened again" }),
      writing: z.boolean().meta({ description: "Whether a process adds to it" }),
      problem: z.string().optional(),
    }),
  ),
});

export const pictureAnswer = z.object({
  picture: z.string().meta({ description: "Its id: like=picture:ID searches with it, until the server forgets it" }),
  features: z.int().meta({ description: "Features that it was made of: 1 for a picture" }),
  note: z.string().optional().meta({ description: "What may be wrong with the result" }),
});

export const errorAnswer = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export type SearchAnswer = z.infer<typeof searchAnswer>;
export type IndexesAnswer = z.infer<typeof indexesAnswer>;
export type MomentResult = z.infer<typeof moment>;
export type PictureResult = z.infer<typeof pictureAnswer>;
export type ExampleResult = z.infer<typeof example>;
export type GroupResult = z.infer<typeof group>;
export type TimeLineResult = z.infer<typeof timeLine>;
