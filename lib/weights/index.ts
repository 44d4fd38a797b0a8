/** Weight files: `import { openWeights } from "videoclip/weights"`. Files are read, never executed. */
export { inspectModel } from "../models/inspect_model.js";
export { convertWeights, inspectWeights, type WeightsReport } from "./inspect.js";
export { openWeights, type OpenWeightsOptions, type WeightsFile } from "./open_weights.js";
export type { KeyMap, KeyRename, Tensors } from "./rename.js";
export { writeSafetensors } from "./safetensors.js";
export { type StoredDType, type StoredTensor } from "./tensor.js";
export type { Tree } from "./torch.js";
export { marianKeys, torchKeys, type TorchKeyOptions, type TransformerKeys } from "./transformer_files.js";
