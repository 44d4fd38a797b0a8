// The command line is thin: nothing depends on it, it has no library code, and each command calls functions of a public
// door.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allCommands } from "#lib/cli/commands.js";
import { librarySources } from "./sources.js";

const test = suite("architecture: command line");
/** Options and help are most of a command's file. */
const LINES = 170;

/** Modules of this package that a source imports, as paths from lib/. */
const importsOf = (name: string, text: string): string[] =>
  [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(([, module]) => posix.join(posix.dirname(name), module));

test("nothing outside of lib/cli imports from it", () => {
  const users = librarySources()
    .filter(({ fileName }) => !fileName.startsWith("cli/"))
    .filter(({ fileName, text }) => importsOf(fileName, text).some((module) => module.startsWith("cli/")))
    .map(({ fileName }) => fileName);
  assert.equal(users, []);
});

test("commands build no graphs and touch no kernels", () => {
  const forbidden = /^(graph|nn|binding|ops)\b/;
  const users = librarySources()
    .filter(({ fileName }) => fileName.startsWith("cli/"))
    .flatMap(({ fileName, text }) => importsOf(fileName, text).map((module) => `${fileName}: ${module}`))
    .filter((line) => forbidden.test(line.split(": ")[1]));
  assert.equal(users, []);
});

test("every file of lib/cli is short", () => {
  for (const name of readdirSync("lib/cli", { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const lines = readFileSync(join("lib/cli", name), "utf8").trimEnd().split("\n").length;
    assert.ok(lines <= LINES, `lib/cli/${name}: expected at most ${LINES} lines, received ${lines}`);
  }
});

/** The functions of the doors that each command calls. */
const FUNCTIONS: Record<string, Record<string, string[]>> = {
  extract: { index: ["VideoEncoder", "extractToFolder"] },
  embed: { index: ["embedToFolder"] },
  queue: { index: ["SharedRun"] },
  work: { index: ["SharedRun"] },
  features: { index: ["checkFeatures", "mergeFeatures", "exportFeatures"] },
  index: { index: ["VideoClip", "indexFeatures"] },
  search: { index: ["FeatureIndex", "searchText", "searchPage"] },
  serve: { index: ["serveIndexes"] },
  classify: { index: ["classifyFolder"] },
  data: { "data/index": ["checkDataset", "packDatasetFile", "openFeatures"] },
  eval: { "eval/index": ["predictBenchmark", "evaluateBenchmark", "benchmarkPage", "scoreRetrieval"] },
  inspect: { "weights/index": ["inspectModel"], index: ["describeModel"] },
  convert: { "weights/index": ["convertWeights"], "onnx/index": ["videoEncoderToOnnx", "videoClipToOnnx"] },
  doctor: { index: ["deviceReport"] },
  train: { "train/index": ["runRecipe", "describeRecipe"] },
  plot: { "train/index": ["plotRun"] },
};

test("everything that a command does can be called from JavaScript", async () => {
  assert.equal((await allCommands()).map((command) => command.name()).sort(), Object.keys(FUNCTIONS).sort());
  for (const [command, doors] of Object.entries(FUNCTIONS)) {
    for (const [door, names] of Object.entries(doors)) {
      const exported = (await import(`../../dist/${door}.js`)) as Record<string, unknown>;
      for (const name of names) assert.type(exported[name], "function", `${command}: ${name} of ${door}`);
    }
  }
});

test.run();
