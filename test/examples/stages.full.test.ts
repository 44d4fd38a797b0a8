// configs/README.md: every command of the page runs, in its order.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMetrics } from "../../dist/train/metrics.js";

const test = suite("the stages page");
const folder = mkdtempSync(join(tmpdir(), "videoclip-stages-"));
test.after(() => rmSync(folder, { recursive: true }));

test("from miniatures to results", () => {
  // a clone's folders, without what a command could spoil
  cpSync("configs", join(folder, "configs"), { recursive: true });
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "videoclip"), `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/cli/main.js")}" "$@"\n`, { mode: 0o755 }); // prettier-ignore
  const page = readFileSync("configs/README.md", "utf8");
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
  assert.is(blocks.length, 6);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  let output = "";
  for (const command of blocks.join("").trim().split("\n")) {
    const line = command.replace("node scripts/", `"${process.execPath}" "${resolve("scripts")}"/`);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { cwd: folder, env, encoding: "utf8" });
    assert.is(status, 0, `${command}\n${stderr}`);
    output += stdout;
  }
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
