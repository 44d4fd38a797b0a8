import { z } from "zod";
import { VERSION } from "../base/version.js";
import { errorAnswer, indexesAnswer, searchAnswer } from "./answers.js";
import { searchParameterSchemas } from "./parameters.js";

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
  404: failure("There is no such index or video"),
  503: failure("Too many searches are waiting, or this one took too long"),
};

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
    info: { title: "videoclip serve", version: VERSION, description: "Search in indexes of videos. Read only." },
    security: [{}, { token: [] }],
    paths: {
      "/api/search": {
        get: {
          operationId: "search",
          summary: "Moments that fit a sentence or an example",
          parameters,
          responses: { 200: json("Moments, or videos with their moments", searchAnswer), ...FAILURES },
        },
      },
      "/api/indexes": {
        get: {
          operationId: "indexes",
          summary: "The indexes that are served",
          responses: { 200: json("The indexes", indexesAnswer) },
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
