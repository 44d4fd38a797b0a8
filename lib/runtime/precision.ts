import type { Precision } from "../base/dtypes.js";
import { DeviceError, InvalidArgumentError } from "../base/errors.js";

export type { Precision };

/** `auto`: bf16 where it is faster than f32, and f32 elsewhere. */
export type PrecisionChoice = Precision | "auto";

/** @throws InvalidArgumentError */
export function checkPrecision(precision: PrecisionChoice): void {
  if (["auto", "f32", "bf16", "bf16x3", "f16", "tf32"].includes(precision)) return;
  throw new InvalidArgumentError(`precision: expected auto, f32, bf16, bf16x3, f16 or tf32, received ${precision}`, {
    argument: "precision",
    received: precision,
  });
}

/**
 * The precision in which a CPU computes.
 * @param isa of its instruction set: the reason why products of bf16 would not be faster, and the pairs of bf16 in a step
 *   of its matrix unit, 0 without one
 * @throws DeviceError `ERR_PRECISION_UNAVAILABLE` for a precision that it lacks, or in which it would be slower
 */
export function cpuPrecision(
  precision: PrecisionChoice,
  { bf16Refusal, tileDepth }: { bf16Refusal: string | null; tileDepth: number },
): "f32" | "bf16" | "bf16x3" {
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
  if (precision === "bf16x3" && tileDepth === 0) throw noMatrixUnit();
  return precision;
}

/** The precision in which a GPU computes. @throws DeviceError `ERR_PRECISION_UNAVAILABLE` */
export function gpuPrecision(precision: PrecisionChoice): Precision {
  if (precision === "bf16x3") throw noMatrixUnit();
  return precision === "auto" ? "bf16" : precision;
}

const noMatrixUnit = () =>
  new DeviceError(
    "ERR_PRECISION_UNAVAILABLE",
    "precision bf16x3: it needs a CPU with a matrix unit (Intel's AMX), see `videoclip doctor`: use device cpu there, and " +
      "f32 elsewhere",
  );
