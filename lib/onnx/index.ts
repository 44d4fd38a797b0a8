/** Models as ONNX files: `import { toOnnx } from 'videoclip/onnx'`. */
export type { OnnxWeights } from "./constants.js";
export type { OnnxModel } from "./model.js";
export { type OnnxOptions, toOnnx } from "./to_onnx.js";
export {
  traceVideoEncoder,
  type VideoEncoderOnnxOptions,
  videoEncoderToOnnx,
} from "../models/video/video_encoder_onnx.js";
export type { OutputOptions } from "../models/video/video_models.js";
export { videoClipToOnnx, type VideoClipOnnxOptions, type VideoClipTower } from "../models/videoclip/videoclip_onnx.js";
