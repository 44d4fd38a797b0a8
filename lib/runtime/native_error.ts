import { DeviceError, DisposedError, InvalidArgumentError, OutOfMemoryError, VideoClipError } from "../base/errors.js";

type Make = (message: string, cause: unknown) => VideoClipError;

const internal: Make = (message, cause) => new VideoClipError("ERR_RUN", `The device failed: ${message}`, { cause });

/** The error for each kind of native failure: `StatusCode` of native/cpp/runtime/status.h. */
export const NATIVE_ERRORS: Readonly<Record<string, Make>> = {
  invalid_argument: (message, cause) => new InvalidArgumentError(message, { cause }),
  unsupported: (message, cause) => new DeviceError("ERR_UNSUPPORTED", message, { cause }),
  out_of_memory: (_, cause) => new OutOfMemoryError("The device has too little memory for this", { cause }),
  device_lost: (message, cause) =>
    new DeviceError(
      "ERR_DEVICE_LOST",
      `The GPU is lost to this process, only a new process can use it again: ${message}`,
      { cause },
    ),
  busy: (message, cause) => new VideoClipError("ERR_BUSY", message, { cause }),
  // a caller who cancelled gets the signal's reason instead
  cancelled: (_, cause) => new VideoClipError("ERR_RUN", "The run was cancelled", { cause }),
  disposed: () => new DisposedError("This device"),
  internal,
};

/** Converts an error of native code to an error of this package, by its `code`. */
export function nativeError(cause: unknown): VideoClipError {
  if (cause instanceof VideoClipError) return cause;
  const { code, message = String(cause) } = (cause ?? {}) as { code?: unknown; message?: string };
  const make = typeof code === "string" && Object.hasOwn(NATIVE_ERRORS, code) ? NATIVE_ERRORS[code] : internal;
  return make(message, cause);
}
