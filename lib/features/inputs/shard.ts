import { InvalidArgumentError } from "../../base/errors.js";

/** A part of a list of videos: every `count`-th one, from the `index`-th on. */
export interface Shard {
  index: number;
  count: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a shard: `I/N` with 0 <= I < N; `auto`, the index of this task in a Slurm array; or `auto/N`, where the index is
 * also that of a pod of a Kubernetes Indexed Job, which does not know the number of pods.
 * @throws InvalidArgumentError
 */
export function readShard(text: string, environment: Environment = process.env): Shard {
  const match = /^(?:(\d+)|(auto))(?:\/(\d+))?$/.exec(text);
  if (!match || (match[1] !== undefined && match[3] === undefined)) throw refused(text, "expected I/N, auto or auto/N");
  const count = match[3] === undefined ? undefined : Number(match[3]);
  const shard = match[2] ? automatic(text, count, environment) : { index: Number(match[1]), count: count! };
  if (shard.count < 1 || shard.index >= shard.count)
    throw refused(text, `expected I/N with 0 <= I < N, found ${shard.index}/${shard.count}`);
  return shard;
}

function automatic(text: string, count: number | undefined, environment: Environment): Shard {
  const whole = (name: string): number | undefined => {
    const value = environment[name];
    if (value === undefined || value === "") return undefined;
    if (!/^\d+$/.test(value)) throw refused(text, `${name} is ${value}, and not a whole number`);
    return Number(value);
  };
  const task = whole("SLURM_ARRAY_TASK_ID");
  if (task !== undefined) {
    const [first, step] = [whole("SLURM_ARRAY_TASK_MIN") ?? 0, whole("SLURM_ARRAY_TASK_STEP") ?? 1];
    const tasks = count ?? whole("SLURM_ARRAY_TASK_COUNT");
    if (tasks === undefined) throw refused(text, "SLURM_ARRAY_TASK_COUNT is not set: write auto/N");
    if (task < first || (task - first) % step !== 0)
      throw refused(text, `SLURM_ARRAY_TASK_ID ${task} does not fit to a range from ${first} in steps of ${step}`);
    return { index: (task - first) / step, count: tasks };
  }
  const pod = whole("JOB_COMPLETION_INDEX");
  if (pod === undefined)
    throw refused(text, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set: this is no task of an array");
  if (count === undefined)
    throw refused(text, "a Kubernetes Job does not tell its pods their number: write auto/N with its completions");
  return { index: pod, count };
}

const refused = (text: string, reason: string): InvalidArgumentError =>
  new InvalidArgumentError(`shard: ${reason}, received ${text}`, { argument: "shard", received: text });

/** Every `count`-th of a list, from the `index`-th on; all of it without a shard. */
export const takeShard = <T>(items: readonly T[], shard: Shard | undefined): T[] =>
  shard ? items.filter((_, i) => i % shard.count === shard.index) : [...items];
