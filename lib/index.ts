/** VideoCLIP's frozen video encoders and bulk feature extraction on native kernels. */
export { createDevice, Device, type DeviceOptions, type DeviceReport, deviceReport } from "./device.js";
export * from "./errors.js";
export { type ClipFeature, type ExtractOptions, extract } from "./features/extract.js";
export { type ExtractSummary, type ExtractToFolderOptions, extractToFolder } from "./features/run.js";
export { describeModel, type ModelDescription } from "./models/describe.js";
export type { VideoEncoder, VideoEncoderOptions } from "./models/encoder.js";
export { loadVideoEncoder } from "./models/load.js";
export { openVideo } from "./video/index.js";
export { listPresets, resolvePreset } from "./video/presets.js";
export type { Clip, OpenVideo, Preset, VideoInfo } from "./video/types.js";
export { openWeights } from "./weights/index.js";
