// The model that ships, opened for rendered frames and texts.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadVideoEncoder } from "../dist/models/load.js";
import { videoModelOfFolder } from "../dist/models/videoclip_parts.js";
import { VideoClip } from "../dist/models/videoclip.js";
import { resolvePreset } from "../dist/video/presets.js";
import type { Judged } from "./evaluate.js";

/** Folder of the model that ships. */
export const SHAPES_MODEL = fileURLToPath(new URL("../models/shapes", import.meta.url));

/** Opens the model in a folder with its video encoder. */
export async function openShapes(
  folder = SHAPES_MODEL,
  { threads }: { threads?: number } = {},
): Promise<Judged & { dispose(): void }> {
  const options = { device: "cpu", threads } as const;
  const { model: name, output, preset } = videoModelOfFolder(folder);
  const weights = join(folder, "video_model.safetensors");
  const encoder = await loadVideoEncoder({ ...options, model: name, output, preset: resolvePreset(preset), weights });
  const model = await VideoClip.load(folder, options);
  return {
    encoder,
    model,
    dispose: () => {
      encoder.dispose();
      model.dispose();
    },
  };
}
