// Every command of configs/README.md runs, in order, with the results that the page states.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMetrics } from "#lib/train/metrics.js";
import { parseMarkdown } from "../docs/markdown.js";
import { runBlocks } from "../docs/run_blocks.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("the stages page");
const temporary = temporaryFolder("stages");

test("the page leads from miniatures to results", async () => {
  const page = parseMarkdown("configs/README.md", readFileSync("configs/README.md", "utf8"));
  // the page makes all its files
  const standIns = { provide: () => Promise.resolve() };
  const { ran, folder, output, failures } = await runBlocks(page, {
    root: resolve("."),
    temporary,
    standIns,
    makers: [],
  });
  assert.is(failures.length, 0, failures.join("\n\n"));
  assert.is(ran, 6);
  for (const figure of ["R@1", "frameAccuracyWithoutBackground", "averageRecall"]) assert.match(output, figure);
  const lines = readMetrics(join(folder, "mini", "runs", "light", "metrics.jsonl"));
  assert.ok(lines.length > 0 && lines.every(({ loss }) => Number.isFinite(loss)));
  for (const made of [
    "youcook2.npy",
    "coin.jsonl",
    "coin_zero_shot.jsonl",
    "crosstask.jsonl",
    "runs/light/curves.svg",
  ]) {
    assert.ok(existsSync(join(folder, "mini", made)), made);
  }
});

test.run();
