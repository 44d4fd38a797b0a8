import type { PackManifest, UnknownReport } from "../data/index.js";
import { describeUnknownCaptions } from "../data/unknown_captions.js";
import { table } from "./table.js";

type Skipped = { reason: string; count: number; first: string }[];

type Printed = object & { skipped: Skipped; unknown?: UnknownReport | undefined };

/** Prints a report on a dataset: a table with a line for each reason, or JSON. */
export function print({ skipped, unknown, ...numbers }: Printed, json: boolean | undefined): void {
  if (json) process.stdout.write(`${JSON.stringify({ ...numbers, unknown, skipped })}\n`);
  else {
    const lines = skipped.map(({ reason, count, first }) => `left out: ${count} x ${reason} (first: ${first})`);
    if (unknown) lines.push(...describeUnknownCaptions(unknown));
    process.stdout.write(`${[table(numbers), ...lines].join("\n")}\n`);
  }
}

/** What is printed about a pack. */
export function packReport(out: string, { shards, skipped, unknown }: PackManifest) {
  const sum = (key: "videos" | "rows" | "captions" | "tokens" | "unknown") =>
    shards.reduce((n, shard) => n + (shard[key] ?? 0), 0);
  const [videos, seconds, captions, tokens] = [sum("videos"), sum("rows"), sum("captions"), sum("tokens")];
  const unknownWords = sum("unknown");
  const counts = { out, shards: shards.length, videos, seconds, captions, tokens };
  return { ...counts, ...(unknownWords > 0 ? { unknownWords, unknown } : {}), skipped };
}
