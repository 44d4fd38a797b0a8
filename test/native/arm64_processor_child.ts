// Runs on an arm64 processor without BFMMLA, for arm64.long.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, deviceReport } from "#lib/runtime/device.js";
import { refused } from "../support/errors.js";
import { smallFeature } from "./small_features.js";

const test = suite("arm64 processor without BFMMLA");

test("neon is chosen, and bf16 is refused with the reason", async () => {
  const { isa, isas, bf16 } = deviceReport();
  assert.is(isa, "neon");
  assert.equal(isas, ["portable", "neon"]);
  assert.is(bf16.usable, false);
  await refused(
    () => createDevice({ device: "cpu", precision: "bf16" }),
    /no bf16 products/,
    "ERR_PRECISION_UNAVAILABLE",
  );
});

test("a feature is computed", async () => {
  const feature = await smallFeature("s3d-tiny", 2, "f32");
  assert.ok(feature.every(Number.isFinite) && feature.some((value) => value !== 0));
});

test.run();
