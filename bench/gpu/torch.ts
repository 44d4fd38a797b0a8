// Runs torch_gpu.py case by case, each under a time limit: a case that hangs is given up, and the others go on in a new process.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { GpuCase } from "./cases.js";
import type { TorchTimes } from "./results.js";

export interface TorchOptions {
  mode: "eager" | "compiled";
  runs: number;
  device: string;
  /** Seconds for one case. The start of Python, which may read gigabytes of libraries, may take three times as long. */
  limit: number;
  python?: string;
}

/** There is no python3, or it has no torch. */
export class NoTorchError extends Error {}

/** One process for `cases`; gives their answers in order, and returns how many it gave. */
async function runProcess(cases: GpuCase[], options: TorchOptions, give: (i: number, times: TorchTimes) => void) {
  const { mode, runs, device, limit, python = "python3" } = options;
  const child = spawn(python, [fileURLToPath(new URL("torch_gpu.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let errors = "";
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  let seconds = 3 * limit;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
      for (const stream of [child.stdout, child.stderr]) stream.destroy(); // its children may hold the other ends
    }, seconds * 1e3);
  };
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  child.stderr.on("data", (chunk) => (errors = (errors + chunk).slice(-4000)));
  child.stdin.on("error", () => undefined); // it may end before it reads
  child.stdin.end(JSON.stringify({ mode, runs, device, cases: cases.map((c) => c.torch) }));
  watch();
  let [started, done] = [false, 0];
  createInterface(child.stdout).on("line", (line) => {
    if (!line.startsWith("{")) return;
    const answer = JSON.parse(line) as TorchTimes & { torch?: string };
    seconds = limit;
    watch();
    if (answer.torch) started = true;
    else give(done++, answer);
  });
  await new Promise((resolve) => child.stdout.once("close", resolve));
  clearTimeout(timer);
  const why = late ? `no answer within ${seconds} s` : await ended;
  const last = errors.trim().split("\n").at(-1);
  if (!started && late) throw new Error(`python3 with torch: ${why}`);
  if (!started) throw new NoTorchError(last || why);
  return { done, why: late ? why : `${why}: ${last}` };
}

/**
 * Milliseconds of PyTorch for each case that it knows; `give` is called after each.
 * @throws NoTorchError if there is no python3 with torch; Error if it does not start within the limit
 */
export async function measureTorch(
  cases: GpuCase[],
  options: TorchOptions,
  give: (c: GpuCase, times: TorchTimes) => void,
): Promise<void> {
  let rest = cases.filter((c) => c.torch);
  while (rest.length > 0) {
    const { done, why } = await runProcess(rest, options, (i, times) => give(rest[i], times));
    if (done < rest.length) give(rest[done], { error: why });
    rest = rest.slice(done + 1);
  }
}
