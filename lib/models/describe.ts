import { elements } from "../graph/tensor.js";
import { type Graph, input, PARAMETER, trace } from "../graph/trace.js";
import { globalMean } from "../nn/layers.js";
import { resolveOutput, VIDEO_MODELS, type VideoModelName } from "./video/video_models.js";
import { S3D, S3DG, type S3DOptions, s3dFeatures, s3dgHead, s3dHead } from "./video/s3d.js";

export interface LayerDescription {
  name: string;
  op: string;
  /** Output shape, channels last. */
  output: number[];
  /** Trainable values. */
  parameters: number;
  /** Multiply-adds of convolutions, linear layers and attention. */
  macs: number;
}

export interface ModelDescription {
  layers: LayerDescription[];
  parameters: number;
  macs: number;
}

/** Layers of a graph as traced, before fusion. A parameter is counted for the first layer that reads it. */
export function describeGraph(graph: Graph): ModelDescription {
  const layers: LayerDescription[] = [];
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    let parameters = 0;
    for (const x of node.inputs) {
      if (x?.node.op !== PARAMETER) continue;
      const key = x.node.attrs.key as string;
      if (!seen.has(key) && !/running_(mean|var)$/.test(key)) parameters += elements(x.shape);
      seen.add(key);
    }
    if (node.inputs.length === 0) continue;
    const output = [...node.outputs[0].shape];
    const macs = node.op.multiplyAdds?.(node.inputs, node.outputs, node.attrs as never) ?? 0;
    layers.push({ name: node.layer, op: node.op.name, output, parameters, macs });
  }
  const sum = (key: "parameters" | "macs") => layers.reduce((total, layer) => total + layer[key], 0);
  return { layers, parameters: sum("parameters"), macs: sum("macs") };
}

/**
 * Layers, parameters and multiply-adds of a model for one clip. `options` select a member of the S3D family.
 * @throws InvalidArgumentError for an unknown model; ShapeError when the clip is too small
 */
export function describeModel(options: {
  model: VideoModelName;
  frames?: number | undefined;
  size?: number | undefined;
  options?: S3DOptions | undefined;
}): ModelDescription {
  const { model } = options;
  resolveOutput(model);
  const { clip, build } = VIDEO_MODELS[model];
  const { frames = clip.frames, size = clip.size } = options;
  return describeGraph(
    trace(() => {
      const video = input("video", [1, frames, size, size, 3]);
      if (model !== "s3d" && model !== "s3dg") return { logits: build(video, "logits", {}) };
      const map = s3dFeatures(video, { ...(model === "s3d" ? S3D : S3DG), ...options.options });
      return model === "s3d" ? { ...s3dHead(map, 400), mixed_5c: globalMean(map) } : s3dgHead(map);
    }),
  );
}
