import { z } from "zod";
import { trainConfig } from "./schema.js";

/** The subset of JSON Schema (draft 7) that {@link trainConfigSchema} uses. */
export interface JsonSchema {
  $schema?: string | undefined;
  title?: string | undefined;
  type?: string | undefined;
  description?: string | undefined;
  default?: unknown;
  const?: unknown;
  enum?: unknown[] | undefined;
  pattern?: string | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  exclusiveMinimum?: number | undefined;
  exclusiveMaximum?: number | undefined;
  minLength?: number | undefined;
  properties?: Record<string, JsonSchema> | undefined;
  required?: string[] | undefined;
  additionalProperties?: boolean | JsonSchema | undefined;
  items?: JsonSchema | JsonSchema[] | undefined;
  anyOf?: JsonSchema[] | undefined;
  oneOf?: JsonSchema[] | undefined;
}

/**
 * The JSON schema of a run file, as `configs/train.schema.json` has it: a run file that names it as its `$schema` gets
 * completion and checks in an editor.
 */
export function trainConfigSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(trainConfig, {
    target: "draft-7",
    override: ({ jsonSchema }) => {
      // zod's bounds of integers are those of safe integers, which no key of a run reaches
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as JsonSchema;
  return { ...($schema === undefined ? {} : { $schema }), title: "Run file of videoclip train", ...schema };
}
