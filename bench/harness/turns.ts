import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "./engine.js";

const PAUSE_MS = 100;
/** CPU time that a waiting engine may use in a pause: clock ticks are 10 ms, and one may be left over from before. */
const IDLE_MS = 20;

/** A pause without computation. @throws when threads of an engine keep spinning */
async function pause(engines: Engine[]): Promise<void> {
  await sleep(PAUSE_MS / 2); // thread pools may poll for work for a moment
  const before = engines.map((engine) => engine.cpuMilliseconds());
  await sleep(PAUSE_MS / 2);
  engines.forEach((engine, i) => {
    const used = engine.cpuMilliseconds() - before[i];
    if (used > IDLE_MS)
      throw new Error(`${engine.name} is not idle between runs: ${used} ms of CPU time in ${PAUSE_MS / 2} ms`);
  });
}

/** Runs both in turn, A B B A; the milliseconds of pair i are `a[i]` and `b[i]`. */
export async function turns(a: Engine, b: Engine, pairs: number): Promise<{ a: number[]; b: number[] }> {
  const times = { a: [] as number[], b: [] as number[] };
  for (let i = 0; i < pairs; i++) {
    for (const name of i % 2 ? (["b", "a"] as const) : (["a", "b"] as const)) {
      await pause([a, b]);
      times[name].push(await (name === "a" ? a : b).run());
    }
  }
  return times;
}
