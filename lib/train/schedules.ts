import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError } from "../base/errors.js";
import { checkKind } from "./check_options.js";

/** How the learning rate goes. `warmup` and `total` count updates; a `Trainer` takes its `steps` where `total` is not given. */
export type Schedule =
  | { kind: "constant"; rate: number; warmup?: number | undefined }
  | { kind: "linear"; rate: number; warmup?: number | undefined; total?: number | undefined }
  | { kind: "cosine"; rate: number; warmup?: number | undefined; total?: number | undefined }
  | {
      kind: "polynomial";
      rate: number;
      warmup?: number | undefined;
      total?: number | undefined;
      end?: number | undefined;
      power?: number | undefined;
    }
  | { kind: "noam"; hidden: number; warmup: number; factor?: number | undefined };

/**
 * The rate of update number `s`, which counts from 1 (as Vaswani et al. 2017 do; fairseq's trainer gives update `s` the rate of
 * `s - 1`, so that its first update has 0). It rises linearly over `warmup` updates, and then is
 * - `constant`: the rate;
 * - `linear`, `cosine`: from the rate to 0 at `total`;
 * - `polynomial`: end + (rate - end) (1 - (s - warmup) / (total - warmup))^power; VideoCLIP's, with end 0 and power 1;
 * - `noam`: factor hidden^-0.5 min(s^-0.5, s warmup^-1.5).
 *
 * Behind `total` it stays at its last value.
 * @param steps what `total` is where the schedule does not say it
 * @throws InvalidArgumentError for an unknown kind or field, and a rate, total or warmup that is out of range
 */
export function makeSchedule(given: Schedule, steps?: number): (s: number) => number {
  const schedule = withTotal(given, steps);
  check(schedule, given);
  const { warmup = 0 } = schedule;
  if (schedule.kind === "noam") {
    const { hidden, factor = 1 } = schedule;
    return (s) => (s <= 0 ? 0 : factor * hidden ** -0.5 * Math.min(s ** -0.5, s * warmup ** -1.5));
  }
  const { rate } = schedule;
  const decay = decayOf(schedule, warmup);
  return (s) => (s < warmup ? (rate * s) / warmup : decay(s));
}

/** A schedule whose `total` is known, where its kind has one. */
type Complete = Exclude<Schedule, { total?: number }> | (Extract<Schedule, { total?: number }> & { total: number });

function withTotal(schedule: Schedule, steps: number | undefined): Complete {
  const fields = FIELDS[schedule?.kind];
  if (!fields) return schedule as Complete; // which `check` refuses
  if (!fields.includes("total")) return schedule as Complete;
  return { ...schedule, total: (schedule as { total?: number | undefined }).total ?? steps } as Complete;
}

const FIELDS: Record<Schedule["kind"], readonly string[]> = {
  constant: ["rate", "warmup"],
  linear: ["rate", "warmup", "total"],
  cosine: ["rate", "warmup", "total"],
  polynomial: ["rate", "warmup", "total", "end", "power"],
  noam: ["hidden", "warmup", "factor"],
};

function decayOf(schedule: Exclude<Complete, { kind: "noam" }>, warmup: number): (s: number) => number {
  const { rate } = schedule;
  if (schedule.kind === "constant") return () => rate;
  const left = (s: number) => Math.max(0, 1 - (s - warmup) / Math.max(1, schedule.total - warmup));
  if (schedule.kind === "linear") return (s) => rate * left(s);
  if (schedule.kind === "cosine") return (s) => rate * 0.5 * (1 + Math.cos(Math.PI * (1 - left(s))));
  const { end = 0, power = 1 } = schedule;
  return (s) => end + (rate - end) * left(s) ** power;
}

/** @param given without a `total` that is the steps of the run */
function check(schedule: Complete, given: Schedule): void {
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
  if (!(schedule.rate >= 0)) fail("rate", "0 or more", schedule.rate);
  if (kind === "constant" || schedule.total > warmup) return;
  const derived = (given as { total?: number | undefined }).total === undefined && schedule.total !== undefined;
  if (derived) fail("warmup", `less than the ${schedule.total} steps of the run, or a total beyond it`, warmup);
  fail("total", `more than warmup (${warmup})`, schedule.total);
}
