import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

function shippedModel(): string {
  const here: string | undefined = import.meta.url;
  const url = here === undefined ? undefined : new URL("../../../models/shapes", here); // undefined in a CommonJS bundle
  return url?.protocol === "file:" ? fileURLToPath(url) : resolve("models/shapes");
}

/**
 * Absolute path of the VideoCLIP model in this package: `VideoClip.load(SHAPES_MODEL)`. It is a small model for trials,
 * trained on videos of moving shapes, with 62 words. It includes its video encoder and its tokenizer.
 */
export const SHAPES_MODEL: string = shippedModel();
