import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError } from "../base/errors.js";
import { checkKind, renameOption } from "./check_options.js";

/** The learning rate after the warm-up. */
export type PeakLearningRate =
  | { learningRate: number; rate?: undefined }
  | {
      /** @deprecated Use `learningRate`. */
      rate: number;
      learningRate?: undefined;
    };

/**
 * How the learning rate changes over the updates of a run. `warmup` and `total` count updates; a `Trainer` uses its `steps` for a
 * missing `total`.
 */
export type Schedule =
  | ({ kind: "constant"; warmup?: number | undefined } & PeakLearningRate)
  | ({ kind: "linear" | "cosine"; warmup?: number | undefined; total?: number | undefined } & PeakLearningRate)
  | ({
      kind: "polynomial";
      warmup?: number | undefined;
      total?: number | undefined;
      end?: number | undefined;
      power?: number | undefined;
    } & PeakLearningRate)
  | { kind: "noam"; hidden: number; warmup: number; factor?: number | undefined };

/**
 * Makes the function that gives the learning rate of update number `s`. Updates count from 1, as in Vaswani et al. 2017;
 * fairseq's trainer gives update `s` the learning rate of `s - 1`, so that its first update has 0. The learning rate rises
 * linearly over `warmup` updates and is then
 * - `constant`: `learningRate`;
 * - `linear`, `cosine`: from `learningRate` to 0 at `total`;
 * - `polynomial`: end + (learningRate - end) (1 - (s - warmup) / (total - warmup))^power; VideoCLIP's has end 0 and power 1;
 * - `noam`: factor hidden^-0.5 min(s^-0.5, s warmup^-1.5).
 *
 * After `total` it keeps its last value.
 * @param steps default of `total`
 * @throws InvalidArgumentError for an unknown kind or field, and a learning rate, total or warmup that is out of range
 */
export function makeSchedule(given: Schedule, steps?: number): (s: number) => number {
  const schedule = withTotal(renameOption("schedule", given, "rate", "learningRate"), steps);
  check(schedule, given);
  const { warmup = 0 } = schedule;
  if (schedule.kind === "noam") {
    const { hidden, factor = 1 } = schedule;
    return (s) => (s <= 0 ? 0 : factor * hidden ** -0.5 * Math.min(s ** -0.5, s * warmup ** -1.5));
  }
  const { learningRate } = schedule;
  const decay = decayOf(schedule, warmup);
  return (s) => (s < warmup ? (learningRate * s) / warmup : decay(s));
}

/** A schedule under the current names, with its `total` where its kind has one. */
type Resolved =
  | { kind: "constant"; learningRate: number; warmup?: number }
  | { kind: "linear" | "cosine"; learningRate: number; warmup?: number; total: number }
  | { kind: "polynomial"; learningRate: number; warmup?: number; total: number; end?: number; power?: number }
  | { kind: "noam"; hidden: number; warmup: number; factor?: number };

function withTotal(schedule: Schedule, steps: number | undefined): Resolved {
  const hasTotal = FIELDS[schedule?.kind]?.includes("total"); // `check` refuses an unknown kind
  if (!hasTotal) return schedule as Resolved;
  return { ...schedule, total: (schedule as { total?: number | undefined }).total ?? steps } as Resolved;
}

const FIELDS: Record<Schedule["kind"], readonly string[]> = {
  constant: ["learningRate", "warmup"],
  linear: ["learningRate", "warmup", "total"],
  cosine: ["learningRate", "warmup", "total"],
  polynomial: ["learningRate", "warmup", "total", "end", "power"],
  noam: ["hidden", "warmup", "factor"],
};

function decayOf(schedule: Exclude<Resolved, { kind: "noam" }>, warmup: number): (s: number) => number {
  const { learningRate } = schedule;
  if (schedule.kind === "constant") return () => learningRate;
  const left = (s: number) => Math.max(0, 1 - (s - warmup) / Math.max(1, schedule.total - warmup));
  if (schedule.kind === "linear") return (s) => learningRate * left(s);
  if (schedule.kind !== "polynomial") return (s) => learningRate * 0.5 * (1 + Math.cos(Math.PI * (1 - left(s))));
  const { end = 0, power = 1 } = schedule;
  return (s) => end + (learningRate - end) * left(s) ** power;
}

/** @param given the schedule before `steps` became its `total` */
function check(schedule: Resolved, given: Schedule): void {
  const fail = (argument: string, expected: string, received: unknown) => {
    throw new InvalidArgumentError(`schedule.${argument}: expected ${expected}, received ${describeValue(received)}`, {
      argument: `schedule.${argument}`,
      expected,
      received,
    });
  };
  checkKind("schedule", schedule, FIELDS);
  const { warmup = 0, kind } = schedule;
  if (!(warmup >= 0)) fail("warmup", "0 or more updates", warmup);
  if (kind === "noam") {
    if (!(schedule.hidden > 0)) fail("hidden", "a positive size", schedule.hidden);
    if (!(warmup > 0)) fail("warmup", "1 or more updates", warmup);
    return;
  }
  if (!(schedule.learningRate >= 0)) fail("learningRate", "0 or more", schedule.learningRate);
  if (kind === "constant" || schedule.total > warmup) return;
  const derived = (given as { total?: number | undefined }).total === undefined && schedule.total !== undefined;
  if (derived) fail("warmup", `less than the ${schedule.total} steps of the run, or a total beyond it`, warmup);
  fail("total", `more than warmup (${warmup})`, schedule.total);
}
