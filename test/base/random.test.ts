// The counter-based generator gives known answers, is uniform, and its draws are a function of the key alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { philox, Random } from "#lib/base/random.js";

const test = suite("random");
const hex = (block: number[]) => block.map((x) => x.toString(16).padStart(8, "0")).join(" ");

test("Philox 4x32-10 gives its published answers", () => {
  assert.is(hex(philox([0, 0, 0, 0], [0, 0])), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  const ones = 0xffffffff;
  assert.is(hex(philox([ones, ones, ones, ones], [ones, ones])), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;
  assert.is(hex(philox(pi, [0xa4093822, 0x299f31d0])), "d16cfe09 94fdcceb 5001e420 24126ea1");
});

test("draws depend on the key alone", () => {
  const draws = (seed: number, stream: number, index: number) => {
    const random = new Random(seed, stream, index);
    return Array.from({ length: 6 }, () => random.uint32()).join();
  };
  assert.is(draws(1, 2, 3), draws(1, 2, 3));
  const keys = [
    [1, 2, 3],
    [2, 2, 3],
    [1, 3, 3],
    [1, 2, 4],
  ].map(([a, b, c]) => draws(a, b, c));
  assert.is(new Set(keys).size, 4);
});

test("integers are uniform, including both ends", () => {
  const random = new Random(5);
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.integer(3, 9) - 3]++;
  const chi2 = counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
  assert.ok(chi2 < 22.5, `chi-squared ${chi2} with 6 degrees of freedom`); // p = 0.001
});

test("uniform and normal have their moments", () => {
  const random = new Random(9, 1);
  const n = 100_000;
  let [sum, normal, square] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const u = random.uniform();
    assert.ok(u >= 0 && u < 1);
    sum += u;
    const z = random.normal();
    normal += z;
    square += z * z;
  }
  assert.ok(Math.abs(sum / n - 0.5) < 0.004);
  assert.ok(Math.abs(normal / n) < 0.015);
  assert.ok(Math.abs(square / n - 1) < 0.02);
});

test("samples contain no item twice", () => {
  const random = new Random(4);
  const items = Array.from({ length: 50 }, (_, i) => i);
  assert.is(new Set(random.sample(items, 20)).size, 20);
  assert.equal(
    random.sample(items, 99).sort((a, b) => a - b),
    items,
  );
  assert.equal(
    random.shuffle([...items]).sort((a, b) => a - b),
    items,
  );
});

test.run();
