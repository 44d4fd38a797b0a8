// A record of the tests of a process that survives its crash: one line of JSON in the file VIDEOCLIP_JOURNAL before and after each
// test. scripts/gpu/run.ts reads it.
import { appendFileSync } from "node:fs";

/** A line of the journal: the test of a unit (an op, a network, a bench) will run, begins, has passed or has failed. */
export interface JournalLine {
  unit: string;
  test: string;
  state: "planned" | "begin" | "passed" | "failed";
  /** Code of the error, if it has one. */
  code?: string | undefined;
  message?: string | undefined;
}

/** Appends a line to the journal; does nothing without VIDEOCLIP_JOURNAL. */
export function note(line: JournalLine): void {
  const file = process.env.VIDEOCLIP_JOURNAL;
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** The code of an error or of one of its causes. */
function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && code.startsWith("ERR_") && code !== "ERR_ASSERTION") return code;
  }
  return undefined;
}

/**
 * A test body that records its begin and its end. An error with a code becomes a plain error whose message has the code, because uvu
 * reads other fields of an error in its way.
 */
export function recorded(unit: string, test: string, body: () => Promise<void>): () => Promise<void> {
  note({ unit, test, state: "planned" });
  return async () => {
    note({ unit, test, state: "begin" });
    try {
      await body();
    } catch (error) {
      const code = codeOf(error);
      note({ unit, test, state: "failed", code, message: (error as Error).message.slice(0, 300) });
      throw code ? new Error(`${code}: ${(error as Error).message}`, { cause: error }) : error;
    }
    note({ unit, test, state: "passed" });
  };
}

/** The values of a variable of the environment, separated by commas; undefined, or an empty list for an empty variable, means all. */
export function chosen(variable: string): (value: string) => boolean {
  const list = process.env[variable]?.split(",").filter(Boolean);
  return (value) => !list?.length || list.includes(value);
}
