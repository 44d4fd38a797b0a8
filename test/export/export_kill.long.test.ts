// Exports that are killed, interrupted or have no room leave nothing that looks complete.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EXPORT_FORMATS } from "#lib/export/formats.js";
import { CLI } from "../support/command_line.js";
import { faultyDisk } from "../support/faulty_disk.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addToStore, oddEntries } from "./feature_stores.js";
import { readExport } from "./read_back.js";

const test = suite("interrupted exports");
const root = temporaryFolder("export-kill");
const store = join(root, "features");
addToStore(store, oddEntries());

const large = join(root, "large");
const clips = { clips: 60, settings: { dim: 2048, dtype: "f32" } };
addToStore(
  large,
  Array.from({ length: 60 }, (_, i) => ({ path: `/v/${i}.mp4`, file: `${i}.npy`, ...clips })),
);

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  test(`${signal} in the middle leaves nothing that looks complete`, async () => {
    const at = join(root, signal);
    mkdirSync(at);
    for (const to of EXPORT_FORMATS) {
      const out = join(at, `out-${to}`);
      const child = spawn(process.execPath, [CLI, "features", "export", large, "--to", to, "--out", out]);
      const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
      while (readdirSync(at).length === 0 && child.exitCode === null) await sleep(2);
      child.kill(signal);
      const code = await ended;
      const names = readdirSync(at);
      if (code !== 0) {
        assert.ok(!existsSync(out) || to === "faiss" || to === "fbin", `${to}: ${names.join()}`);
        if (signal === "SIGINT") assert.equal([code, names], [130, []], to);
      }
      const whole = spawnSync(process.execPath, [CLI, "features", "export", large, "--to", to, "--out", out, "--force", "--quiet"]); // prettier-ignore
      assert.is(whole.status, 0, `${to}: ${String(whole.stderr)}`);
      rmSync(at, { recursive: true });
      mkdirSync(at);
    }
  });
}

test("a full disk is one line, and what was written is removed; an export that was there stays", async () => {
  const disk = faultyDisk(root);
  if (!disk) return void process.stdout.write("SKIP commands that export: no C compiler\n");
  for (const to of EXPORT_FORMATS) {
    const at = join(root, `full-${to}`);
    mkdirSync(at);
    const out = join(at, "out");
    const args = [CLI, "features", "export", store, "--to", to, "--out", out, "--force"];
    const run = (bytes: number) =>
      spawnSync(process.execPath, args, { encoding: "utf8", env: disk({ under: at, bytes }) });
    const scratch = (bytes: Uint8Array) => {
      writeFileSync(join(root, "scratch"), bytes);
      return join(root, "scratch");
    };
    for (const bytes of [0, 100, 700]) {
      const full = run(bytes);
      assert.is(full.status, 1, `${to}, ${bytes} bytes: ${full.stderr}`);
      assert.match(full.stderr, /^videoclip: .*cannot be written \(ENOSPC\): no space is left.*\[ERR_WRITE\]\n$/);
      assert.equal(readdirSync(at), [], to);
    }
    assert.is(run(1e9).status, 0);
    const before = await readExport(to, out, scratch);
    assert.is(run(700).status, 1);
    assert.equal(await readExport(to, out, scratch), before, to);
    assert.not.ok(readdirSync(at).some((name) => name.endsWith(".tmp")));
  }
});

test.run();
