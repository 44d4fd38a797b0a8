import type { ErrorCode } from "./error_codes.js";

export type { ErrorCode } from "./error_codes.js";

/** Details of an error: the op, layer or file, the expected and the received value. */
export interface ErrorDetails {
  op?: string | undefined;
  layer?: string | undefined;
  file?: string | undefined;
  /** Byte offset in `file`. */
  byte?: number | undefined;
  /** Key of a tensor or entry in `file`. */
  key?: string | undefined;
  /** Time in a video, in seconds. */
  time?: number | undefined;
  argument?: string | undefined;
  expected?: unknown;
  received?: unknown;
  cause?: unknown;
}

/**
 * Base class of every error of this package. `code` is stable and explained in docs/errors.md; the message is for
 * people.
 */
export class VideoClipError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
  }
}

/** A wrong argument, with the expected and the received value. */
export class InvalidArgumentError extends VideoClipError {
  constructor(message: string, details: ErrorDetails = {}, code: ErrorCode = "ERR_INVALID_ARGUMENT") {
    super(code, message, details);
  }
}

/** Shapes that do not fit together, with the argument and, inside a model, the layer. */
export class ShapeError extends InvalidArgumentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details, "ERR_SHAPE");
  }
}

/** An element type that an op does not support. */
export class DTypeError extends InvalidArgumentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details, "ERR_DTYPE");
  }
}

/** A device that cannot be used, with the reason. */
export class DeviceError extends VideoClipError {}

/** Memory that could not be allocated. */
export class OutOfMemoryError extends VideoClipError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("ERR_OUT_OF_MEMORY", message, details);
  }
}

/** A weight file that is broken, unsafe or does not fit the model, with the byte or key. */
export class WeightsError extends VideoClipError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("ERR_WEIGHTS", message, details);
  }
}

/** A video that cannot be decoded, with the path and, if known, the time. */
export class VideoError extends VideoClipError {}

/** A dataset or manifest that cannot be read. */
export class DatasetError extends VideoClipError {}

/** Use after `dispose()`. */
export class DisposedError extends VideoClipError {
  constructor(what: string) {
    super("ERR_DISPOSED", `${what} was disposed and cannot be used any more`);
  }
}
