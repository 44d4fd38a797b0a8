// The report of benches reads lines with and without a processor and an instruction set.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { resultsText } from "../../bench/report.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("bench report");

const line = (peer: string, ms: number, where: object = {}) =>
  JSON.stringify({
    bench: "s3d",
    case: "s3d f32",
    threads: 2,
    ...where,
    ours_ms: 100,
    peer,
    peer_ms: ms,
    ratio: ms / 100,
    runs: 5,
  });

/** The rows of the first table as lists of cells. */
function rowsOf(files: Record<string, string[]>): { rows: string[][]; text: string } {
  const folder = temporaryFolder("report");
  for (const [name, lines] of Object.entries(files)) writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
  const text = resultsText(folder);
  const [, , ...rows] = text.split("\n\n")[0].split("\n");
  return { rows: rows.map((row) => row.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, ""))), text };
}

test("an old line has the processor of its file's name, and a new one replaces it", () => {
  const old = line("torch", 200);
  assert.equal(rowsOf({ "cpu-zen4-2-cores.jsonl": [old] }).rows, [
    ["s3d f32", "100", "PyTorch 2.13", "200", "2.00", "5", "zen4", "avx512"],
  ]);
  const { rows } = rowsOf({
    "cpu-zen4-2-cores.jsonl": [old, line("torch", 300, { cpu: "zen4", isa: "avx512" })],
    "cpu-sapphire-rapids-2-cores.jsonl": [line("torch-compile", 150)],
    "other.jsonl": [line("torch", 999)],
  });
  assert.equal(
    rows.map((row) => row.slice(2)),
    [
      ["PyTorch 2.13, compiled", "150", "1.50", "5", "sapphire-rapids", "avx512"],
      ["PyTorch 2.13", "300", "3.00", "5", "zen4", "avx512"],
    ],
  );
});

test("a narrower instruction set has its own row, and the chart shows the widest", () => {
  const [wide, narrow] = [
    line("torch", 200, { cpu: "zen4", isa: "avx512" }),
    line("torch", 110, { cpu: "zen4", isa: "avx2" }),
  ];
  const { rows, text } = rowsOf({ "cpu-zen4-2-cores.jsonl": [wide, narrow] });
  assert.equal(
    rows.map((row) => row.slice(-2)),
    [
      ["zen4", "avx512"],
      ["zen4", "avx2"],
    ],
  );
  assert.match(text, /bar \[2\.00\]/);
  assert.not.match(text, /compiled|-Infinity/);
});

test.run();
