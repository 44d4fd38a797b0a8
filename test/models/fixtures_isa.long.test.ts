// The fixtures of ops and models on every instruction set of this processor and on software tiles, also in bf16.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";

const test = suite("fixtures of instruction sets");

// without VIDEOCLIP_ISA, test/models/fixtures.test.ts runs on the last one
const isas = loadAddon()
  .addon.isas()
  .filter(({ supported }) => supported)
  .slice(0, -1);
for (const { name } of isas) {
  test(name, () => {
    const child = spawnSync(process.execPath, ["--import", "tsx", "test/models/fixtures.test.ts"], {
      env: { ...process.env, VIDEOCLIP_ISA: name },
      encoding: "utf8",
    });
    assert.is(child.status, 0, child.stdout + child.stderr);
  });
}

test.run();
