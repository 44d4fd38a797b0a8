// Every wrong argument of the public ops causes an error with argument, expected and received values; none ends the
// process, hangs or returns a result.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { elements } from "#lib/graph/tensor.js";
import * as ops from "#lib/ops.js";

const test = suite("arguments");

const f32 = (...shape: number[]) => ({ data: new Float32Array(elements(shape)), shape });
const i32 = (...values: number[]) => ({ data: Int32Array.from(values), shape: [values.length] });
const video = f32(1, 2, 4, 4, 3);
const vectors = { weight: f32(3), bias: f32(3), mean: f32(3), variance: f32(3) };
const q = f32(1, 3, 4);
/** Any value in place of any type. */
const any = (value: unknown) => value as never;

/** Calls, and the text of their errors. */
const WRONG: Record<string, [() => Promise<unknown>, RegExp][]> = {
  "impossible sizes": [
    [() => ops.binary({ shape: any([7, null]), data: new Float32Array(0) }, f32(1, 4), "add"), /a\.shape: expected .*, received \[7, null\]/],
    [() => ops.binary(f32(1, 4), { shape: any([1, null]), data: new Float32Array(0) }, "add"), /b\.shape: .*\[1, null\]/],
    [() => ops.softmax({ shape: [2.5, 2], data: new Float32Array(5) }), /x\.shape: .* received \[2\.5, 2\]/],
    [() => ops.softmax({ shape: [-1, -2], data: new Float32Array(2) }), /x\.shape: .* received \[-1, -2\]/],
    [() => ops.softmax({ shape: any(["2"]), data: new Float32Array(2) }), /x\.shape: .* received \["2"\]/],
    [() => ops.softmax({ shape: any(new Array(2)), data: new Float32Array(2) }), /x\.shape: /],
    [() => ops.softmax({ shape: any(2), data: new Float32Array(2) }), /x\.shape: expected an array of sizes, received 2/],
    [() => ops.softmax(any({ data: new Float32Array(2) })), /x\.shape: .* received undefined/],
    [() => ops.unary(f32(1, 1, 1, 1, 1, 1, 1, 1, 1), "relu"), /x\.shape: expected at most 8 sizes/],
    [() => ops.pad(f32(2, 3), [2 ** 31 - 1, 2 ** 20]), /pad: the output: expected at most \d+ elements/],
    [() => ops.softmax({ shape: [3], data: new Float32Array(2) }), /x: shape \[3\] needs 3 values, received 2/],
  ],
  "unknown kinds": [
    [() => ops.unary(q, any("rleu")), /unary: kind: expected relu, .* received "rleu" \(did you mean relu\?\)/],
    [() => ops.binary(q, q, any("pow")), /binary: kind: expected add, sub, mul, div or max, received "pow"/],
    [() => ops.conv3d(video, f32(2, 3, 1, 1, 1), { activation: any("relu6") }), /activation: .* received "relu6"/],
    [() => ops.linear(q, f32(2, 4), { activation: any(null) }), /activation: .* received null/],
    [() => ops.maxPool3d(video, { kernel: 2, padValue: any("-Inf") }), /padValue: expected -inf or zero, received "-Inf"/],
    [() => ops.contrastiveLoss(f32(2, 2), f32(2, 2), { reduction: any("avg") }), /reduction: expected sum or mean/],
  ],
  "axes, sizes and counts": [
    [() => ops.concat([f32(2, 1), f32(2, 1)], -1), /concat: axis: expected an integer of at least 0, received -1/],
    [() => ops.concat([f32(2, 1), f32(2, 1)], 5), /concat: axis: .* 0 to 1, received 5/],
    [() => ops.concat([f32(2, 1), f32(3, 1)], 1), /list\[1\]: expected f32 \[2, any\], received f32 \[3, 1\]/],
    [() => ops.concat([], 0), /concat: list: /],
    [() => ops.concat(any(null), 0), /concat: list: .* received null/],
    [() => ops.concat([f32(2), any(i32(1, 2))], 0), /list\[1\]: expected f32 \[any\], received i32/],
    [() => ops.slice(q, [0, 0, 0], [1, 4, 1]), /slice: size: /],
    [() => ops.slice(q, [0, 0], [1, 4]), /slice: start: expected one integer per axis/],
    [() => ops.slice(q, [0, 0, -1], [1, 1, 1]), /slice: start: .* received \[0, 0, -1\]/],
    [() => ops.permute(q, [0, 1, 1]), /permute: order: expected each axis of x \[1, 3, 4\] once, received \[0, 1, 1\]/],
    [() => ops.pad(q, [0, 0, -1]), /pad: low: /],
    [() => ops.reduceSum(q, 3), /reduceSum: axes: expected axes from 0 to 2, each once, received 3/],
    [() => ops.reduceMax(q, [1, 1]), /reduceMax: axes: /],
    [() => ops.reduceMax(f32(2, 0, 3), 1), /sizes of at least 1/],
    [() => ops.topK(f32(2, 3), f32(4, 3), { k: 0 }), /topK: k: expected an integer of at least 1, received 0/],
    [() => ops.topK(f32(2, 3), f32(4, 3), { k: 2.5 }), /topK: k: /],
    [() => ops.topK(f32(2, 3), f32(4, 3), { k: 1, base: 2 ** 31 - 2 }), /topK: base: /],
    [() => ops.attention(q, q, q, { heads: 3 }), /attention: heads: expected a divisor of 4 channels, received 3/],
    [() => ops.attention(q, q, q, { heads: 0 }), /attention: heads: .* received 0/],
    [() => ops.attention(q, q, q, { heads: 2, scale: Number.NaN }), /attention: scale: .* received NaN/],
    [() => ops.globalMean(f32(2, 0, 3)), /globalMean: x: expected sizes of at least 1/],
  ],
  "windows": [
    [() => ops.avgPool3d(video, { kernel: any([-1, 3, 1e9]), stride: any([3, 2, -1]), ceil: true }), /kernel: .* received \[-1, 3, 1000000000\]/],
    [() => ops.avgPool3d(video, { kernel: [1, 1, 1], stride: [0, 1, 1] }), /stride: .* at least 1, received \[0, 1, 1\]/],
    [() => ops.avgPool3d(video, { kernel: [1, 2, 2], low: [0, 2, 0] }), /low: expected padding below the kernel/],
    [() => ops.avgPool3d(video, { kernel: [2 ** 11, 2 ** 11, 2 ** 11], ceil: true }), /kernel: expected at most 2\^31 positions/],
    [() => ops.maxPool3d(video, { kernel: [1, 9, 9], stride: 1, ceil: true }), /x: expected at least 9 positions along H/],
    [() => ops.maxPool3d(f32(1, 0, 2, 2, 1), { kernel: 1 }), /maxPool3d: x: expected sizes of at least 1/],
    [() => ops.conv3d(video, f32(2, 3, 1, 1, 1), { stride: any("2") }), /stride: .* received "2"/],
    [() => ops.conv3d(video, f32(2, 3, 3, 3, 3), { padding: any("full") }), /padding: expected "same", "valid", .* received "full"/],
    [() => ops.conv3d(video, f32(2, 3, 1, 1, 1), { padding: -1 }), /padding: .* received -1/],
    [() => ops.conv3d(video, f32(2, 3, 1, 1, 1), { padding: 1, low: [1, 1, 1] }), /padding: expected padding or low, received both/],
    [() => ops.conv3d(video, f32(2, 3, 3, 1, 1)), /x: expected at least 3 positions along T/],
    [() => ops.conv3d(video, f32(2, 3, 1, 1, 1), { groups: any(1n) }), /groups: .* received 1n/],
    [() => ops.conv3d(video, f32(2, 1, 1, 1, 1), { groups: 2 }), /groups: expected a divisor of 3 and 2 channels, received 2/],
  ],
  "a filter of tfjs": [
    [() => ops.conv3d(f32(1, 2, 4, 4, 5), f32(1, 3, 3, 5, 7)), /weight: expected \[Cout, 5, kT, kH, kW\], received f32 \[1, 3, 3, 5, 7\] \(a filter of tfjs\? weightLayout: 'DHWIO'\)/],
    [() => ops.conv3d(video, f32(1, 1, 1, 3, 2), { weightLayout: any("HWIO") }), /weightLayout: expected OIDHW or DHWIO/],
  ],
  "missing arguments": [
    [() => ops.layerNorm(f32(2, 3), any({})), /layerNorm: eps: expected a finite number of float32, at least 0, received undefined/],
    [() => ops.contrastiveLoss(f32(2, 3), f32(2, 3), { scale: 1e39 }), /contrastiveLoss: scale: expected a finite number of float32, received 1e\+39/],
    [() => (ops.layerNorm as (x: unknown) => Promise<unknown>)(f32(2, 3)), /layerNorm: eps: /],
    [() => ops.batchNorm(f32(2, 3), vectors, any({})), /batchNorm: eps: /],
    [() => ops.batchNorm(f32(2, 3), any({ ...vectors, mean: undefined }), { eps: 0 }), /batchNorm: mean: expected \{ data, shape \}/],
    [() => (ops.topK as (...x: unknown[]) => Promise<unknown>)(f32(2, 3), f32(4, 3)), /topK: k: /],
    [() => (ops.attention as (...x: unknown[]) => Promise<unknown>)(q, q, q), /attention: heads: /],
    [() => (ops.maxPool3d as (...x: unknown[]) => Promise<unknown>)(video), /maxPool3d: kernel: /],
    [() => (ops.preprocess as (...x: unknown[]) => Promise<unknown>)({ data: new Uint8Array(3), shape: [1, 1, 1, 1, 3] }), /preprocess: top: /],
    [() => (ops.softmax as () => Promise<unknown>)(), /softmax: x: expected \{ data, shape \}, received undefined/],
    [() => ops.softmax(q, any(null)), /softmax: options: expected an object, received null/],
    [() => ops.softmax(q, any([])), /softmax: options: expected an object/],
  ],
  "unknown names": [
    [() => ops.conv3d(video, f32(2, 3, 1, 1, 1), any({ activaton: "relu" })), /conv3d: activaton: unknown option; did you mean activation\?/],
    [() => ops.avgPool3d(video, any({ kernel: 1, padValue: "zero" })), /avgPool3d: padValue: unknown option/],
    [() => ops.batchNorm(f32(2, 3), any({ ...vectors, running_mean: f32(3) }), { eps: 0 }), /running_mean: unknown key of parameters/],
    [() => ops.layerNorm(f32(2, 3), any({ eps: 0, epsilon: 1 })), /epsilon: unknown option/],
  ],
  "operands that do not fit": [
    [() => ops.matmul(f32(2, 3), f32(2, 3)), /matmul: b: expected \[3, N\] for a \[2, 3\], received f32 \[2, 3\]/],
    [() => ops.matmul(f32(4, 2, 3), f32(5, 3, 2)), /matmul: b: expected \[4, 3, N\] or \[3, N\] for a/],
    [() => ops.conv3d(any(i32(1)), f32(1, 1, 1, 1, 1)), /conv3d: x: expected f32, bf16 or f16 \[N, T, H, W, Cin\], received i32 \[1\]/],
    [() => ops.linear(q, f32(2, 5)), /linear: weight: expected .* \[2, 4\], received f32 \[2, 5\]/],
    [() => ops.linear(q, f32(2, 4), { bias: f32(3) }), /linear: bias: expected f32 \[2\], received f32 \[3\]/],
    [() => ops.attention(q, q, q, { heads: 2, mask: any(i32(1, 1, 1)) }), /attention: mask: expected u8 or f32 \[1, 3\], received i32 \[3\]/],
    [() => ops.scaleChannels(q, f32(2, 4)), /scaleChannels: g: expected f32 \[1, 4\]/],
    [() => ops.softmax(f32()), /softmax: x: expected .* \[\.\.\., C\], received f32 \[\]/],
    [() => ops.crossEntropy(f32(2, 0), i32(0, 0)), /crossEntropy: /],
  ],
  "ids and classes": [
    [() => ops.embedding(i32(0, 2, 9), f32(3, 2)), /embedding: ids\[2\]: expected an id below the table's 3 rows, received 9/],
    [() => ops.embedding(i32(-1), f32(3, 2)), /embedding: ids\[0\]: .* received -1/],
    [() => ops.crossEntropy(f32(2, 3), i32(0, 3)), /crossEntropy: target\[1\]: expected a class below 3, or -100, received 3/],
  ],
  "values that cannot be read": [
    [() => ops.softmax(any({ get data() { throw new Error("no"); } })), /softmax: x: .* received one that throws an object of Error/],
    [() => ops.softmax(any(new Proxy({}, { get: () => { throw new TypeError("no"); } }))), /softmax: x: /],
    [() => ops.softmax(q, any(new Proxy({}, { ownKeys: () => { throw new TypeError("no"); } }))), /softmax: options: /],
    [() => ops.unary(q, any(Symbol("relu"))), /unary: kind: .* received Symbol\(relu\)/],
    [() => ops.unary(q, "relu", { signal: any({ aborted: false }) }), /unary: signal: expected an AbortSignal/],
    [() => ops.unary(q, "relu", { out: new Float32Array(3) }), /unary: out: expected a Float32Array of 12 values, received a Float32Array of 3 values/],
    [() => ops.unary(q, "relu", { out: any(new Float64Array(12)) }), /unary: out: /],
  ],
}; // prettier-ignore

for (const [what, rows] of Object.entries(WRONG)) {
  test(what, async () => {
    for (const [call, pattern] of rows) {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.instance(error, InvalidArgumentError, `${call}: ${error}`);
      const { message, details } = error as InvalidArgumentError;
      assert.match(message, pattern);
      assert.ok(details.argument, `${message}: details name no argument`);
      assert.ok("expected" in details, `${message}: details have no expected value`);
    }
  });
}

test("requests above the available memory are refused without an attempt to allocate", async () => {
  const limit = process.constrainedMemory;
  process.constrainedMemory = () => 1 << 20;
  try {
    const error = await ops.pad(f32(2), [1 << 25]).catch((reason: { code: string }) => reason);
    assert.is((error as { code: string }).code, "ERR_OUT_OF_MEMORY");
    assert.throws(() => ops.allocate(1 << 25), (reason: { code: string }) => reason.code === "ERR_OUT_OF_MEMORY"); // prettier-ignore
  } finally {
    process.constrainedMemory = limit;
  }
  for (const call of [() => ops.allocate(-1), () => ops.allocate(1.5), () => ops.allocate(1, any("f64"))])
    assert.throws(call, (reason: unknown) => reason instanceof InvalidArgumentError);
});

test("attributes that are equal as JSON but differ are distinguished", async () => {
  const x = { data: Float32Array.of(3, 4), shape: [1, 2] };
  assert.equal((await ops.l2Normalize(x, { eps: 0 })).data, Float32Array.of(0.6, 0.8));
  for (const eps of [Number.NaN, null, Infinity]) {
    const error = await ops.l2Normalize(x, { eps: any(eps) }).catch((reason: unknown) => reason);
    assert.instance(error, InvalidArgumentError);
  }
});

test("configure names unknown options", () => {
  assert.throws(() => ops.configure(any({ thread: 2 })), /configure: thread: unknown option; did you mean threads\?/);
  assert.throws(() => ops.configure(any(null)), /configure: options: expected an object, received null/);
});

test.after(() => ops.dispose());
test.run();
