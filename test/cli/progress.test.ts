// The progress of an extraction estimates the remaining time.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ProgressReporter, timeLeft } from "#lib/cli/progress.js";

const test = suite("progress");

test("the remaining time is unknown until something is done", () => {
  assert.is(timeLeft(0, 8, 100), "?");
  assert.is(timeLeft(1, 8, 100), "11 min 40 s");
  assert.is(timeLeft(4, 8, 50), "50 s");
  assert.is(timeLeft(1, 101, 90), "2 h 30 min");
  assert.is(timeLeft(8, 8, 100), "0 s");
});

test("a bar on a terminal shows the remaining time from the start", () => {
  const { stderr } = process;
  const written: string[] = [];
  const saved = { isTTY: stderr.isTTY, write: stderr.write };
  Object.assign(stderr, { isTTY: true, write: (text: string) => written.push(text) > 0 });
  // the members of a terminal that a bar uses
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true, columns: 200 };
  const before = Object.fromEntries(Object.keys(cursor).map((key) => [key, stderr[key as "columns"]]));
  Object.assign(stderr, cursor);
  try {
    const reporter = new ProgressReporter({});
    reporter.update({ clips: 3, videos: 0, failures: 0, total: 2 });
    reporter.stop();
  } finally {
    Object.assign(stderr, saved, before);
  }
  const text = written.join("");
  assert.match(text, /0\/2 videos, .*ETA \?/);
  assert.not.match(text, /NF/);
});

test.run();
