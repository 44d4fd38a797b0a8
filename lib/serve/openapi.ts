import { z } from "zod";
import { VERSION } from "../base/version.js";
import { errorAnswer, indexesAnswer, pictureAnswer, searchAnswer } from "./answers.js";
import { searchParameterSchemas } from "./parameters.js";
import { MAX_BODY, PICTURE_TYPES } from "./pictures.js";
import { PREVIEW_SECONDS } from "./previews.js";

const json = (description: string, schema: z.ZodType) => ({
  description,
  content: { "application/json": { schema: z.toJSONSchema(schema, { io: "output" }) } },
});
const failure = (description: string) => json(description, errorAnswer);
const text = (description: string, type: string) => ({
  description,
  content: { [type]: { schema: { type: "string" } } },
});

const FAILURES = {
  400: failure("A parameter is wrong; the message names it"),
  401: failure("The token is missing or wrong"),
  403: failure("The request comes from another site, or asks under a name that is not the server's"),
  404: failure("There is no such index, video, picture or encoder"),
  413: failure("The body is too long"),
  415: failure("The body is of another type than those that are accepted"),
  422: failure("The video or picture cannot be decoded, or the model of the index cannot encode it"),
  503: failure("Too many requests of this kind are waiting, or this one took too long"),
};
const only = (...statuses: (keyof typeof FAILURES)[]) =>
  Object.fromEntries(statuses.map((status) => [status, FAILURES[status]]));

/** The description of the API (OpenAPI 3.1), from the schemas that read its parameters. */
export function openApi(): object {
  const parameters = Object.entries(searchParameterSchemas()).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema,
  }));
  const id = { name: "id", in: "path", required: true, schema: { type: "string" }, description: "Id of a video" };
  const range = { name: "Range", in: "header", required: false, schema: { type: "string" } };
  return {
    openapi: "3.1.0",
    info: {
      title: "videoclip serve",
      version: VERSION,
      description: "Search in indexes of videos. It changes no file.",
    },
    security: [{}, { token: [] }],
    paths: {
      "/api/search": {
        get: {
          operationId: "search",
          summary: "Moments that fit a sentence, examples, or both",
          parameters,
          responses: {
            200: json("Moments, or videos with their moments", searchAnswer),
            ...only(400, 401, 403, 404, 503),
          },
        },
      },
      "/api/indexes": {
        get: {
          operationId: "indexes",
          summary: "The indexes that are served",
          responses: { 200: json("The indexes", indexesAnswer) },
        },
      },
      "/api/stills/{id}": {
        get: {
          operationId: "still",
          summary: "A picture of a video at a time, 320 pixels wide; made when it is asked for",
          parameters: [
            id,
            { name: "t", in: "query", required: true, schema: { type: "number" }, description: "Seconds" },
          ],
          responses: {
            200: text("A JPEG", "image/jpeg"),
            304: { description: "It is the one that the client has" },
            ...only(400, 401, 403, 404, 422, 503),
          },
        },
      },
      "/api/previews/{id}": {
        get: {
          operationId: "preview",
          summary: `A part of a video that browsers play, ${PREVIEW_SECONDS} seconds at most; encoded when it is asked for`,
          description:
            "For videos in formats that a browser does not know. Time 0 of the preview is t. At most 640 pixels wide and high.",
          parameters: [
            id,
            {
              name: "t",
              in: "query",
              required: true,
              schema: { type: "number" },
              description: "Where it begins, in seconds",
            },
            {
              name: "format",
              in: "query",
              required: false,
              schema: { type: "string", enum: ["mp4", "webm"] },
              description: "mp4: H.264 and AAC; webm: VP9 or VP8, and Opus. Default: the first one of /api/indexes",
            },
            range,
          ],
          responses: {
            200: text("The preview", "video/*"),
            206: text("The bytes of the range", "video/*"),
            304: { description: "It is the one that the client has" },
            416: { description: "The preview has no such bytes" },
            ...only(400, 401, 403, 404, 422, 503),
          },
        },
      },
      "/api/pictures": {
        post: {
          operationId: "sendPicture",
          summary: "Makes a picture or a short clip a query: like=picture:ID searches with it",
          description: `The body is the file, of ${MAX_BODY >> 20} MiB at most. Of a clip the first seconds count, as many as a row of the index has. The file is not kept.`,
          parameters: [
            {
              name: "index",
              in: "query",
              required: false,
              schema: { type: "string" },
              description: "Name of the index that it is encoded for. Default: the first one",
            },
          ],
          requestBody: {
            required: true,
            content: Object.fromEntries(
              PICTURE_TYPES.map((type) => [type, { schema: { type: "string", format: "binary" } }]),
            ),
          },
          responses: {
            200: json("The id of the picture", pictureAnswer),
            ...only(400, 401, 403, 404, 413, 415, 422, 503),
          },
        },
      },
      "/api/pictures/{id}": {
        get: {
          operationId: "picture",
          summary: "A small JPEG of a picture that was sent",
          parameters: [{ ...id, description: "Id of a picture" }],
          responses: { 200: text("A JPEG", "image/jpeg"), ...only(401, 403, 404) },
        },
      },
      "/videos/{id}": {
        get: {
          operationId: "video",
          summary: "A video, or a part of its bytes",
          parameters: [id, range],
          responses: {
            200: text("The file", "video/*"),
            206: text("The bytes of the range", "video/*"),
            404: FAILURES[404],
            416: { description: "The file has no such bytes" },
          },
        },
      },
      "/health": {
        get: { summary: "Whether the server answers; needs no token", responses: { 200: { description: "It does" } } },
      },
      "/metrics": { get: { summary: "Counts for Prometheus", responses: { 200: text("Metrics", "text/plain") } } },
    },
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  };
}
