import type { Float16Values } from "../base/typed_arrays.js";

/** f32 values, or 16-bit floats (a Uint16Array holds their bits), which a GPU computes with. */
export type Floats = Float32Array | Uint16Array | Float16Values;
export type Bytes = Uint8Array | Uint8ClampedArray;
/** Arrays for the ops that move values. */
export type AnyArray = Float32Array | Uint8Array | Int32Array | Uint16Array;
