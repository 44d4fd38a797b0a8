import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

function shippedModel(): string {
  const here: string | undefined = import.meta.url;
  const url = here === undefined ? undefined : new URL("../../../models/shapes", here); // none in a bundle in CommonJS format
  return url?.protocol === "file:" ? fileURLToPath(url) : resolve("models/shapes");
}

/**
 * Folder of the VideoCLIP model that ships with the package, as an absolute path: `VideoClip.load(SHAPES_MODEL)`. It is small, was
 * trained on videos of moving shapes, knows 62 words, and is there to be tried out. It has its video encoder and its tokenizer.
 */
export const SHAPES_MODEL: string = shippedModel();
