import { WeightsError } from "../../base/errors.js";
import type { StoredTensor } from "../../weights/tensor.js";
import { type VideoClipConfig, videoClipConfig } from "./videoclip_config.js";

/** Number of encoder layers under a key prefix. */
function countLayers(tensors: ReadonlyMap<string, StoredTensor>, prefix: string): number {
  let n = 0;
  while (tensors.has(`${prefix}.encoder.layer.${n}.attention.self.query.weight`)) n++;
  return n;
}

/**
 * Sizes inferred from a checkpoint's tensors. `given` takes precedence; sizes that shapes do not show keep their
 * default (heads: width 64 each).
 * @throws WeightsError when the tensors are not those of a VideoCLIP model
 */
export function inferConfig(
  file: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  given: Partial<VideoClipConfig> = {},
): VideoClipConfig {
  const shared = given.shared ?? tensors.has("mm_encoder.videomlp.linear1.weight");
  const video = shared ? "mm_encoder" : "video_encoder";
  const shape = (key: string): number[] => {
    const found = tensors.get(key);
    if (!found) {
      throw new WeightsError(`${file}: this is no VideoCLIP checkpoint: ${key} is missing`, { file, key });
    }
    return found.shape;
  };
  const [hiddenSize, featureSize] = shape(`${video}.videomlp.linear1.weight`);
  const [words] = shape(`${video}.bert.embeddings.word_embeddings.weight`);
  const [maxPositions] = shape(`${video}.bert.embeddings.position_embeddings.weight`);
  const [intermediateSize] = shape(`${video}.bert.encoder.layer.0.intermediate.dense.weight`);
  const videoLayers = countLayers(tensors, `${video}.bert`);
  const textLayers = shared ? videoLayers : countLayers(tensors, "text_encoder");
  return videoClipConfig({
    featureSize,
    hiddenSize,
    heads: Math.max(1, Math.floor(hiddenSize / 64)),
    intermediateSize,
    maxPositions,
    shared,
    videoLayers,
    // a separate text model has its sizes in its config
    ...(given.textModel ? {} : { vocabularySize: words, textLayers }),
    ...given,
  });
}
