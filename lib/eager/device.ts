import { createDevice, type Device, type DeviceOptions } from "../runtime/device.js";
import { ProgramCache } from "../runtime/program_cache.js";
import { readOptions } from "./options.js";

let device: Device | undefined;
let options: DeviceOptions = {};
/** Compiled calls by op, types and attributes. */
export const programs = new ProgramCache(256 << 20);

/**
 * Chooses the device for all later calls of `videoclip/ops`; frees the current one.
 * @throws InvalidArgumentError for unknown options; a device that is not available is an error of the next call
 */
export function configure(next: DeviceOptions): void {
  const read = readOptions("configure", next, ["device", "threads", "precision", "winograd"]);
  dispose();
  options = read;
}

/** Frees the device and its programs; the next call opens them again. */
export function dispose(): void {
  programs.clear();
  device?.dispose();
  device = undefined;
}

/** The device of the calls, opened on first use. @internal */
export function openDevice(): Device {
  device ??= createDevice(options);
  return device;
}

/**
 * An array of zeros that calls read and write in place; other arrays are copied on the event loop. Use it for large
 * inputs and for `out`, and do not touch it while a call uses it. After `configure` it is an ordinary array.
 * @throws InvalidArgumentError for a wrong length or dtype; OutOfMemoryError
 */
export function allocate(length: number, dtype?: "f32"): Float32Array;
export function allocate(length: number, dtype: "u8"): Uint8Array;
export function allocate(length: number, dtype: "i32"): Int32Array;
export function allocate(length: number, dtype: "f32" | "u8" | "i32" = "f32"): Float32Array | Uint8Array | Int32Array {
  return openDevice().allocate(length, dtype as "u8");
}
