import type { RecipePlan, StepEvent } from "../train/index.js";

// The texts of the progress of a training.

/** What a bar and a line say of a step. */
export interface StepFacts {
  epoch: string;
  elapsed: string;
  left: string;
  loss: string;
  rate: string;
  speed: string;
}

/** Results of an evaluation that never change. */
const COUNTS = ["queries", "candidates"];

/** The line of a step. */
export function stepLine(
  event: StepEvent,
  steps: number,
  { epoch, elapsed, left, loss, rate, speed }: StepFacts,
): string {
  const { step, gradientNorm, evaluation, best, skipped } = event;
  const measured = Object.entries(evaluation ?? {}).filter(([name]) => !COUNTS.includes(name));
  const more = measured.map(([name, value]) => `${name} ${short(value)}`);
  return (
    `${step}/${steps}: epoch ${epoch}, ${elapsed}, ETA ${left}, loss ${loss}, learning rate ${rate}, ` +
    `gradient norm ${short(gradientNorm)}, ${speed} samples/s` +
    (more.length > 0 ? `; validation: ${more.join(", ")}${best?.step === step ? " (best)" : ""}` : "") +
    (skipped ? ", skipped: not finite" : "")
  );
}

/** Where a run goes on. */
export function resumedLine({ start, steps, finished, best }: RecipePlan): string {
  const known = best ? `; the best evaluation so far is that of step ${best.step}, ${bestOf(best)}` : "";
  if (!finished) return `resumed: ${start} of ${steps} steps are done${known}`;
  return start >= steps
    ? `the run is finished: ${start} of ${steps} steps are done${known}; more steps or epochs go on`
    : `the run is finished: it stopped at step ${start} of ${steps} by its patience${known}; a larger patience goes on`;
}

export const short = (value: number): string => String(Number(value.toPrecision(4)));
export const hundredths = (value: number): string => String(Number(value.toFixed(2)));
export const bestOf = ({ metric, value }: { metric: string; value: number }): string => `${metric} ${short(value)}`;
