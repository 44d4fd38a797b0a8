import type { Triple } from "../ops/index.js";
import { type Padding, type PaddingOptions, resolvePadding } from "../ops/conv/padding.js";
import type { Tensor } from "../graph/tensor.js";
import { parameter } from "../graph/trace.js";
import { count, layer, options as checked, tensor, triple, wrong } from "./check.js";
import type { InitialValue } from "./initial.js";
import * as core from "./layers.js";
import { withInitial } from "./parameters.js";

/** A window that moves over T, H and W. */
export interface WindowOptions {
  /** Size along T, H, W: one number for all three, or a triple such as `[1, 3, 3]`. */
  kernel: number | Triple;
  /** Distance between neighbouring windows. */
  stride?: number | Triple | undefined;
  /**
   * Padding around the input: a number, a triple for T, H, W (both as in PyTorch), `same` (ceil(size / stride)
   * positions) or `valid` (none), both as in TensorFlow. Default 0.
   */
  padding?: Padding | undefined;
  /** Instead of `padding`: positions added before (`low`) and after (`high`, default: `low`) T, H and W. */
  low?: Triple | undefined;
  high?: Triple | undefined;
}

/** Options of a convolution. The default of `stride` is 1; padding is zeros. */
export interface ConvOptions extends WindowOptions {
  /**
   * Groups of channels. Each group reads only its channels; as many groups as channels make a depthwise convolution.
   * Default 1.
   */
  groups?: number | undefined;
  /** Add `<key>.bias`. Default true; a bias before a BatchNorm has no effect. */
  bias?: boolean | undefined;
  /** Initial value of `<key>.weight`. Default: normal with deviation sqrt(2 / inputs). */
  init?: InitialValue | undefined;
}

/**
 * 3-D convolution of x `[N, T, H, W, C]` to `[N, T', H', W', outChannels]`, with parameters `<key>.weight`
 * `[outChannels, C / groups, kT, kH, kW]` (PyTorch's shape) and `<key>.bias`. Images are videos of one frame.
 * @throws InvalidArgumentError; ShapeError where the window does not fit the input
 */
export function conv3d(x: Tensor, key: string, outChannels: number, options: ConvOptions): Tensor {
  return layer("conv3d", key, (name) => {
    const o = checked(name, options, [...WINDOW, "groups", "bias", "init"]);
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

/** Names of the options of a window. */
export const WINDOW = ["kernel", "stride", "padding", "low", "high"] as const;

/** The checked kernel, stride and padding of a window over `[N, T, H, W, C]`. */
export function windowOf(
  name: string,
  shape: readonly number[],
  options: WindowOptions,
  usual: "one" | "kernel" = "one",
): { kernel: Triple; stride: Triple; low: Triple; high: Triple } {
  const kernel = triple(name, "kernel", options.kernel);
  const stride = triple(name, "stride", options.stride ?? (usual === "one" ? 1 : kernel));
  const [kind] = name.split(" ");
  const { padding, low, high }: PaddingOptions = options;
  return { kernel, stride, ...resolvePadding(kind, { padding, low, high }, shape.slice(1, 4), kernel, stride) };
}
