import type { DeviceOptions } from "../../runtime/device.js";
import { VideoClip } from "./videoclip.js";
import type { VideoClipTokenizer } from "./videoclip_types.js";

/** A model that a function uses, or its path. */
export interface BorrowedModelOptions extends Omit<DeviceOptions, "winograd"> {
  /** A VideoCLIP model; or the path of one, which is opened with the device options and closed again. */
  model: VideoClip | string;
  /** Tokenizer for the path of a model whose folder has none. */
  tokenizer?: VideoClipTokenizer | string | undefined;
  signal?: AbortSignal | undefined;
}

/** The model, and a function that closes it if it was opened here. */
export async function borrowModel({
  model,
  device,
  threads,
  precision,
  tokenizer,
  signal,
}: BorrowedModelOptions): Promise<{ model: VideoClip; release: () => void }> {
  if (typeof model !== "string") return { model, release: () => undefined };
  const opened = await VideoClip.load(model, { device, threads, precision, tokenizer, signal });
  return { model: opened, release: () => opened.dispose() };
}
