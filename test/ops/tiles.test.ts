// Products by tiles of bf16 have the bits that the manual of AMX defines: two chains of fused multiply-adds, whose sum is
// added per step. The software tiles run everywhere, the hardware's where the processor has them.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fromBits, toBfloat16 } from "#lib/base/half_floats.js";
import { loadAddon } from "#lib/runtime/binding.js";
import { matmulBf16 } from "#lib/ops/matmul/matmul_bf16.js";
import { hashValues } from "#lib/nn/random_weights.js";
import * as ops from "#lib/ops.js";

const test = suite("tiles");
const [M, N, K] = [37, 21, 90];
const DEPTH = 15; // 45 pairs are three steps of 15

const isas = loadAddon().addon.isas();
const withTiles = isas.filter(({ supported, tileDepth }) => supported && tileDepth > 0).map(({ name }) => name);

const bf16 = (x: number) => fromBits(toBfloat16(x) << 16);
/** The product of two bf16 is exact in 64 bits, and so is the sum with an f32 of a similar exponent. */
const fma = (a: number, b: number, c: number) => Math.fround(a * b + c);

function expected(a: Float32Array, b: Float32Array): Float32Array {
  const y = new Float32Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let first = 0; first < K / 2; first += DEPTH) {
        let [even, odd] = [0, 0];
        for (let pair = first; pair < first + DEPTH; pair++) {
          even = fma(bf16(a[m * K + 2 * pair]), bf16(b[2 * pair * N + n]), even);
          odd = fma(bf16(a[m * K + 2 * pair + 1]), bf16(b[(2 * pair + 1) * N + n]), odd);
        }
        sum = Math.fround(sum + Math.fround(even + odd));
      }
      y[m * N + n] = sum;
    }
  }
  return y;
}

async function product(a: Float32Array, b: Float32Array): Promise<Float32Array> {
  const inputs = [
    { shape: [M, K], data: a },
    { shape: [K, N], data: b },
  ];
  const [y] = await ops.runOp(matmulBf16, inputs, { transposeA: false, transposeB: false });
  return y.data as Float32Array;
}

const a = hashValues("", "tiles/a", M * K);
const b = hashValues("", "tiles/b", K * N);

if (withTiles.includes(process.env.VIDEOCLIP_ISA ?? "")) {
  test(`a product with ${process.env.VIDEOCLIP_ISA} has the defined bits`, async () => {
    assert.equal(await product(a, b), expected(a, b));
  });
} else {
  test("the software tiles exist on every machine", () => {
    assert.ok(withTiles.includes("amx-emulated"));
  });
  for (const isa of withTiles) {
    test(`products with ${isa}`, () => {
      const child = spawnSync(process.execPath, ["--import", "tsx", "test/ops/tiles.test.ts"], {
        env: { ...process.env, VIDEOCLIP_ISA: isa },
        encoding: "utf8",
      });
      assert.is(child.status, 0, child.stdout + child.stderr);
    });
  }
}

test.after(() => ops.dispose());
test.run();
