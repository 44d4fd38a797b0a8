import { openWeights, writeSafetensors } from "./index.js";
import { kyleminToTorchvision, recognise } from "./published.js";
import { countElements } from "./tensor.js";

export interface WeightsReport {
  path: string;
  format: string;
  sha256: string;
  /** The published layout it was recognised as. */
  model: string | null;
  tensors: { key: string; dtype: string; shape: number[] }[];
  /** Values in all floating-point tensors that are not running statistics. */
  parameters: number;
}

/** What is in a weight file, for `videoclip inspect FILE`. */
export async function inspectWeights(path: string): Promise<WeightsReport> {
  const file = await openWeights(path);
  try {
    const known = recognise(file);
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
    };
  } finally {
    file.close();
  }
}

/** Converts a checkpoint to safetensors (kylemin's keys become torchvision's). @returns how many tensors were written */
export async function convertWeights(input: string, output: string): Promise<number> {
  const file = await openWeights(input);
  try {
    const known = recognise(file);
    const tensors = known?.source === "kylemin" ? kyleminToTorchvision(file.tensors) : file.tensors;
    writeSafetensors(output, tensors, {
      source_sha256: file.sha256,
      ...(known ? { model: known.models.join(" or ") } : {}),
    });
    return tensors.size;
  } finally {
    file.close();
  }
}
