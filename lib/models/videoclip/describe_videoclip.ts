import { describeGraph, describeModel, type ModelDescription } from "../describe.js";
import { type VideoClipConfig } from "./videoclip_config.js";
import { traceText, traceVideo } from "./videoclip_graph.js";
import { resolvePreset } from "../../video/presets.js";

/** The three networks of a VideoCLIP model. */
export interface VideoClipDescription {
  /** The frozen video encoder, for one clip; absent if the config has none. */
  video_model?: ModelDescription | undefined;
  /** The video tower, for a video of `maxVideoLength` features. */
  video: ModelDescription;
  /** The text tower, for a text of `maxTextLength` word pieces. */
  text: ModelDescription;
}

/** Layers, parameters and multiply-adds of a VideoCLIP model. */
export function describeVideoClip(config: VideoClipConfig): VideoClipDescription {
  const sides = {
    video: describeGraph(traceVideo(config, 1, false)),
    text: describeGraph(traceText(config, 1, config.maxTextLength + 2, false)),
  };
  if (!config.videoModel) return sides;
  const { model, preset, ...sampling } = config.videoModel;
  const { frames, crop } = resolvePreset(preset, { frames: sampling.frames, size: sampling.size });
  return { video_model: describeModel({ model, frames, size: crop }), ...sides };
}
