import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "../../base/errors.js";
import { renameOption } from "../check_options.js";
import { explain } from "./explain.js";
import { type TrainConfig, trainConfig } from "./schema.js";

/**
 * Changes of a run file: `key=value` as `videoclip train --set` takes them (the value is JSON, or else a string), or an object of
 * keys and values, where `undefined` removes a key. Nested keys are written with dots: `schedule.learningRate`.
 */
export type RecipeChanges = readonly string[] | Readonly<Record<string, unknown>>;

const failed = (argument: string, message: string) => new InvalidArgumentError(message, { argument });

/**
 * Reads a run file.
 * @throws InvalidArgumentError with the key, the expected and the received value, and a suggestion for an unknown key
 */
export function readRecipe(path: string, set: RecipeChanges = []): TrainConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw failed("config", `${path}: expected a JSON file (${(cause as Error).message})`);
  }
  return checkRecipe(changeRecipe(value, set), path);
}

/**
 * Checks a configuration. Deprecated names of keys become the current ones; `$schema`, which editors use, is removed.
 * @param name name of the configuration in errors
 * @throws InvalidArgumentError as {@link readRecipe}
 */
export function checkRecipe(value: unknown, name = "config"): TrainConfig {
  const result = trainConfig.safeParse(renameDeprecated(value));
  if (!result.success) throw failed("config", `${name}: ${explain(result.error.issues, value).join("; ")}`);
  const { $schema: _, ...config } = result.data;
  const { steps, epochs } = config;
  if ((steps === undefined) !== (epochs === undefined)) return config as TrainConfig;
  const received = steps === undefined ? "neither" : "both";
  throw failed("steps", `${name}: steps: expected steps or epochs, received ${received}`);
}

/**
 * A copy in which `schedule.rate` and `optimizer.groups[].rate` have their current names.
 * @throws InvalidArgumentError when a value is given under both names
 */
function renameDeprecated(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const config = { ...value } as { schedule?: unknown; optimizer?: { groups?: unknown } };
  if (config.schedule) config.schedule = renameOption("schedule", config.schedule, "rate", "learningRate");
  const groups = config.optimizer?.groups;
  if (!Array.isArray(groups)) return config;
  const renamed = groups.map((group, i) => renameOption(`optimizer.groups[${i}]`, group, "rate", "learningRateFactor"));
  config.optimizer = { ...config.optimizer, groups: renamed };
  return config;
}

/**
 * Applies changes to a configuration, which may be modified.
 * @returns the changed configuration, with the current names of its keys
 * @throws InvalidArgumentError for a change that is not `key=value`
 */
export function changeRecipe(config: unknown, set: RecipeChanges): unknown {
  const target = renameDeprecated(config);
  if (!Array.isArray(set)) {
    for (const [key, value] of Object.entries(set)) setKey(target, key, value, key);
    return target;
  }
  for (const change of set as readonly string[]) {
    const equals = change.indexOf("=");
    if (equals < 1) throw failed("set", `--set: expected key=value, received ${change}`);
    setKey(target, change.slice(0, equals), parsed(change.slice(equals + 1)), change);
  }
  return target;
}

/** The value of a JSON text; any other text as it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Sets `a.b` of an object. @param change for errors */
function setKey(target: unknown, key: string, value: unknown, change: string): void {
  const path = (key === "schedule.rate" ? "schedule.learningRate" : key).split(".");
  let place = target as Record<string, unknown>;
  for (const [i, name] of path.entries()) {
    if (typeof place !== "object" || place === null || name === "__proto__" || name === "constructor") {
      throw failed("set", `--set ${change}: ${path.slice(0, i).join(".")} is no object`);
    }
    if (i === path.length - 1) place[name] = value;
    else place = (place[name] ??= {}) as Record<string, unknown>;
  }
}
