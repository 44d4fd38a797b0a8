// Work with a time limit ends with a TimeoutError, with the reason of its client, or with its own result, and leaves no timer.
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withTimeLimit } from "#lib/serve/time_limit.js";
import { rejection } from "../support/errors.js";

const test = suite("time limit");

/** Work that ends when its signal aborts. */
const endless = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

test("the time is over, the client goes away, or the work ends", async () => {
  const client = Object.assign(new EventEmitter(), { closed: false }) as ServerResponse & { closed: boolean };
  assert.is((await rejection(withTimeLimit(client, 20, endless))).name, "TimeoutError");
  assert.is(await withTimeLimit(client, 60_000, async () => 7), 7);
  const fails = async () => Promise.reject(new Error("broken"));
  assert.is((await rejection(withTimeLimit(client, 60_000, fails))).message, "broken");
  const waiting = rejection(withTimeLimit(client, 60_000, endless));
  client.emit("close");
  assert.is((await waiting).name, "AbortError");
  assert.is(client.listenerCount("close"), 0);
  client.closed = true;
  assert.is((await rejection(withTimeLimit(client, 60_000, endless))).name, "AbortError");
  assert.is(timers(), 0);
  assert.is(client.listenerCount("close"), 0);
});

test.run();
