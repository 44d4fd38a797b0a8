// Benches print correct statistics.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { median, pairRatio, quantile } from "../../bench/harness/statistics.js";

const test = suite("bench statistics");

test("quantiles interpolate and do not depend on the order", () => {
  assert.is(median([5, 1, 3]), 3);
  assert.is(median([4, 1, 2, 3]), 2.5);
  assert.is(quantile([10, 0], 0.25), 2.5);
  assert.is(quantile([7], 0.75), 7);
});

test("the ratio is computed from neighbouring runs, so that a machine that slows down does not change it", () => {
  const ours = [1, 2, 4];
  assert.is(pairRatio(ours, [1.5, 3, 6]), 1.5);
  // the ratio of medians would differ
  assert.is(pairRatio([1, 2, 10], [3, 4, 20]), 2);
});

test.run();
