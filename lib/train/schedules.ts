import { InvalidArgumentError } from "../errors.js";

/** How the learning rate goes. `warmup` and `total` count updates. */
export type Schedule =
  | { kind: "constant"; rate: number; warmup?: number | undefined }
  | { kind: "linear"; rate: number; warmup?: number | undefined; total: number }
  | { kind: "cosine"; rate: number; warmup?: number | undefined; total: number }
  | {
      kind: "polynomial";
      rate: number;
      warmup?: number | undefined;
      total: number;
      end?: number | undefined;
      power?: number | undefined;
    }
  | { kind: "noam"; hidden: number; warmup: number; factor?: number | undefined };

/**
 * The rate of update number `s`, which counts from 1 (as fairseq and Vaswani et al. 2017 do). It rises linearly over
 * `warmup` updates, and then is
 * - `constant`: the rate;
 * - `linear`, `cosine`: from the rate to 0 at `total`;
 * - `polynomial`: end + (rate - end) (1 - (s - warmup) / (total - warmup))^power; VideoCLIP's, with end 0 and power 1;
 * - `noam`: factor hidden^-0.5 min(s^-0.5, s warmup^-1.5).
 *
 * Behind `total` it stays at its last value.
 * @throws InvalidArgumentError for a rate, total or warmup that is out of range
 */
export function makeSchedule(schedule: Schedule): (s: number) => number {
  check(schedule);
  const { warmup = 0 } = schedule;
  if (schedule.kind === "noam") {
    const { hidden, factor = 1 } = schedule;
    return (s) => (s <= 0 ? 0 : factor * hidden ** -0.5 * Math.min(s ** -0.5, s * warmup ** -1.5));
  }
  const { rate } = schedule;
  const decay = decayOf(schedule, warmup);
  return (s) => (s < warmup ? (rate * s) / warmup : decay(s));
}

function decayOf(schedule: Exclude<Schedule, { kind: "noam" }>, warmup: number): (s: number) => number {
  const { rate } = schedule;
  if (schedule.kind === "constant") return () => rate;
  const left = (s: number) => Math.max(0, 1 - (s - warmup) / Math.max(1, schedule.total - warmup));
  if (schedule.kind === "linear") return (s) => rate * left(s);
  if (schedule.kind === "cosine") return (s) => rate * 0.5 * (1 + Math.cos(Math.PI * (1 - left(s))));
  const { end = 0, power = 1 } = schedule;
  return (s) => end + (rate - end) * left(s) ** power;
}

function check(schedule: Schedule): void {
  const fail = (argument: string, expected: string, received: unknown) => {
    throw new InvalidArgumentError(`schedule.${argument}: expected ${expected}, received ${String(received)}`, {
      argument: `schedule.${argument}`,
      expected,
      received,
    });
  };
  const { warmup = 0, kind } = schedule;
  if (!(warmup >= 0)) fail("warmup", "0 or more updates", warmup);
  if (kind === "noam") {
    if (!(schedule.hidden > 0)) fail("hidden", "a positive size", schedule.hidden);
    if (!(warmup > 0)) fail("warmup", "1 or more updates", warmup);
    return;
  }
  if (!(schedule.rate >= 0)) fail("rate", "0 or more", schedule.rate);
  if (kind !== "constant" && !(schedule.total > warmup)) fail("total", `more than warmup (${warmup})`, schedule.total);
}
