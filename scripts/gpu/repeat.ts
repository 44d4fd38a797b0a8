// Finds out what broke a process: reads the journal that it left, and runs the units that it did not finish in separate processes.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { JournalLine } from "../../test/support/journal.js";
import { type Outcome, runLimited } from "./child.js";
import type { Context, Step } from "./steps.js";

/** The journal of a process; empty if it wrote none. A last line that the process did not finish is left out. */
export function readJournal(file: string): JournalLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as JournalLine];
      } catch {
        return [];
      }
    });
}

/** Units that were not finished, the one in which the process was lost first; undefined if the process was not lost. */
export function unfinished(outcome: Outcome, journal: JournalLine[]): string[] | undefined {
  const units = [...new Set(journal.map(({ unit }) => unit))];
  let lost = journal.find(({ code }) => code === "ERR_DEVICE_LOST")?.unit;
  if (lost === undefined) {
    if (outcome.result !== "crashed" && outcome.result !== "timed out") return undefined;
    const last = journal.filter(({ state }) => state !== "planned").at(-1);
    lost = last?.unit ?? units[0];
  }
  return lost === undefined ? [] : units.slice(units.indexOf(lost));
}

/** A repetition of one unit. */
export interface Repetition extends Outcome {
  unit: string;
  /** The first error in it, with its code. */
  error?: string | undefined;
  log: string;
}

/**
 * Repeats the unfinished units of a step, a few processes at a time, until `seconds` have passed.
 * @returns the repetitions, and the units for which there was no time
 */
export async function repeatUnits(
  step: Step,
  units: string[],
  context: Context,
  seconds: number,
): Promise<{ repeated: Repetition[]; left: string[] }> {
  const end = performance.now() + seconds * 1e3;
  const repeated: Repetition[] = [];
  if (!step.repeat) return { repeated, left: [] };
  const { parallel, command } = step.repeat;
  const queue = units.length > 0 ? [...units] : [step.name];
  const [lost] = queue;
  const lane = async () => {
    for (;;) {
      const limit = Math.min(20, (end - performance.now()) / 1e3);
      if (limit < 1 || queue.length === 0) return;
      const unit = queue.shift()!;
      const name = `${step.name}-${unit}`.replaceAll(/\W+/g, "-");
      const log = join(context.results, `${name}.log`);
      const journal = join(context.results, `${name}.jsonl`);
      rmSync(journal, { force: true });
      const { env, ...rest } = command(context, unit, unit === lost);
      const outcome = await runLimited({ ...rest, env: { ...env, VIDEOCLIP_JOURNAL: journal } }, limit, log);
      const failed = readJournal(journal).find(({ state }) => state === "failed");
      const error = failed && `${failed.test}: ${failed.code ?? ""} ${failed.message ?? ""}`;
      repeated.push({ unit, ...outcome, error, log: basename(log) });
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return { repeated, left: queue };
}
