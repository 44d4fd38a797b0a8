// Checks of the errors that calls throw or reject with.
import * as assert from "uvu/assert";
import { VideoClipError } from "#lib/base/errors.js";

/** A call, or the promise of a call that has begun. */
type Work = (() => unknown) | Promise<unknown>;

/** A code such as `ERR_SHAPE`, or a class of errors. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Kind = string | (new (...args: any[]) => Error);

/** Returns the error that a call throws or rejects with; fails if the call succeeds. The type is up to the caller. */
export async function rejection<E = VideoClipError>(work: Work): Promise<E> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return error as E;
  }
  assert.unreachable("expected an error");
  throw new Error();
}

/** Checks that a call fails with this message and, if given, this code or class. */
export async function refused(work: Work, message: RegExp, kind?: Kind): Promise<void> {
  const error = await rejection(work);
  if (typeof kind === "string") assert.is(error.code, kind, error.stack);
  else if (kind) assert.instance(error, kind, error.stack);
  assert.match(error.message, message);
}

/** The condition for `assert.throws` that an error has this code or class and this message. */
export const isError =
  (kind: Kind, message: RegExp) =>
  (error: unknown): boolean =>
    (typeof kind === "string" ? error instanceof VideoClipError && error.code === kind : error instanceof kind) &&
    message.test((error as Error).message);
