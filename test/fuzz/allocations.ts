// Records the largest allocation, used or not: a wrong size in a header must not allocate gigabytes.

let largest = 0;
const note = (bytes: unknown) => {
  if (typeof bytes === "number" && bytes > largest) largest = bytes;
};

/** Bytes of the largest allocation since the last call. */
export function takeLargest(): number {
  const bytes = largest;
  largest = 0;
  return bytes;
}

/** Records allocations of the code that runs after this call. */
export function watchAllocations(): void {
  const arrays = "Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array ArrayBuffer SharedArrayBuffer"; // prettier-ignore
  for (const name of arrays.split(" ")) {
    const original = (globalThis as unknown as Record<string, { BYTES_PER_ELEMENT?: number }>)[name];
    const size = original.BYTES_PER_ELEMENT ?? 1;
    const watched: object = new Proxy(original as never, {
      construct(target, args, made) {
        note(typeof args[0] === "number" ? args[0] * size : undefined);
        return Reflect.construct(target as never, args, made === watched ? target : made) as object;
      },
    });
    Object.defineProperty(globalThis, name, { value: watched, configurable: true, writable: true });
  }
  for (const name of ["alloc", "allocUnsafe", "allocUnsafeSlow"] as const) {
    const original = Buffer[name].bind(Buffer) as (bytes: number, ...rest: never[]) => Buffer;
    Object.defineProperty(Buffer, name, {
      value: (bytes: number, ...rest: never[]) => (note(bytes), original(bytes, ...rest)),
    });
  }
}
