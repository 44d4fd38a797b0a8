// SIGINT and SIGTERM abort the work of a command; an error after that is the interruption, unless the command denies
// it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interruptible, onInterrupt } from "#lib/cli/interrupt.js";
import { rejection } from "../support/errors.js";

const test = suite("interrupt");
const listeners = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");
let exitCode: typeof process.exitCode;
let before = 0;
test.before.each(() => {
  exitCode = process.exitCode;
  before = listeners();
});
test.after.each(() => {
  process.exitCode = exitCode;
  assert.is(listeners(), before, "no listener is left");
});

for (const name of ["SIGINT", "SIGTERM"] as const) {
  test(`${name} aborts the work, prints what is safe and sets the exit code`, async () => {
    let written = "";
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => ((written += text), true)) as typeof write;
    try {
      await interruptible("all is safe", async (signal) => {
        process.emit(name);
        signal.throwIfAborted();
      });
    } finally {
      process.stderr.write = write;
    }
    assert.is(written, "videoclip: interrupted; all is safe\n");
    assert.is(process.exitCode, 130);
  });
}

test("a failure without a signal is not an interruption", async () => {
  const failure = new Error("no disk");
  const work = () => Promise.reject(failure);
  assert.is(await rejection(onInterrupt(work, () => assert.unreachable())), failure);
  assert.is(process.exitCode, exitCode);
});

test("a command can declare that the error after a signal is a failure", async () => {
  const failure = new Error("no disk");
  const work = async () => {
    process.emit("SIGINT");
    throw failure;
  };
  const interrupted = (error: unknown, signal: AbortSignal) => {
    if (error !== signal.reason) throw error;
  };
  assert.is(await rejection(onInterrupt(work, interrupted)), failure);
  assert.is(process.exitCode, exitCode);
});

test("work that ends in time does not change the exit code", async () => {
  await interruptible("unused", async () => {});
  assert.is(process.exitCode, exitCode);
});

test.run();
