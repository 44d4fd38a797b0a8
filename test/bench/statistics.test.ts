// The numbers that benches print.
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

test("the ratio is that of neighbours: a machine that slows down cancels", () => {
  const ours = [1, 2, 4];
  assert.is(pairRatio(ours, [1.5, 3, 6]), 1.5);
  // where the ratio of medians would be another
  assert.is(pairRatio([1, 2, 10], [3, 4, 20]), 2);
});

test.run();
