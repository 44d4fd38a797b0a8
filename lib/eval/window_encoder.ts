import { optimize } from "../compile/passes/index.js";
import { compile } from "../runtime/compile.js";
import { ProgramCache } from "../runtime/program_cache.js";
import { input, trace } from "../graph/trace.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { stepClassifier } from "../models/videoclip/videoclip_classifier.js";
import type { VideoFeatures } from "../models/videoclip/videoclip_input.js";
import { windowInputs, windowStarts, windowTokens } from "../models/videoclip/videoclip_windows.js";
import { averageWindows } from "./segmentation.js";

/** Windows of a long video that are computed together. */
const WINDOWS = 16;

/**
 * Encodes long videos by the second: overlapping windows go through the video tower, and the windows' results for a
 * second are averaged (MMPT: 32 s, every 16 s).
 */
export class WindowEncoder {
  readonly #programs = new ProgramCache();

  /** @param classes number of classes of the model's classifier, whose logits replace the tokens */
  constructor(
    readonly model: VideoClip,
    readonly classes?: number,
  ) {}

  /** Number of values per second: the width of tokens, or the number of classes. */
  get width(): number {
    return this.classes ?? this.model.config.hiddenSize;
  }

  /** f32 `[seconds, width]`. @param step seconds between the starts of two windows; default half a window */
  async seconds(video: VideoFeatures, step?: number, signal?: AbortSignal): Promise<Float32Array> {
    const { config } = this.model;
    const T = config.maxVideoLength;
    const [length] = video.shape;
    const starts = windowStarts(length, T, step ?? Math.max(1, T >> 1));
    const windows: Float32Array[] = [];
    for (let first = 0; first < starts.length; first += WINDOWS) {
      const part = starts.slice(first, first + WINDOWS);
      const { rows, ...inputs } = windowInputs(video, part, config);
      const program = this.#programs.get(`${rows}`, () => compile(optimize(this.#graph(rows)), this.model.device));
      const { out } = await program.run(inputs, { signal });
      part.forEach((_, row) => windows.push(out.slice(row * T * this.width, (row + 1) * T * this.width)));
    }
    return averageWindows(windows, starts, length, this.width);
  }

  #graph(N: number) {
    const { config } = this.model;
    const T = config.maxVideoLength;
    return trace(() => {
      const tokens = windowTokens(
        {
          features: input("features", [N, T, config.featureSize]),
          ends: input("ends", [N, 2], "i32"),
          mask: input("mask", [N, T + 2], "u8"),
        },
        config,
      );
      return { out: this.classes === undefined ? tokens : stepClassifier(tokens, this.classes) };
    });
  }

  dispose(): void {
    this.#programs.clear();
  }
}
