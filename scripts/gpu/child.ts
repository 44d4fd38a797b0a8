// Runs a command under a time limit, with its output in a file. The command gets a process group, which is killed as a whole.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";

export interface Command {
  file: string;
  args: string[];
  env?: Record<string, string>;
}

/** How a command ended. A command crashed if a signal ended it that the time limit did not send. */
export interface Outcome {
  result: "passed" | "failed" | "crashed" | "timed out";
  seconds: number;
  code: number | null;
  signal: string | null;
}

/** Seconds in which a killed process must end: one that waits for a broken driver may never do so, and is then left behind. */
const GRACE = 2;
const running = new Set<ChildProcess>();

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, "SIGKILL");
  } catch {
    child.kill("SIGKILL"); // the group has no process any more, or the child did not start
  }
}

// The groups do not get the signals that a terminal sends to the runner.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(code);
  });
}

/** Exit codes by which a shell or compute-sanitizer reports a signal of its child: SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV. */
const SIGNAL_CODES = new Set([4, 6, 7, 8, 11].map((signal) => 128 + signal));

/** Runs a command for at most `limit` seconds; its output is written to the file `log`. */
export function runLimited({ file, args, env }: Command, limit: number, log: string): Promise<Outcome> {
  const output = openSync(log, "w");
  writeSync(output, `$ ${[file, ...args].join(" ")}\n`);
  const begin = performance.now();
  const child = spawn(file, args, {
    detached: true,
    stdio: ["ignore", output, output],
    env: { ...process.env, ...env },
  });
  running.add(child);
  return new Promise<Outcome>((resolve) => {
    let late = false;
    const end = (code: number | null, signal: string | null, text = "") => {
      clearTimeout(timer);
      running.delete(child);
      killGroup(child); // processes that it left behind
      if (text) writeSync(output, `${text}\n`);
      closeSync(output);
      const crashed = signal !== null || SIGNAL_CODES.has(code ?? 0);
      const result = late ? "timed out" : code === 0 ? "passed" : crashed ? "crashed" : "failed";
      resolve({ result, seconds: (performance.now() - begin) / 1e3, code, signal });
    };
    const timer = setTimeout(() => {
      late = true;
      killGroup(child);
      setTimeout(() => running.has(child) && end(null, null, `It still runs ${GRACE} s after SIGKILL.`), GRACE * 1e3);
    }, limit * 1e3);
    child.once("error", (error) => running.has(child) && end(null, null, error.message));
    child.once("exit", (code, signal) => running.has(child) && end(code, signal));
  });
}
