import { describeValue } from "../../base/describe_value.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { fill, l2Normalize } from "../../ops/index.js";
import { applyOp, type Graph, input, trace } from "../../graph/trace.js";
import type { VideoClip } from "./videoclip.js";
import { textModelOf, type VideoClipConfig } from "./videoclip_config.js";
import { pooled, textTower, videoTower } from "./videoclip_graph.js";
import * as nn from "../../nn/layers.js";
import type { OnnxModel } from "../../onnx/model.js";
import { toOnnx } from "../../onnx/to_onnx.js";

/** One of VideoCLIP's two towers. */
export type VideoClipTower = "video" | "text";

export interface VideoClipOnnxOptions {
  tower: VideoClipTower;
  /** Batch size of the ONNX model. Default 1. */
  batch?: number | undefined;
  /** Text tower: tokens of a text, including [CLS] and [SEP]. Default: the model's maximum. */
  length?: number | undefined;
}

/**
 * A tower's graph, with inputs that need no knowledge of VideoCLIP's layout; the output is `embedding` `[N, hidden]`.
 *
 * - `video`: `features` f32 `[N, T, featureSize]` as `embedVideo` takes them, T being the model's `maxVideoLength`, zeros behind
 *   the end; `mask` f32 `[N, T]`: 1 where there is a feature, 0 elsewhere.
 * - `text`: `ids` i32 `[N, S]`: [CLS], word pieces, [SEP], padding; `mask` f32 `[N, S]`: 1 where there is a token, 0 elsewhere.
 *
 * @throws InvalidArgumentError for another tower, batch or length
 */
export function traceTower(c: VideoClipConfig, { tower, batch: N = 1, length }: VideoClipOnnxOptions): Graph {
  const check = (argument: string, value: unknown, expected: string, fits: boolean) => {
    if (fits) return;
    throw new InvalidArgumentError(`${argument}: expected ${expected}, received ${describeValue(value)}`, {
      argument,
      expected,
      received: value,
    });
  };
  check("tower", tower, "video or text", tower === "video" || tower === "text");
  check("batch", N, "1 to 1024", Number.isInteger(N) && N >= 1 && N <= 1024);
  if (tower === "video") {
    check("length", length, "nothing for the video tower, whose length is the model's", length === undefined);
    return trace(() => ({ embedding: videoEmbedding(N, c) }));
  }
  const max = c.maxTextLength + 2;
  const S = length ?? max;
  check("length", S, `3 to ${max} tokens`, Number.isInteger(S) && S >= 3 && S <= max);
  return trace(() => ({ embedding: textEmbedding(N, S, c) }));
}

const constant = (N: number, value: number) => applyOp(fill, [], { shape: [N, 1], value })[0];

function videoEmbedding(N: number, c: VideoClipConfig) {
  const T = c.maxVideoLength;
  const given = input("features", [N, T, c.featureSize]);
  const features = c.normalizeFeatures ? applyOp(l2Normalize, [given], { eps: 1e-12 })[0] : given;
  const present = input("mask", [N, T]);
  const mask = nn.concat([constant(N, 1), present, constant(N, 1)], 1);
  const pool = nn.concat([constant(N, 0), present, constant(N, 1)], 1);
  return pooled(videoTower(features, null, mask, c).hidden, pool, c);
}

function textEmbedding(N: number, S: number, c: VideoClipConfig) {
  const ids = input("ids", [N, S], "i32");
  const mask = input("mask", [N, S]);
  const present = textModelOf(c)?.trigram ? nn.reshape(mask, [N, S, 1]) : undefined;
  const pool = nn.concat([constant(N, 0), nn.slice(mask, [0, 1], [N, S - 1])], 1);
  return pooled(textTower(ids, mask, c, present), pool, c);
}

/**
 * One of the two towers of a VideoCLIP model as ONNX; see {@link traceTower} for its inputs. A score is the dot product
 * of two embeddings. Weights are read from the model while the file is written.
 * @throws InvalidArgumentError for another tower, batch or length
 */
export function videoClipToOnnx(model: VideoClip, options: VideoClipOnnxOptions): OnnxModel {
  const { config, device, weightsHash } = model;
  const graph = traceTower(config, options);
  const metadata = { model: "videoclip", tower: options.tower, weights: weightsHash, config: JSON.stringify(config) };
  return toOnnx(graph, (key) => device.parameters.get(key), { name: `videoclip_${options.tower}`, metadata });
}
