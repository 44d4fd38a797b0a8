// The process of an engine: it reads {job} in a line, then runs once per line "run" and reports the time.
import { createInterface } from "node:readline";
import type { Job } from "./spec.js";

/**
 * Builds an engine from its job; the returned function runs it once. Throws the reason if the engine cannot run the
 * job.
 */
export type Build = (job: Job) => Promise<() => Promise<void>>;

export async function serve(build: Build): Promise<void> {
  const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
  let run: (() => Promise<void>) | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      if (!run) {
        run = await build(JSON.parse(line) as Job);
        say({ ready: true });
        continue;
      }
      const begin = performance.now();
      await run();
      say({ ms: performance.now() - begin });
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}
