/** What an error is about: the op, layer or file, what was expected and what was received. */
export interface ErrorDetails {
  op?: string;
  layer?: string;
  file?: string;
  /** Byte offset in `file`. */
  byte?: number;
  /** Key of a tensor or entry in `file`. */
  key?: string;
  /** Time in a video, in seconds. */
  time?: number;
  argument?: string;
  expected?: unknown;
  received?: unknown;
  cause?: unknown;
}

/** Base of every error this package throws. `code` is stable (`ERR_…`), the message is for people. */
export class VideoClipError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
  }
}

/** A wrong argument: names the argument, what it must be and what was received. */
export class InvalidArgumentError extends VideoClipError {
  constructor(message: string, details: ErrorDetails = {}, code = "ERR_INVALID_ARGUMENT") {
    super(code, message, details);
  }
}

/** Shapes that do not fit together; names the argument and, inside a model, the layer. */
export class ShapeError extends InvalidArgumentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details, "ERR_SHAPE");
  }
}

/** An element type that an op does not take. */
export class DTypeError extends InvalidArgumentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details, "ERR_DTYPE");
  }
}

/** A device that cannot be used, with the reason. */
export class DeviceError extends VideoClipError {}

/** Memory that could not be had. */
export class OutOfMemoryError extends VideoClipError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("ERR_OUT_OF_MEMORY", message, details);
  }
}

/** The error for what the native side says went wrong. @internal */
export function nativeError(cause: unknown): Error {
  if (cause instanceof VideoClipError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  switch (message) {
    case "disposed":
      return new DisposedError("This device");
    case "device lost":
      return new DeviceError("ERR_DEVICE_LOST", "The GPU stopped answering: open the device again", { cause });
    case "out of memory":
      return new OutOfMemoryError("The device has too little memory for this");
    default:
      return new VideoClipError("ERR_RUN", `The device failed: ${message}`, { cause });
  }
}

/** A weight file that is broken, unsafe or does not fit the model; names the byte or key. */
export class WeightsError extends VideoClipError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("ERR_WEIGHTS", message, details);
  }
}

/** A video that cannot be decoded; names the path and, where known, the time. */
export class VideoError extends VideoClipError {}

/** A dataset or manifest that cannot be read. */
export class DatasetError extends VideoClipError {}

/** Use after `dispose()`. */
export class DisposedError extends VideoClipError {
  constructor(what: string) {
    super("ERR_DISPOSED", `${what} was disposed and cannot be used any more`);
  }
}
