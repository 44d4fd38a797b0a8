import type { Float16Values } from "../base/typed_arrays.js";

/** f32 values, or 16-bit floats (a Uint16Array holds their bits): a GPU computes in these too. */
export type Floats = Float32Array | Uint16Array | Float16Values;
export type Bytes = Uint8Array | Uint8ClampedArray;
/** What the ops that move values take. */
export type AnyArray = Float32Array | Uint8Array | Int32Array | Uint16Array;
