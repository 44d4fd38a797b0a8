import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Job } from "./spec.js";

const folder = fileURLToPath(new URL("../engines/", import.meta.url));
/** Commands that start the processes of engines, by name; the others are scripts of their name. */
const COMMANDS: Record<string, [string, string[]]> = {
  torch: ["python3", [`${folder}torch_engine.py`]],
  "torch-compile": ["python3", [`${folder}torch_engine.py`, "--compile"]],
  "onnxruntime-f32": [process.execPath, ["--import", "tsx", `${folder}onnxruntime.ts`]],
};
/** Seconds for one answer. The longest is that of a training step that is compiled. */
const LIMIT_S = 600;

/** The engine name of this package in another checkout of the repository. */
export const checkoutEngine = (folder: string): string => `checkout:${folder}`;

function commandOf(name: string): [string, string[]] {
  const [, checkout] = /^checkout:(.+)$/.exec(name) ?? [];
  const script = checkout ? `${checkout}/bench/engines/videoclip.ts` : `${folder}${name}.ts`;
  return COMMANDS[name] ?? [process.execPath, ["--import", "tsx", script]];
}

/** An engine in a separate process; it is stopped if an answer takes more than `limit` seconds. */
export class Engine {
  #child: ChildProcess;
  #lines: AsyncIterator<string>;
  #reader: Interface;
  /** Why the process could not be started. */
  #failure = "";

  constructor(
    readonly name: string,
    threads: number,
    readonly limit = LIMIT_S,
  ) {
    const [command, args] = commandOf(name);
    const env = { ...process.env, OMP_NUM_THREADS: String(threads) };
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env });
    this.#child.on("error", ({ message }) => {
      this.#failure = `: ${message}`;
      this.#reader.close();
    });
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async #ask(line: string): Promise<{ ms?: number; error?: string }> {
    this.#child.stdin!.write(`${line}\n`);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.stop();
    }, this.limit * 1e3);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (late) throw new Error(`${this.name} gave no answer within ${this.limit} s`);
    if (done) throw new Error(`${this.name} ended${this.#failure}`);
    const answer = JSON.parse(value as string) as { ms?: number; error?: string };
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  async build(job: Job): Promise<void> {
    await this.#ask(JSON.stringify(job));
  }

  /** One run. @returns milliseconds, measured in the engine's process */
  async run(): Promise<number> {
    return (await this.#ask("run")).ms!;
  }

  /** CPU time of all its threads so far, in milliseconds (Linux; NaN elsewhere). */
  cpuMilliseconds(): number {
    try {
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10; // utime and stime in ticks of 10 ms
    } catch {
      return Number.NaN;
    }
  }

  stop(): void {
    this.#child.kill();
    this.#reader.close();
  }
}
