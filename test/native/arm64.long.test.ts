// The CPU kernels for arm64, built by a cross compiler and run by an emulator of the processor: every op equals its reference, fixtures
// keep their tolerances, and features are those of this machine's kernels.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { relativeL2 } from "../support/numbers.js";
import { buildForArm64, noArm64, runOnArm64 } from "../support/arm64.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { SMALL_MODELS, smallFeature } from "./small_features.js";

const test = suite("arm64");
const missing = noArm64();

/** The ops whose kernels `neon-bf16` has for itself. */
const BF16_OPS = "attention,conv3d_bf16,matmul_bf16,pack_conv_weight_bf16";

if (missing) {
  process.stdout.write(`SKIP kernels for arm64: ${missing}\n`);
  test("nothing runs here", () => {});
} else {
  buildForArm64();
  const conformance = "test/ops/conformance.test.ts";
  const features = join(temporaryFolder("arm64"), "features.json");
  const networks = { VIDEOCLIP_EXPECTED: "neon-bf16", VIDEOCLIP_FEATURES: features };
  // two at a time, the longest first
  const first = runOnArm64(conformance, { env: { VIDEOCLIP_ISA: "neon" } });
  const second = runOnArm64("test/native/arm64_child.ts", { env: networks });
  const runs: Record<string, ReturnType<typeof runOnArm64>> = {
    "every op equals its reference by the kernels of neon": first,
    "fixtures keep their tolerances, and values do not depend on threads": second,
    "products of bf16 equal their references by BFMMLA": first.then(() =>
      runOnArm64(conformance, { env: { VIDEOCLIP_ISA: "neon-bf16", VIDEOCLIP_OPS: BF16_OPS } }),
    ),
    "a processor without BFMMLA has the kernels of neon and refuses bf16": second.then(() =>
      runOnArm64("test/native/arm64_processor_child.ts", { processor: "cortex-a72" }),
    ),
  };
  for (const script of ["test/text/wordpiece.test.ts", "test/weights/containers.test.ts", "test/weights/npy.test.ts"]) {
    runs[script] = second.then(() => runOnArm64(script));
  }
  for (const [name, run] of Object.entries(runs)) {
    test(name, async () => {
      const { status, output } = await run;
      assert.is(status, 0, output);
      assert.match(output, /Passed: +[1-9]/);
    });
  }

  test("features are those of this machine within 5e-6 in f32 and 0.02 in bf16", async () => {
    await second;
    const found = JSON.parse(readFileSync(features, "utf8")) as Record<string, number[]>;
    assert.is(Object.keys(found).length, 2 * SMALL_MODELS.length);
    for (const model of SMALL_MODELS) {
      const here = await smallFeature(model, 2, "f32");
      const [full, short] = [`${model} f32`, `${model} bf16`].map((name) =>
        relativeL2(Float32Array.from(found[name]), here),
      );
      assert.ok(full < 5e-6, `${model} in f32: relative L2 ${full}`);
      assert.ok(short < 0.02 && short > 1e-4, `${model} in bf16: relative L2 ${short}`);
    }
  });
}

test.run();
