import type { Triple } from "../graph/ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { parameter } from "../graph/trace.js";
import { count, layer, options as checked, tensor, triple, wrong } from "./check.js";
import type { InitialValue } from "./initial.js";
import * as core from "./layers.js";
import { type Padding, paddingEnds } from "./padding.js";
import { withInitial } from "./parameters.js";

export interface ConvOptions {
  /** Size of the window along T, H, W: one number for all three, or a triple such as `[1, 3, 3]`. */
  kernel: number | Triple;
  /** Distance of the windows. Default 1. */
  stride?: number | Triple | undefined;
  /**
   * Zeros around the input: a number, a triple for T, H, W (both as in PyTorch), `same` (ceil(size / stride) positions) or
   * `valid` (none). Default 0.
   */
  padding?: Padding | undefined;
  /** Groups of channels that do not see each other; as many as channels: a depthwise convolution. Default 1. */
  groups?: number | undefined;
  /** Add `<key>.bias`. Default true; of no use before a BatchNorm. */
  bias?: boolean | undefined;
  /** What `<key>.weight` begins with. Default: normal with deviation sqrt(2 / inputs). */
  init?: InitialValue | undefined;
}

/**
 * 3-D convolution of x `[N, T, H, W, C]` to `[N, T', H', W', outChannels]`, with parameters `<key>.weight`
 * `[outChannels, C / groups, kT, kH, kW]` (PyTorch's shape) and `<key>.bias`. Images are videos of one frame.
 * @throws InvalidArgumentError; ShapeError where the window does not fit the input
 */
export function conv3d(x: Tensor, key: string, outChannels: number, options: ConvOptions): Tensor {
  return layer("conv3d", key, (name) => {
    const o = checked(name, options, ["kernel", "stride", "padding", "groups", "bias", "init"]);
    const { shape } = tensor(name, "x", x, { sizes: "[N, T, H, W, C]", dtype: "f32" });
    count(name, "outChannels", outChannels);
    const window = windowOf(name, shape, o);
    const { groups = 1, bias = true, init } = o;
    for (const channels of [shape[4], outChannels]) {
      if (channels % count(name, "groups", groups))
        throw wrong(name, "groups", `a divisor of ${channels} channels`, groups);
    }
    const y = core.conv3d(x, key, outChannels, { ...window, groups, bias });
    withInitial(parameter(`${key}.weight`, [outChannels, shape[4] / groups, ...window.kernel]), init);
    return y;
  });
}

/** Kernel, stride and padding of a window over `[N, T, H, W, C]`, checked. */
export function windowOf(
  name: string,
  shape: readonly number[],
  { kernel, stride, padding }: { kernel: unknown; stride?: unknown; padding?: unknown },
  usual: { stride: "one" | "kernel" } = { stride: "one" },
): { kernel: Triple; stride: Triple; low: Triple; high: Triple } {
  const k = triple(name, "kernel", kernel);
  const s =
    stride === undefined ? (usual.stride === "kernel" ? k : ([1, 1, 1] as const)) : triple(name, "stride", stride);
  return {
    kernel: k,
    stride: s,
    ...paddingEnds(paddingOf(name, padding), shape.slice(1, 4) as unknown as Triple, k, s),
  };
}

function paddingOf(name: string, padding: unknown = 0): Padding {
  if (padding === "same" || padding === "valid") return padding;
  if (typeof padding === "string") {
    throw wrong(
      name,
      "padding",
      '"same", "valid", a whole number of at least 0, or three of them for T, H, W',
      padding,
    );
  }
  return triple(name, "padding", padding, 0);
}
