import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "../../base/errors.js";
import { explain } from "./explain.js";
import { type TrainConfig, trainConfig } from "./schema.js";

/**
 * Changes of a run file: `key=value` as `videoclip train --set` takes them (the value is JSON, or else a string), or an object of
 * keys and values, of which `undefined` removes a key. Keys below others are written with dots: `schedule.rate`.
 */
export type RecipeChanges = readonly string[] | Readonly<Record<string, unknown>>;

const failed = (argument: string, message: string) => new InvalidArgumentError(message, { argument });

/**
 * Reads a run file.
 * @throws InvalidArgumentError that names the key, what was expected and received and, for an unknown key, the one it is closest to
 */
export function readRecipe(path: string, set: RecipeChanges = []): TrainConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw failed("config", `${path}: expected a JSON file (${(cause as Error).message})`);
  }
  applyChanges(value, set);
  return checkRecipe(value, path);
}

/**
 * Checks a configuration. Its `$schema`, which is for editors, is left out of the result.
 * @param name what to call it in errors
 * @throws InvalidArgumentError as {@link readRecipe}
 */
export function checkRecipe(value: unknown, name = "config"): TrainConfig {
  const result = trainConfig.safeParse(value);
  if (!result.success) throw failed("config", `${name}: ${explain(result.error.issues, value).join("; ")}`);
  const { $schema: _, ...config } = result.data;
  const { steps, epochs } = config;
  if ((steps === undefined) !== (epochs === undefined)) return config as TrainConfig;
  const received = steps === undefined ? "neither" : "both";
  throw failed("steps", `${name}: steps: expected steps or epochs, received ${received}`);
}

/** Applies changes to a configuration in place. @throws InvalidArgumentError for a change that is not `key=value` */
export function applyChanges(target: unknown, set: RecipeChanges): void {
  if (!Array.isArray(set)) {
    for (const [key, value] of Object.entries(set)) setKey(target, key, value, key);
    return;
  }
  for (const change of set as readonly string[]) {
    const at = change.indexOf("=");
    if (at < 1) throw failed("set", `--set: expected key=value, received ${change}`);
    setKey(target, change.slice(0, at), parsed(change.slice(at + 1)), change);
  }
}

/** JSON where it is JSON, else the text itself. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Sets `a.b` of an object. @param change for errors */
function setKey(target: unknown, key: string, value: unknown, change: string): void {
  const path = key.split(".");
  let place = target as Record<string, unknown>;
  for (const [i, name] of path.entries()) {
    if (typeof place !== "object" || place === null || name === "__proto__" || name === "constructor") {
      throw failed("set", `--set ${change}: ${path.slice(0, i).join(".")} is no object`);
    }
    if (i === path.length - 1) place[name] = value;
    else place = (place[name] ??= {}) as Record<string, unknown>;
  }
}
