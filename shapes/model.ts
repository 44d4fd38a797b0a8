// The model that ships, opened for rendered frames and texts.
import { fileURLToPath } from "node:url";
import { VideoEncoder } from "../dist/models/video/video_encoder.js";
import { VideoClip } from "../dist/models/videoclip/videoclip.js";
import type { Judged } from "./evaluate.js";

/** Folder of the model that ships. */
export const SHAPES_MODEL = fileURLToPath(new URL("../models/shapes", import.meta.url));

/** Opens the model in a folder with its video encoder. */
export async function openShapes(
  folder = SHAPES_MODEL,
  { threads }: { threads?: number } = {},
): Promise<Judged & { dispose(): void }> {
  const options = { device: "cpu", threads } as const;
  const model = await VideoClip.load(folder, options);
  const encoder = await VideoEncoder.load(folder, { device: model.device });
  return {
    encoder,
    model,
    dispose: () => {
      encoder.dispose();
      model.dispose();
    },
  };
}
