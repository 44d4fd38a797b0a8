// Every forward output is within 1e-4 (relative L2) of the recorded output of the reference implementation.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, deviceReport } from "#lib/runtime/device.js";
import { hashValueOf } from "#lib/nn/random_weights.js";
import * as ops from "#lib/ops.js";
import { readFixture } from "../../scripts/fixtures/case.js";
import { checkFixture } from "../../scripts/fixtures/check.js";

const test = suite("fixtures");

test("the generator gives the published values", () => {
  const vectors: [string, string, number, number][] = [
    ["videoclip/", "a", 0, 0.10534875094890594],
    ["videoclip/", "a", 1, -0.5110622644424438],
    ["videoclip/s3d_16x224/", "features.0.0.0.weight", 9407, -0.6171776056289673],
    ["videoclip/s3d_16x224/", "video", 123456, -0.4862791895866394],
    ["Ω", "é", 4294967295, -0.7109115123748779],
    ["", "", 70000, -0.822943925857544],
  ];
  for (const [salt, name, i, value] of vectors) assert.is(hashValueOf(salt, name, i), value);
});

for (const folder of ["ops", "models"]) {
  for (const file of readdirSync(join("test/fixtures", folder))) {
    test(file, async () => {
      const device = createDevice();
      try {
        const checks = await checkFixture(readFixture(join("test/fixtures", folder, file)), device);
        const run = checks.filter((check) => !check.skip);
        assert.ok(run.length > 0, "at least one output is checked");
        for (const check of run) assert.ok(check.passed, `${check.name}: relative L2 ${check.relativeL2}`);
      } finally {
        device.dispose();
      }
    });
  }
}

const { usable: bf16, reason } = deviceReport().bf16;
const tiles = process.env.VIDEOCLIP_ISA === "amx-emulated" || deviceReport().matrixUnit.usable;
if (!bf16) process.stdout.write(`SKIP bf16 fixtures: ${reason}\n`);

for (const file of readdirSync("test/fixtures/models")) {
  for (const options of [
    { winograd: false },
    ...(bf16 ? [{ precision: "bf16" } as const] : []),
    ...(tiles ? [{ precision: "bf16x3" } as const] : []),
  ]) {
    test(`${file} ${JSON.stringify(options)}`, async () => {
      const device = createDevice(options);
      try {
        const run = (await checkFixture(readFixture(join("test/fixtures/models", file)), device)).filter(
          (c) => !c.skip,
        );
        for (const check of run) assert.ok(check.passed, `${check.name}: relative L2 ${check.relativeL2}`);
        // the precisions differ from one another
        const worst = Math.max(...run.map((check) => check.relativeL2));
        const precision = ("precision" in options && options.precision) || "f32";
        const fits = { f32: worst < 5e-6, bf16: worst > 1e-4, bf16x3: worst > 1e-7 }[precision];
        assert.ok(fits, `relative L2 ${worst}`);
      } finally {
        device.dispose();
      }
    });
  }
}

test.after(() => ops.dispose());
test.run();
