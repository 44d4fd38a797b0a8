import { wrongArgument } from "../../wrong_argument.js";
import type { Schedule } from "../schedules.js";
import type { TrainConfig } from "./schema.js";

/**
 * The schedule of a run of `steps`: without a `total` of its own it ends with the run.
 * @throws InvalidArgumentError for a warm-up that is as long as the run which is the schedule's length
 */
export function scheduleOf({ schedule }: TrainConfig, steps: number): Schedule {
  if (schedule.kind === "constant" || schedule.kind === "noam" || schedule.total !== undefined)
    return schedule as Schedule;
  const { warmup = 0 } = schedule;
  if (warmup < steps) return { ...schedule, total: steps } as Schedule;
  throw wrongArgument("schedule.warmup", `less than the ${steps} steps of the run, or a schedule.total beyond it`, warmup); // prettier-ignore
}
