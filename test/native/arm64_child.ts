// Runs on arm64, for arm64.long.test.ts: the fixtures of ops and of small networks keep their tolerances, and values have the same bits
// for 1, 2 and 3 threads. Writes the features of small clips into the file VIDEOCLIP_FEATURES.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, deviceReport } from "#lib/runtime/device.js";
import * as ops from "#lib/ops.js";
import { builders, unsupported } from "../../scripts/fixtures/builders.js";
import { type Fixture, readFixture } from "../../scripts/fixtures/case.js";
import { checkFixture } from "../../scripts/fixtures/check.js";
import { SMALL_MODELS, smallFeature } from "./small_features.js";

const test = suite("arm64");
const NETWORKS = ["bert_tiny", "mobilebert_tiny", "transformer_64", "transformer_pre_norm", "videoclip_small"];
const report = deviceReport();
const precisions = report.bf16.usable ? (["f32", "bf16"] as const) : (["f32"] as const);

test("the processor has the backend that is expected", () => {
  assert.is(process.arch, "arm64");
  assert.is(report.isa, process.env.VIDEOCLIP_EXPECTED);
  assert.equal(report.isas, report.bf16.usable ? ["portable", "neon", "neon-bf16"] : ["portable", "neon"]);
  assert.is(report.bf16.usable, report.isa === "neon-bf16");
});

/** What a fixture's builder computes with a number of threads. */
async function values(fixture: Fixture, threads: number) {
  const device = createDevice({ device: "cpu", threads });
  try {
    return await builders[fixture.case.model](fixture, device);
  } finally {
    device.dispose();
  }
}

const paths = [
  ...readdirSync("test/fixtures/ops").map((file) => join("test/fixtures/ops", file)),
  ...NETWORKS.map((name) => `test/fixtures/models/${name}.safetensors`),
];
for (const path of paths) {
  test(path, async () => {
    const fixture = readFixture(path);
    const device = createDevice({ device: "cpu", threads: 2 });
    const checks = (await checkFixture(fixture, device)).filter((check) => !check.skip);
    device.dispose();
    assert.ok(checks.length > 0, "at least one output is checked");
    for (const check of checks) assert.ok(check.passed, `${check.name}: relative L2 ${check.relativeL2}`);
    if (unsupported(fixture)) return;
    const [one, ...others] = await Promise.all([1, 2, 3].map((threads) => values(fixture, threads)));
    for (const other of others) assert.equal(other, one);
  });
}

const features: Record<string, number[]> = {};
for (const model of SMALL_MODELS) {
  for (const precision of precisions) {
    test(`${model} in ${precision}: the same bits for 1, 2 and 3 threads`, async () => {
      const one = await smallFeature(model, 1, precision);
      for (const threads of [2, 3]) assert.equal(await smallFeature(model, threads, precision), one);
      features[`${model} ${precision}`] = [...one];
    });
  }
}

test.after(() => {
  ops.dispose();
  if (process.env.VIDEOCLIP_FEATURES) writeFileSync(process.env.VIDEOCLIP_FEATURES, JSON.stringify(features));
});
test.run();
