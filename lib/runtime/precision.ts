import { DeviceError, InvalidArgumentError } from "../base/errors.js";

/**
 * The storage type of activations and weights: f32, bf16 or f16, with sums in f32. On a CPU, training with bf16 stores
 * f32 and rounds the operands of matrix products. `tf32` (GPU) stores f32 and rounds the operands of matrix products to
 * 10 bits.
 */
export type Precision = "f32" | "bf16" | "f16" | "tf32";

/** `auto`: bf16 where it is faster than f32, and f32 elsewhere. */
export type PrecisionChoice = Precision | "auto";

/** @throws InvalidArgumentError */
export function checkPrecision(precision: PrecisionChoice): void {
  if (["auto", "f32", "bf16", "f16", "tf32"].includes(precision)) return;
  throw new InvalidArgumentError(`precision: expected auto, f32, bf16, f16 or tf32, received ${precision}`, {
    argument: "precision",
    received: precision,
  });
}

/**
 * The precision in which a CPU computes.
 * @param bf16Refusal the reason why products of bf16 would not be faster with its instruction set
 * @throws DeviceError `ERR_PRECISION_UNAVAILABLE` for a precision that it lacks, or in which it would be slower
 */
export function cpuPrecision(
  precision: PrecisionChoice,
  { bf16Refusal }: { bf16Refusal: string | null },
): "f32" | "bf16" {
  if (precision === "auto") return bf16Refusal === null ? "bf16" : "f32";
  if (precision === "f16" || precision === "tf32") {
    throw new DeviceError(
      "ERR_PRECISION_UNAVAILABLE",
      `precision ${precision}: a CPU computes in f32 or bf16; it needs a GPU`,
    );
  }
  if (precision === "bf16" && bf16Refusal !== null) {
    throw new DeviceError(
      "ERR_PRECISION_UNAVAILABLE",
      `precision bf16: ${bf16Refusal}, so bf16 would only be slower: use f32, or auto, which chooses the faster one`,
    );
  }
  return precision;
}
