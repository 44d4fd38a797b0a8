import { makeSchedule } from "../schedules.js";
import type { TrainConfig } from "./schema.js";

const short = (value: number): string => String(Number(value.toPrecision(3)));

/** Why the learning rate of a run may be another than its author thinks: a sentence for each reason. */
export function scheduleWarnings({ schedule }: Pick<TrainConfig, "schedule">, steps: number): string[] {
  const { kind, warmup = 0 } = schedule;
  const last = short(makeSchedule(schedule, steps)(steps));
  const warnings: string[] = [];
  if (warmup >= steps) {
    const aim = "learningRate" in schedule ? ` of ${short(schedule.learningRate)}` : "";
    const reached = warmup === steps ? "reaches its height in the last step" : `rises to ${last}${aim} only`;
    warnings.push(`schedule.warmup is ${warmup}, and the run has ${steps} steps: the learning rate ${reached}`);
  }
  if ((kind === "linear" || kind === "cosine" || kind === "polynomial") && (schedule.total ?? steps) !== steps) {
    const effect =
      schedule.total! > steps ? `ends at ${last}` : `has its final value, ${last}, from step ${schedule.total} on`;
    warnings.push(`schedule.total is ${schedule.total}, and the run has ${steps} steps: the learning rate ${effect}`);
  }
  return warnings;
}

/** Keys whose values change nothing of what is computed, or name the place. */
const ASIDE = ["$schema", "out"];

/**
 * The keys in which two configurations differ, each with both values.
 * @param before content of a run's config.json
 */
export function changedKeys(before: unknown, after: unknown): string[] {
  const [old, now] = [leaves(before), leaves(after)];
  const keys = [...new Set([...now.keys(), ...old.keys()])].filter((key) => old.get(key) !== now.get(key));
  return keys.map((key) => `${key} from ${old.get(key) ?? "nothing"} to ${now.get(key) ?? "nothing"}`);
}

/** Every value below an object by its path with dots, as JSON; a list is one value. */
function leaves(value: unknown, path = "", found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    if (value !== undefined && !ASIDE.includes(path)) found.set(path, JSON.stringify(value));
    return found;
  }
  for (const [key, inner] of Object.entries(value)) leaves(inner, path === "" ? key : `${path}.${key}`, found);
  return found;
}
