import { checkOperand, operandError } from "../graph/operands.js";
import { conv3d as definition, conv3dAttrs, permute, type Triple, type UnaryKind } from "../ops/index.js";
import { conv3dRules } from "../ops/conv/conv3d_attrs.js";
import { type PaddingOptions, perAxis, resolvePadding } from "../ops/conv/padding.js";
import { checkAttribute, oneOf } from "../graph/rules.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { type Operand, readOperand, readOptional } from "./operand.js";
import { type OutOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runDefinition } from "./run.js";

export interface Conv3dOptions extends OutOptions, PaddingOptions {
  /** `[Cout]`, f32. */
  bias?: Operand | null | undefined;
  /** Added before the activation; it has the shape and dtype of the output. */
  residual?: Operand | null | undefined;
  /** Distance between neighbouring windows along T, H, W, or one number for all. Default 1. */
  stride?: number | Triple | undefined;
  /** Default 1. With as many groups as Cin and Cout the convolution is depthwise. */
  groups?: number | undefined;
  /** Activation of the result. Default `none`. */
  activation?: "none" | UnaryKind | undefined;
  /**
   * `OIDHW` (the default): PyTorch's weight. `DHWIO`: a filter of TensorFlow, `[kT, kH, kW, Cin / groups, Cout]`. A
   * filter without this option is an error if its sizes do not fit; sizes that fit by accident are not detected.
   */
  weightLayout?: "OIDHW" | "DHWIO" | undefined;
}

const CONV3D = [
  "bias",
  "residual",
  "stride",
  "padding",
  "low",
  "high",
  "groups",
  "activation",
  "weightLayout",
  "signal",
  "out",
] as const;

/** Axes of PyTorch's weight in TensorFlow's filter. */
const FROM_DHWIO = [4, 3, 0, 1, 2];

/**
 * 3-D convolution (cross-correlation, as in PyTorch and TensorFlow) with zero padding.
 * @param x floats `[N, T, H, W, Cin]`
 * @param weight floats `[Cout, Cin / groups, kT, kH, kW]`
 * @returns `[N, T', H', W', Cout]` of x's dtype
 * @throws InvalidArgumentError; ShapeError, DTypeError when the operands do not fit together
 */
export async function conv3d(x: Operand, weight: Operand, options?: Conv3dOptions): Promise<Result> {
  const o = readOptions("conv3d", options, CONV3D);
  const { groups = 1, activation = "none", weightLayout = "OIDHW" } = o;
  checkAttribute("conv3d", "groups", groups, conv3dRules.groups);
  checkAttribute("conv3d", "weightLayout", weightLayout, oneOf(["OIDHW", "DHWIO"]));
  const operands = {
    x: readOperand("conv3d", "x", x),
    weight: readOperand("conv3d", "weight", weight),
    bias: readOptional("conv3d", "bias", o.bias),
    residual: readOptional("conv3d", "residual", o.residual),
  };
  const turned = weightLayout === "DHWIO";
  const size = checkOperand("conv3d", "x", operands.x, ["N", "T", "H", "W", "Cin"]).shape;
  const axes = turned ? ["kT", "kH", "kW", "Cin / groups", "Cout"] : ["Cout", "Cin / groups", "kT", "kH", "kW"];
  const given = checkOperand("conv3d", "weight", operands.weight, axes).shape;
  const [outChannels, perGroup, ...window] = turned ? FROM_DHWIO.map((axis) => given[axis]) : given;
  if (!turned && perGroup * groups !== size[4] && given[3] * groups === size[4]) {
    const expected = `[Cout, ${size[4] / groups}, kT, kH, kW]`;
    throw operandError("conv3d", "weight", operands.weight, expected, "a filter of tfjs? weightLayout: 'DHWIO'");
  }
  const stride = perAxis(o.stride === undefined ? 1 : o.stride);
  const kernel = window as unknown as Triple;
  const padding = resolvePadding("conv3d", o, size.slice(1, 4), kernel, stride);
  const attrs = conv3dAttrs({ outChannels, kernel, stride, groups, activation, ...padding });
  const callOptions = { signal: o.signal, out: [o.out] };
  if (!turned) return only(runDefinition(definition, operands, attrs, callOptions));
  const prepare = ({ x, weight, bias, residual }: Record<string, Tensor | null>) => [
    x,
    applyOp(permute, [weight], { order: FROM_DHWIO })[0],
    bias,
    residual,
  ];
  return only(runDefinition(definition, operands, attrs, { ...callOptions, prepare, form: weightLayout }));
}
