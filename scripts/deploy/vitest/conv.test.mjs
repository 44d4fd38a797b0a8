import { conv3d } from "videoclip/ops";
import { expect, test } from "vitest";

test("conv3d of ones", async () => {
  const ones = (...shape) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)).fill(1) });
  const y = await conv3d(ones(1, 3, 3, 3, 1), ones(1, 1, 3, 3, 3));
  expect(Array.from(y.data)).toEqual([27]);
  process.stdout.write(`conv3d ${y.data.join()}\n`);
});
