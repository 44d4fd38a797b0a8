import { checkOperand, misfit } from "../graph/operands.js";
import { contrastiveLoss as contrastiveDefinition, crossEntropy as crossEntropyDefinition } from "../ops/index.js";
import { type Operand, readOperand, readOptional } from "./operand.js";
import { type CallOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { runDefinition } from "./run.js";

export interface ContrastiveLossOptions extends CallOptions {
  /** Multiplies the dot products: 1 / temperature. Default 1. */
  scale?: number | undefined;
  /** The two directions' means are added (VideoCLIP; the default) or averaged (CLIP). */
  reduction?: "sum" | "mean" | undefined;
  /**
   * `[N]`, i32: rows of one group are positives of each other. Default: only row i of a and row i of b are positives.
   */
  group?: Operand<Int32Array> | null | undefined;
}

/**
 * Symmetric InfoNCE over the dot products of a and b, without storing them (VideoCLIP, arXiv 2109.14084, section 3.2).
 * @param a floats `[N, D]`
 * @param b like a
 * @returns the loss, and the log-sum-exp of the scores of every row and of every column, f32 `[N]`
 * @throws ShapeError when b or the groups do not fit a
 */
export async function contrastiveLoss(
  a: Operand,
  b: Operand,
  options?: ContrastiveLossOptions,
): Promise<{ loss: number; rows: Result; columns: Result }> {
  const o = readOptions("contrastiveLoss", options, ["scale", "reduction", "group", "signal"]);
  const { scale = 1, reduction = "sum", signal } = o;
  const operands = {
    a: readOperand("contrastiveLoss", "a", a),
    b: readOperand("contrastiveLoss", "b", b),
    group: readOptional("contrastiveLoss", "group", o.group),
  };
  const [loss, rows, columns] = await runDefinition(contrastiveDefinition, operands, { scale, reduction }, { signal });
  return { loss: loss.data[0], rows: rows as Result, columns: columns as Result };
}

export interface CrossEntropyOptions extends CallOptions {
  /** `[C]`, f32: weights of the classes, by which the mean is weighted too. Default: ones. */
  weight?: Operand | null | undefined;
  /** Rows with this target are ignored. Default -100. */
  ignoreIndex?: number | undefined;
  /** Probability that is spread evenly over all classes, including the target. Default 0. */
  smoothing?: number | undefined;
}

/**
 * Cross-entropy of logits with classes, the mean over the rows that are not ignored (PyTorch's `cross_entropy`); 0 if
 * all are.
 * @param x logits, floats `[..., C]`
 * @param target classes, i32 `[...]`, from 0 to below C or `ignoreIndex`
 * @returns the loss, and the log-sum-exp of every row, f32 `[...]`: without weights and smoothing the loss of a row is
 * this minus the logit of its target
 * @throws ShapeError when the target or the weight do not fit x, or a target is not a class
 */
export async function crossEntropy(
  x: Operand,
  target: Operand<Int32Array>,
  options?: CrossEntropyOptions,
): Promise<{ loss: number; logSumExp: Result }> {
  const o = readOptions("crossEntropy", options, ["weight", "ignoreIndex", "smoothing", "signal"]);
  const { ignoreIndex = -100, smoothing = 0, signal } = o;
  const operands = {
    x: readOperand("crossEntropy", "x", x),
    target: readOperand("crossEntropy", "target", target),
    weight: readOptional("crossEntropy", "weight", o.weight),
  };
  const classes = checkOperand("crossEntropy", "x", operands.x, ["...", "C"]).shape.at(-1)!;
  const { data } = { ...operands.target, ...checkOperand("crossEntropy", "target", operands.target, ["..."], ["i32"]) };
  const at = data.findIndex((t) => t !== ignoreIndex && (t < 0 || t >= classes));
  if (at >= 0) throw misfit("crossEntropy", `target[${at}]`, `a class below ${classes}, or ${ignoreIndex}`, data[at]);
  const attrs = { ignoreIndex, smoothing };
  const [loss, logSumExp] = await runDefinition(crossEntropyDefinition, operands, attrs, { signal });
  return { loss: loss.data[0], logSumExp: logSumExp as Result };
}
