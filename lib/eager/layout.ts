import { wrongArgument } from "../graph/rules.js";
import {
  concat as concatDefinition,
  pad as padDefinition,
  permute as permuteDefinition,
  type PreprocessAttrs,
  preprocess as preprocessDefinition,
  slice as sliceDefinition,
  spaceToDepth as spaceToDepthDefinition,
} from "../ops/index.js";
import type { AnyArray, Bytes } from "./array_types.js";
import { guarded, type Operand, readOperand } from "./operand.js";
import { type OutOptions, readList, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runDefinition } from "./run.js";

/** Maximum number of arrays that one call joins. */
const MAX_ARRAYS = 65536;

/**
 * Joins arrays along an axis.
 * @param list arrays of one dtype (any), with equal sizes of all other axes
 * @param axis from 0
 */
export async function concat<T extends AnyArray = Float32Array>(
  list: readonly Operand<T>[],
  axis: number,
  options?: OutOptions<T>,
): Promise<Result<T>> {
  const { signal, out } = readOptions("concat", options, ["signal", "out"]);
  const given = guarded("concat", "list", () => {
    if (!Array.isArray(list) || !(list.length >= 1 && list.length <= MAX_ARRAYS))
      throw wrongArgument("concat", "list", `a list of 1 to ${MAX_ARRAYS} arrays`, list);
    return Array.from({ length: list.length }, (_, i) => list[i] as unknown);
  });
  const operands = given.map((x, i) => [`list[${i}]`, readOperand("concat", `list[${i}]`, x)] as const);
  return only(runDefinition(concatDefinition, Object.fromEntries(operands), { axis }, { signal, out: [out] }));
}

/**
 * The block of `size` elements that begins at `start`.
 * @param x of any dtype
 * @param start one per axis
 * @param size one per axis
 */
export async function slice<T extends AnyArray = Float32Array>(
  x: Operand<T>,
  start: readonly number[],
  size: readonly number[],
  options?: OutOptions<T>,
): Promise<Result<T>> {
  const { signal, out } = readOptions("slice", options, ["signal", "out"]);
  const attrs = { start: readList("slice", "start", start), size: readList("slice", "size", size) };
  return only(runDefinition(sliceDefinition, { x: readOperand("slice", "x", x) }, attrs, { signal, out: [out] }));
}

/**
 * x with zeros before and after the elements of each axis.
 * @param x of any dtype that the device has; f32, i32 or u8 on a CPU
 * @param low number of zeros before, one per axis
 * @param high number of zeros after, one per axis. Default: `low`
 */
export async function pad<T extends AnyArray = Float32Array>(
  x: Operand<T>,
  low: readonly number[],
  high: readonly number[] = low,
  options?: OutOptions<T>,
): Promise<Result<T>> {
  const { signal, out } = readOptions("pad", options, ["signal", "out"]);
  const attrs = { low: readList("pad", "low", low), high: readList("pad", "high", high) };
  return only(runDefinition(padDefinition, { x: readOperand("pad", "x", x) }, attrs, { signal, out: [out] }));
}

/**
 * Axis `i` of the result is axis `order[i]` of x, such as `[0, 2, 3, 4, 1]` from NCTHW to channels-last.
 * @param x of any dtype
 * @param order each axis once
 */
export async function permute<T extends AnyArray = Float32Array>(
  x: Operand<T>,
  order: readonly number[],
  options?: OutOptions<T>,
): Promise<Result<T>> {
  const { signal, out } = readOptions("permute", options, ["signal", "out"]);
  const attrs = { order: readList("permute", "order", order) };
  return only(runDefinition(permuteDefinition, { x: readOperand("permute", "x", x) }, attrs, { signal, out: [out] }));
}

/**
 * 2x2x2 blocks of positions to channels `((dt * 2 + dh) * 2 + dw) * C + c`.
 * @param x of any dtype, `[N, T, H, W, C]` with even T, H and W
 * @returns `[N, T/2, H/2, W/2, 8 C]`
 */
export async function spaceToDepth<T extends AnyArray = Float32Array>(
  x: Operand<T>,
  options?: OutOptions<T>,
): Promise<Result<T>> {
  const { signal, out } = readOptions("spaceToDepth", options, ["signal", "out"]);
  return only(
    runDefinition(spaceToDepthDefinition, { x: readOperand("spaceToDepth", "x", x) }, {}, { signal, out: [out] }),
  );
}

/**
 * A crop of frames, `(x / 255 - mean) / std` per colour, optionally as 2x2x2 blocks (see {@link spaceToDepth}).
 * @param x u8 RGB frames `[N, T, H, W, 3]`
 * @param attrs `top` and `left` of the crop, its `height` and `width`, `mean` and `std` of each colour, `spaceToDepth`
 * @returns f32 `[N, T, height, width, 3]`, or `[N, T/2, height/2, width/2, 24]`
 */
export async function preprocess(x: Operand<Bytes>, attrs: PreprocessAttrs, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("preprocess", options, ["signal", "out"]);
  const names = ["top", "left", "height", "width", "mean", "std", "spaceToDepth", "dtype"] as const;
  const read = readOptions("preprocess", attrs, names, "attrs");
  return only(
    runDefinition(preprocessDefinition, { x: readOperand("preprocess", "x", x) }, read, { signal, out: [out] }),
  );
}
