import { describeValue } from "../../base/describe_value.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { isArrayOf } from "../../base/typed_arrays.js";
import { clipBytes } from "../../video/clips/clip_memory.js";
import type { Clip, Preset } from "../../video/types.js";

/** 8-bit values of frames; those of a canvas are clamped arrays. */
export type Bytes = Uint8Array | Uint8ClampedArray;

/** Clips, each u8 RGB `[T, H, W, 3]`: a list, or their concatenated bytes. */
export type Clips = Bytes | readonly (Bytes | Clip)[];

/** The bytes of an array of any realm; undefined for anything else. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (isArrayOf("Uint8Array", value)) return value;
  if (isArrayOf("Uint8ClampedArray", value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

/**
 * Splits clips into single ones.
 * @param count the expected number, if the caller gave one
 * @throws InvalidArgumentError for clips that are not of the preset's size
 */
export function clipList(clips: Clips, preset: Preset, count?: number): Uint8Array[] {
  const size = clipBytes(preset);
  const { frames, crop } = preset;
  const fail = (received: string) => {
    const expected = `${count ?? "any number of"} clips of ${size} bytes [${frames}, ${crop}, ${crop}, 3]`;
    return new InvalidArgumentError(`clips: expected ${expected}, received ${received}`, {
      argument: "clips",
      expected,
      received,
    });
  };
  const together = bytesOf(clips);
  let list: Uint8Array[];
  if (together) {
    if (together.length % size) throw fail(`${together.length} bytes`);
    list = Array.from({ length: together.length / size }, (_, i) => together.subarray(i * size, (i + 1) * size));
  } else {
    if (!Array.isArray(clips)) throw fail(describeValue(clips));
    list = (clips as readonly (Bytes | Clip)[]).map((clip, i) => {
      const bytes = bytesOf(clip) ?? bytesOf((clip as Clip | null)?.frames);
      if (bytes?.length !== size) throw fail(`${bytes ? `${bytes.length} bytes` : describeValue(clip)} at ${i}`);
      return bytes;
    });
  }
  if (count !== undefined && list.length !== count) throw fail(`${list.length}`);
  return list;
}
