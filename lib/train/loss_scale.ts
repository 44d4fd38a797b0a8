/** State of a dynamic loss scale; part of a checkpoint. */
export interface LossScaleState {
  scale: number;
  /** Steps since the last change. */
  good: number;
}

const GROW_AFTER = 2000;
/**
 * Largest loss scale. The gradient of the loss is stored in the type of activations, and the largest float16 is 65504.
 */
const LARGEST = 32768;

/**
 * Dynamic loss scale (Micikevicius et al. 2018, section 3.2). The factor keeps gradients of 16-bit activations from
 * becoming 0; it doubles after 2000 steps and halves when a gradient overflows. In f32 it is 1.
 */
export function initialLossScale(precision: string): LossScaleState {
  return { scale: precision === "f16" ? LARGEST : 1, good: 0 };
}

export function nextLossScale({ scale, good }: LossScaleState, finite: boolean, precision: string): LossScaleState {
  if (precision !== "f16") return { scale, good };
  if (!finite) return { scale: Math.max(1, scale / 2), good: 0 };
  return good + 1 < GROW_AFTER ? { scale, good: good + 1 } : { scale: Math.min(LARGEST, scale * 2), good: 0 };
}
