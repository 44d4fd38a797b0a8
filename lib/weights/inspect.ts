import { WeightsError } from "../base/errors.js";
import { describeKeys } from "./state_dict.js";
import { openWeights } from "./open_weights.js";
import { kyleminToTorchvision, recognisable, recognise } from "./published.js";
import { writeSafetensors } from "./safetensors.js";
import { countElements } from "./tensor.js";

export interface WeightsReport {
  path: string;
  format: string;
  sha256: string;
  /** The published layout of the file, if it is known. */
  model: string | null;
  tensors: { key: string; dtype: string; shape: number[] }[];
  /** Number of values in all floating-point tensors that are not running statistics. */
  parameters: number;
  /** Classes of a trainer's objects in the file, which were not read. */
  skipped: string[];
}

/** Describes a weight file, for `videoclip inspect FILE`. */
export async function inspectWeights(path: string): Promise<WeightsReport> {
  const file = await openWeights(path, { skipForeign: true });
  try {
    const known = recognise({ tensors: recognisable(file.tensors) });
    const tensors = [...file.tensors].map(([key, { dtype, shape }]) => ({ key, dtype, shape }));
    const parameters = tensors
      .filter(({ key, dtype }) => dtype.includes("F") && !/running_(mean|var)$/.test(key))
      .reduce((sum, { shape }) => sum + (countElements(shape) ?? 0), 0);
    return {
      path,
      format: file.format,
      sha256: file.sha256,
      model: known ? `${known.models.join(" or ")} (${known.source})` : null,
      tensors,
      parameters,
      skipped: file.skipped,
    };
  } finally {
    file.close();
  }
}

/**
 * Converts a checkpoint to safetensors (kylemin's keys become torchvision's).
 * @returns the number of tensors, and the classes of a trainer's objects in the file, which were left out
 */
export async function convertWeights(input: string, output: string): Promise<{ tensors: number; skipped: string[] }> {
  const file = await openWeights(input, { skipForeign: true });
  try {
    const found = recognisable(file.tensors);
    const known = recognise({ tensors: found });
    if (found.size === 0) throw new WeightsError(`${input} holds no tensors${describeKeys(file)}`, { file: input });
    const tensors = known?.source === "kylemin" ? kyleminToTorchvision(found) : found;
    writeSafetensors(output, tensors, {
      source_sha256: file.sha256,
      ...(known ? { model: known.models.join(" or ") } : {}),
    });
    return { tensors: tensors.size, skipped: file.skipped };
  } finally {
    file.close();
  }
}
