// Runs cases `from` to below `to` of one kind: node --import tsx child.ts KIND SEED FROM TO FOLDER. FOLDER/case has the
// number of the running case.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { VideoClipError } from "#lib/base/errors.js";
import { takeLargest, watchAllocations } from "./allocations.js";
import { KINDS } from "./kinds.js";
import { numbers } from "./mutate.js";

const [name, seedText, fromText, toText, folder] = process.argv.slice(2);
const [seed, from, to] = [seedText, fromText, toText].map(Number);
const kind = KINDS[name];
/** The limit of a single allocation: values become float64, and files are read in blocks. */
const largestFor = (fileBytes: number) => 64 * fileBytes + (5 << 20);
/** The limit for the growth of the process, including garbage. */
const GROWTH_BYTES = 400 << 20;

mkdirSync(folder, { recursive: true });
await kind.prepare(folder);
watchAllocations();
const place = openSync(join(folder, "case"), "w");
const before = process.resourceUsage().maxRSS * 1024;
let [accepted, failed] = [0, 0];
const codes: Record<string, number> = {};
process.on("unhandledRejection", (error) => fail(current, `unhandled rejection: ${(error as Error)?.stack}`));
let current = from;

function fail(at: number, why: string): void {
  failed++;
  process.stdout.write(`FAILED ${name} FUZZ_SEED=${seed} FUZZ_FIRST=${at}: ${why.replace(/\n/g, " | ")}\n`);
}

for (current = from; current < to && failed < 20; current++) {
  writeSync(place, String(current).padEnd(12), 0);
  const next = numbers(Math.imul(seed, 0x9e3779b1) ^ Math.imul(current, 0x85ebca6b));
  const bytes = kind.damage(folder, next);
  takeLargest();
  try {
    await kind.read(folder, next);
    accepted++;
  } catch (error) {
    if (!(error instanceof VideoClipError) || !error.code || error.code === "ERR_INTERNAL")
      fail(current, String((error as Error)?.stack ?? error)); // prettier-ignore
    else codes[error.code] = (codes[error.code] ?? 0) + 1;
  }
  const largest = takeLargest();
  if (largest > largestFor(bytes)) fail(current, `${largest} bytes were allocated for a file of ${bytes}`);
}
closeSync(place);
const grown = process.resourceUsage().maxRSS * 1024 - before;
if (grown > GROWTH_BYTES) fail(to - 1, `the process grew by ${grown} bytes`);
process.stdout.write(`RESULT ${JSON.stringify({ accepted, grown, codes })}\n`);
process.exit(failed > 0 ? 1 : 0);
