import { readFileSync } from "node:fs";
import { z } from "zod";
import { InvalidArgumentError } from "../../errors.js";
import { suggestion } from "../../suggest.js";
import { type TrainConfig, trainConfig } from "./schema.js";

const failed = (argument: string, message: string) => new InvalidArgumentError(message, { argument });

/**
 * Reads a run's configuration.
 * @param changes `key=value`, with dots for keys below others; the value is JSON, or else a string
 * @throws InvalidArgumentError that names the key, what was expected and, for an unknown one, the key it is closest to
 */
export function readTrainConfig(path: string, changes: readonly string[] = []): TrainConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw failed("config", `${path}: expected a JSON file (${(cause as Error).message})`);
  }
  for (const change of changes) applyChange(value, change);
  return checkTrainConfig(value, path);
}

/** @param name what to call it in errors */
export function checkTrainConfig(value: unknown, name = "config"): TrainConfig {
  const result = trainConfig.safeParse(value);
  if (result.success) {
    const { steps, epochs } = result.data;
    if ((steps === undefined) !== (epochs === undefined)) return result.data;
    throw failed(
      "steps",
      `${name}: steps: expected steps or epochs, received ${steps === undefined ? "neither" : "both"}`,
    );
  }
  const messages = result.error.issues.flatMap((issue) => describe(issue, value));
  throw failed("config", `${name}: ${messages.join("; ")}`);
}

function describe(issue: z.core.$ZodIssue, value: unknown): string[] {
  const at = issue.path.join(".");
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(key, issue.path, value));
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    return issue.errors.flatMap((errors) =>
      errors.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] }, value)),
    );
  }
  return [`${at || "the file"}: ${issue.message.replace(/^Invalid input: /, "")}`];
}

/** The unknown key with the closest of those that may stand there. */
function unknownKey(key: string, path: readonly PropertyKey[], value: unknown): string {
  const known = keysAt(z.toJSONSchema(trainConfig) as Schema, [...path], value);
  const name = [...path, key].join(".");
  return `${name}: unknown key${suggestion(key, known)}`;
}

interface Schema {
  properties?: Record<string, Schema & { const?: unknown }>;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
}

/** Keys of the objects that the schema allows at a path: of the alternative whose constants the value has. */
function keysAt(schema: Schema, path: PropertyKey[], value: unknown): string[] {
  const own = (value ?? {}) as Record<PropertyKey, unknown>;
  const fits = ({ properties = {} }: Schema) =>
    Object.entries(properties).every(([key, rule]) => rule.const === undefined || rule.const === own[key]);
  const options = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(fits);
  if (path.length === 0) return [...new Set(options.flatMap((option) => Object.keys(option.properties ?? {})))];
  const [first, ...rest] = path;
  return options.flatMap((option) => {
    const next = typeof first === "number" ? option.items : option.properties?.[String(first)];
    return next ? keysAt(next, rest, own[first]) : [];
  });
}

/** Sets `a.b=value` in an object. */
function applyChange(target: unknown, change: string): void {
  const at = change.indexOf("=");
  if (at < 1) throw failed("set", `--set: expected key=value, received ${change}`);
  const path = change.slice(0, at).split(".");
  const text = change.slice(at + 1);
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // a plain string
  }
  let place = target as Record<string, unknown>;
  for (const [i, key] of path.entries()) {
    if (typeof place !== "object" || place === null || key === "__proto__" || key === "constructor") {
      throw failed("set", `--set ${change}: ${path.slice(0, i).join(".")} is no object`);
    }
    if (i === path.length - 1) place[key] = value;
    else place = (place[key] ??= {}) as Record<string, unknown>;
  }
}
