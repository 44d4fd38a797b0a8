// The choice of a precision: `auto` takes bf16 where it is faster, and bf16 is refused where it would be slower.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoClipError } from "#lib/base/errors.js";
import { createDevice, deviceReport } from "#lib/runtime/device.js";
import { cpuPrecision, gpuPrecision } from "#lib/runtime/precision.js";

const test = suite("precision");

const fast = { bf16Refusal: null, tileDepth: 0 };
const tiles = { bf16Refusal: null, tileDepth: 16 };
const slow = { bf16Refusal: "this processor's AVX512-BF16 is slower than f32", tileDepth: 0 };
const failure = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as VideoClipError;
  }
  throw new Error("did not throw");
};

test("auto takes bf16 where it is faster", () => {
  assert.is(cpuPrecision("auto", fast), "bf16");
  assert.is(cpuPrecision("auto", slow), "f32");
});

test("bf16 is refused where it is slower, with the reason and what to use instead", () => {
  assert.is(cpuPrecision("bf16", fast), "bf16");
  const error = failure(() => cpuPrecision("bf16", slow));
  assert.is(error.code, "ERR_PRECISION_UNAVAILABLE");
  assert.match(error.message, /AVX512-BF16 is slower than f32, .*: use f32, or auto/);
});

test("f16 and tf32 need a GPU", () => {
  for (const precision of ["f16", "tf32"] as const)
    assert.match(failure(() => cpuPrecision(precision, fast)).message, /GPU/);
});

test("bf16x3 needs the matrix unit of a CPU", () => {
  assert.is(cpuPrecision("bf16x3", tiles), "bf16x3");
  assert.match(failure(() => cpuPrecision("bf16x3", fast)).message, /matrix unit/);
  assert.match(failure(() => gpuPrecision("bf16x3")).message, /matrix unit/);
  assert.is(gpuPrecision("auto"), "bf16");
});

test("a device names the precision that was chosen, also one that shares an engine", () => {
  const device = createDevice({ device: "cpu", precision: "auto" });
  try {
    const expected = deviceReport().bf16.usable ? "bf16" : "f32";
    assert.is(device.precision, expected);
    assert.is(createDevice({ device, precision: "auto" }).precision, expected);
    assert.is(createDevice({ device, precision: "f32" }).precision, "f32");
  } finally {
    device.dispose();
  }
});

test("the portable kernels have no faster bf16, and the report says so", () => {
  const before = process.env.VIDEOCLIP_ISA;
  process.env.VIDEOCLIP_ISA = "portable";
  try {
    const { bf16, matrixUnit, isas } = deviceReport();
    assert.not(bf16.usable);
    assert.not(matrixUnit.usable);
    assert.ok(bf16.reason && matrixUnit.reason);
    assert.not(isas.includes("amx-emulated")); // for tests alone
    const device = createDevice({ device: "cpu", precision: "auto" });
    assert.is(device.precision, "f32");
    device.dispose();
    assert.is(failure(() => createDevice({ device: "cpu", precision: "bf16" })).code, "ERR_PRECISION_UNAVAILABLE");
  } finally {
    if (before === undefined) delete process.env.VIDEOCLIP_ISA;
    else process.env.VIDEOCLIP_ISA = before;
  }
});

test("an unknown precision is refused", () => {
  assert.is(failure(() => createDevice({ precision: "f8" as "f32" })).code, "ERR_INVALID_ARGUMENT");
});

test.run();
